use http::Method;
use utoipa::{
    ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, HttpMethod, ObjectBuilder, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

use super::security::{self, Ways};
use crate::{
    access::{Access, Credentials, Requirement},
    problem::{AccessProblem, MEDIA_TYPE, ProblemBody},
};

/// One route, as the document gets to know it.
pub(crate) struct Described<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) access: &'a Access,
    /// Whether a rate limit stands before it.
    pub(crate) limited: bool,
    /// What `#[utoipa::path]` says; none of a route without it.
    pub(crate) operation: Option<&'a Operation>,
    pub(crate) schemas: &'a [(String, RefOr<Schema>)],
}

impl Described<'_> {
    /// The operation with all that the access table and the path know of it.
    pub(super) fn operation(&self, ways: &Ways) -> Operation {
        let mut operation = self.operation.cloned().unwrap_or_else(|| self.bare());
        self.add_path_parameters(&mut operation);
        self.add_access(&mut operation, ways);
        operation
    }

    /// Of a route that nobody described, at least this is known.
    fn bare(&self) -> Operation {
        let mut operation = Operation::new();
        let words: Vec<&str> = self
            .path
            .split(['/', '{', '}', '*', '-', '.'])
            .filter(|word| !word.is_empty())
            .collect();
        operation.operation_id = Some(format!(
            "{}_{}",
            self.method.as_str().to_lowercase(),
            words.join("_")
        ));
        operation.summary = Some(format!("{} {}", self.method, self.path));
        let answer = ResponseBuilder::new().description("Not described").build();
        operation
            .responses
            .responses
            .insert("default".to_owned(), answer.into());
        operation
    }

    fn add_path_parameters(&self, operation: &mut Operation) {
        let known = operation.parameters.get_or_insert_default();
        for name in parameters(self.path) {
            let is_known = known.iter().any(|parameter| match parameter {
                RefOr::T(Parameter {
                    parameter_in: ParameterIn::Path,
                    name: known,
                    ..
                }) => known == name,
                _ => false,
            });
            if !is_known {
                let parameter = ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                    .build();
                known.push(parameter.into());
            }
        }
        if known.is_empty() {
            operation.parameters = None;
        }
    }

    fn add_access(&self, operation: &mut Operation, ways: &Ways) {
        operation.security = Some(security::requirements(self.access, ways));
        let access = format!("**Access:** {}", self.access);
        operation.description = Some(match operation.description.take() {
            Some(text) if !text.is_empty() => format!("{text}\n\n{access}"),
            _ => access,
        });
        if self.limited {
            let answers = &mut operation.responses.responses;
            answers
                .entry("429".to_owned())
                .or_insert_with(|| too_many().into());
        }
        if self.access.credentials == Credentials::Ignored {
            return;
        }
        let mut add = |status: &str, response: Response| {
            operation
                .responses
                .responses
                .entry(status.to_owned())
                .or_insert_with(|| response.into());
        };
        add(
            "400",
            problem::<ProblemBody>("The request cannot be read, or has credentials of more than one kind")
                .build(),
        );
        add(
            "401",
            problem::<ProblemBody>(match self.access.credentials {
                Credentials::Optional => "The access token is not valid",
                Credentials::Ignored | Credentials::Required => "No access token, or one that is not valid",
            })
            .header("WWW-Authenticate", header("The challenge (RFC 6750)"))
            .build(),
        );
        add("503", unavailable());
        let forbidden = match &self.access.requirement {
            Requirement::Public | Requirement::Authenticated => "Not allowed".to_owned(),
            demanding => format!("Not allowed: needs {demanding}"),
        };
        add("403", problem::<AccessProblem>(&forbidden).build());
    }
}

fn too_many() -> Response {
    problem::<ProblemBody>("Too many requests")
        .header("Retry-After", header("Seconds to wait"))
        .build()
}

fn unavailable() -> Response {
    problem::<ProblemBody>("Cannot tell now who is calling: try again later")
        .header("Retry-After", header("Seconds to wait"))
        .build()
}

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

fn problem<T: ToSchema>(description: &str) -> ResponseBuilder {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(T::name())))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, content)
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

/// OpenAPI has no parameters that span segments: `{*rest}` is told as `{rest}`.
pub(super) fn documented_path(path: &str) -> String {
    path.replace("{*", "{")
}

/// The methods that a path item has.
pub(super) fn http_method(method: &Method) -> Option<HttpMethod> {
    Some(match method.as_str() {
        "GET" => HttpMethod::Get,
        "PUT" => HttpMethod::Put,
        "POST" => HttpMethod::Post,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        "HEAD" => HttpMethod::Head,
        "PATCH" => HttpMethod::Patch,
        "TRACE" => HttpMethod::Trace,
        _ => return None,
    })
}
