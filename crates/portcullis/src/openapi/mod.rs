//! The OpenAPI 3.1 document, made from the access table and what `#[utoipa::path]` says of each handler. What it says
//! of access is what the gate enforces: there is nothing to write by hand, and no way to disagree.

mod operation;
mod security;

use std::collections::BTreeMap;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, OpenApi, OpenApiBuilder, Paths, RefOr, Schema,
        path::PathItem,
        schema::ComponentsBuilder,
        security::{
            ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, OpenIdConnect, Password, Scopes,
            SecurityScheme,
        },
        tag::TagBuilder,
    },
};

pub(crate) use self::{operation::Described, security::Ways};
use crate::{
    access::{Named, NamedPermission, PermissionKind},
    problem::{AccessProblem, FieldError, ProblemBody, Segment, ValidationProblem},
};

/// What the document says beside its operations, and that `/openapi.json` and `/docs` are to be served.
///
/// ```
/// use portcullis::openapi::Documentation;
///
/// let documentation = Documentation::new("Articles", "1.0.0")
///     .description("Articles and who writes them.")
///     .token_url("/auth/login")
///     .tag("articles", "Reading and writing articles");
/// # drop(documentation);
/// ```
#[derive(Clone, Debug)]
pub struct Documentation {
    title: String,
    version: String,
    description: Option<String>,
    token_url: Option<String>,
    tags: Vec<(String, String)>,
    names: Vec<Named>,
}

impl Documentation {
    /// Documentation of an API and its version.
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            version: version.into(),
            description: None,
            token_url: None,
            tags: Vec::new(),
            names: Vec::new(),
        }
    }

    /// A description, in Markdown.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Where a password becomes a token (RFC 6749, section 4.3): the page's Authorize button logs in there.
    #[must_use]
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// What a tag groups. Tags are shown in the order in which they are added.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.tags.push((name.into(), description.into()));
        self
    }

    /// A scope that tokens can carry although no route asks for it. Those that routes ask for are known.
    ///
    /// ```
    /// use portcullis::openapi::Documentation;
    ///
    /// portcullis::scopes! { pub Export = "export": "Export everything"; }
    ///
    /// let documentation = Documentation::new("Articles", "1.0.0").permission::<Export>();
    /// # drop(documentation);
    /// ```
    #[must_use]
    pub fn permission<P: NamedPermission>(mut self) -> Self {
        self.names.push(Named::of::<P>());
        self
    }

    pub(crate) fn document<'a>(
        &self,
        operations: impl Iterator<Item = Described<'a>>,
        mut ways: Ways,
    ) -> OpenApi {
        ways.password = self.token_url.is_some();
        let mut paths = Paths::new();
        let mut schemas = own_schemas();
        let mut names = self.names.clone();
        for described in operations {
            names.extend(&described.access.names);
            schemas.extend(described.schemas.iter().cloned());
            let path = operation::documented_path(described.path);
            let Some(method) = operation::http_method(described.method) else {
                continue;
            };
            let operation = described.operation(&ways);
            let item = PathItem::new(method, operation);
            match paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => {
                    paths.paths.insert(path, item);
                }
            }
        }
        let mut info = Info::new(&self.title, &self.version);
        info.description.clone_from(&self.description);
        let tags = self
            .tags
            .iter()
            .map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
        OpenApiBuilder::new()
            .info(info)
            .paths(paths)
            .components(Some(self.components(schemas, &names, &ways)))
            .tags((!self.tags.is_empty()).then(|| tags.collect::<Vec<_>>()))
            .build()
    }

    fn components(
        &self,
        schemas: BTreeMap<String, RefOr<Schema>>,
        names: &[Named],
        ways: &Ways,
    ) -> Components {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token."))
            .build();
        let mut components = ComponentsBuilder::new()
            .schemas_from_iter(schemas)
            .security_scheme(security::BEARER, SecurityScheme::Http(bearer));
        if let Some(name) = ways.sources.cookie_name() {
            let value =
                ApiKeyValue::with_description(name, "An access token, in a cookie that a login sets.");
            components =
                components.security_scheme(security::COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(value)));
        }
        if let Some(name) = ways.sources.query_name() {
            let value =
                ApiKeyValue::with_description(name, "An access token, where nothing else can be sent.");
            components =
                components.security_scheme(security::QUERY, SecurityScheme::ApiKey(ApiKey::Query(value)));
        }
        for (scheme, url) in ways.openid() {
            let issuer = OpenIdConnect::with_description(url, "An access token of this issuer.");
            components = components.security_scheme(scheme, SecurityScheme::OpenIdConnect(issuer));
        }
        if let Some(token_url) = &self.token_url {
            let scopes = names
                .iter()
                .filter(|named| named.kind == PermissionKind::Scope)
                .map(|named| (named.name, named.description))
                .collect::<BTreeMap<_, _>>();
            let flow = Flow::Password(Password::new(token_url, Scopes::from_iter(scopes)));
            let scheme = OAuth2::with_description([flow], "Log in by email and password.");
            components = components.security_scheme(security::PASSWORD, SecurityScheme::OAuth2(scheme));
        }
        components.build()
    }
}

/// The schemas of the problems that the gate itself answers.
fn own_schemas() -> BTreeMap<String, RefOr<Schema>> {
    fn add<T: ToSchema>(into: &mut BTreeMap<String, RefOr<Schema>>) {
        into.insert(T::name().into_owned(), <T as PartialSchema>::schema());
    }
    let mut schemas = BTreeMap::new();
    add::<ProblemBody>(&mut schemas);
    add::<AccessProblem>(&mut schemas);
    add::<ValidationProblem>(&mut schemas);
    add::<FieldError>(&mut schemas);
    add::<Segment>(&mut schemas);
    schemas
}

#[cfg(test)]
mod tests;
