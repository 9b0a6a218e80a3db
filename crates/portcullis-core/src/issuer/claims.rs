use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::token::TokenError;

/// What a token's claims amount to.
///
/// ```
/// use portcullis_core::issuer::Granted;
///
/// let nothing = Granted::default();
/// let editor = Granted { roles: vec!["editor".into()], ..nothing };
/// # drop(editor);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Roles, by the names of this application.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// Which claims hold roles, and which hold scopes. Issuers disagree on it.
///
/// | claim | who |
/// |---|---|
/// | `scope` | RFC 9068: words, separated by spaces |
/// | `scp` | Entra (words), Okta (a list) |
/// | `roles` | RFC 9068, Entra: a list |
/// | `groups` | Okta, Entra (identifiers), Keycloak (paths): a list; only when asked for |
/// | `realm_access.roles`, `resource_access.CLIENT.roles` | Keycloak; only when asked for |
///
/// ```
/// use portcullis_core::issuer::ClaimRules;
///
/// let claims = serde_json::json!({
///     "scope": "openid tasks:read",
///     "realm_access": {"roles": ["staff"]},
///     "resource_access": {"tasks": {"roles": ["editor"]}, "other": {"roles": ["admin"]}},
/// });
/// let granted = ClaimRules::keycloak("tasks").read(claims.as_object().unwrap())?;
/// assert_eq!(granted.roles, ["staff", "editor"]);
/// assert_eq!(granted.scopes, ["openid", "tasks:read"]);
/// let ours = ClaimRules::nothing().groups().roles_at(["https://app.example/role"]).scopes_at(["permissions"]);
/// let claims = serde_json::json!({"groups": ["staff"], "https://app.example/role": "editor", "permissions": ["read"]});
/// assert_eq!(ours.read(claims.as_object().unwrap())?.roles, ["staff", "editor"]);
/// # Ok::<(), portcullis_core::token::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRules {
    roles: Vec<Path>,
    scopes: Vec<Path>,
}

/// The names of the members that lead to a value.
type Path = Vec<String>;

impl Default for ClaimRules {
    /// Scopes from `scope` and `scp`, roles from `roles`. Not from `groups`: who may make groups at an issuer is often not
    /// who may make administrators here.
    fn default() -> Self {
        Self::nothing()
            .scopes_at(["scope"])
            .scopes_at(["scp"])
            .roles_at(["roles"])
    }
}

impl ClaimRules {
    /// Neither roles nor scopes from anywhere.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            roles: Vec::new(),
            scopes: Vec::new(),
        }
    }

    /// Keycloak's: scopes from `scope`, roles of the realm, and those of this client. Roles of other clients are for others.
    #[must_use]
    pub fn keycloak(client: &str) -> Self {
        Self::nothing()
            .scopes_at(["scope"])
            .roles_at(["realm_access", "roles"])
            .roles_at(["resource_access", client, "roles"])
    }

    /// Roles from `groups`, too.
    #[must_use]
    pub fn groups(self) -> Self {
        self.roles_at(["groups"])
    }

    /// Roles from this claim, too, each member one step down: a list of texts, or one text for one role.
    #[must_use]
    pub fn roles_at<'a>(mut self, path: impl IntoIterator<Item = &'a str>) -> Self {
        self.roles.push(path.into_iter().map(str::to_owned).collect());
        self
    }

    /// Scopes from this claim, too, each member one step down: a list of texts, or one text of words.
    #[must_use]
    pub fn scopes_at<'a>(mut self, path: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes.push(path.into_iter().map(str::to_owned).collect());
        self
    }

    /// What the claims amount to. A claim that is not there grants nothing.
    ///
    /// # Errors
    /// When one has another form: whoever wrote it meant something, and nobody can tell what.
    pub fn read(&self, claims: &Map<String, Value>) -> Result<Granted, TokenError> {
        let mut granted = Granted::default();
        for path in &self.roles {
            for text in texts(claims, path, TokenError::BadClaim("roles"))? {
                granted.roles.push(text.to_owned());
            }
        }
        for path in &self.scopes {
            for text in texts(claims, path, TokenError::BadClaim("scope"))? {
                let words = text.split(' ').filter(|word| !word.is_empty());
                granted.scopes.extend(words.map(str::to_owned));
            }
        }
        Ok(granted)
    }
}

fn texts<'a>(
    claims: &'a Map<String, Value>,
    path: &[String],
    wrong: TokenError,
) -> Result<Vec<&'a str>, TokenError> {
    let Some((last, before)) = path.split_last() else {
        return Ok(Vec::new());
    };
    let mut members = claims;
    for name in before {
        match members.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(inner)) => members = inner,
            Some(_) => return Err(wrong),
        }
    }
    match members.get(last) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(several)) => several.iter().map(|one| one.as_str().ok_or(wrong)).collect(),
        Some(_) => Err(wrong),
    }
}

/// A role that the application knows, and what it implies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRole {
    /// Its name.
    pub name: String,
    /// The names of all roles that are held with it.
    pub implies: Vec<String>,
}

type Reader = dyn Fn(&Map<String, Value>) -> Granted + Send + Sync;

/// How claims become roles and scopes.
#[derive(Clone)]
pub struct Grants {
    by: By,
    known: Option<Arc<[KnownRole]>>,
}

#[derive(Clone)]
enum By {
    Rules(ClaimRules),
    Reader(Arc<Reader>),
}

impl Default for Grants {
    fn default() -> Self {
        Self::by_rules(ClaimRules::default())
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: &dyn fmt::Debug = match &self.by {
            By::Rules(rules) => rules,
            By::Reader(_) => &"a function",
        };
        f.debug_struct("Grants")
            .field("by", by)
            .field("known", &self.known)
            .finish()
    }
}

impl Grants {
    /// By rules.
    #[must_use]
    pub const fn by_rules(rules: ClaimRules) -> Self {
        Self {
            by: By::Rules(rules),
            known: None,
        }
    }

    /// By a function of the application.
    #[must_use]
    pub fn by_function(read: impl Fn(&Map<String, Value>) -> Granted + Send + Sync + 'static) -> Self {
        Self {
            by: By::Reader(Arc::new(read)),
            known: None,
        }
    }

    /// Of the roles only these are taken, each with all that it implies. Without this, all are taken by their names, and
    /// none implies another.
    #[must_use]
    pub fn knowing(self, roles: impl Into<Arc<[KnownRole]>>) -> Self {
        Self {
            known: Some(roles.into()),
            ..self
        }
    }

    /// The same roles, read otherwise.
    #[must_use]
    pub fn read_by(self, other: Self) -> Self {
        Self { by: other.by, ..self }
    }

    /// What the claims amount to: sorted, without doubles.
    ///
    /// # Errors
    /// When a claim has the wrong form.
    pub fn of(&self, claims: &Map<String, Value>) -> Result<Granted, TokenError> {
        let mut granted = match &self.by {
            By::Rules(rules) => rules.read(claims)?,
            By::Reader(read) => read(claims),
        };
        if let Some(known) = &self.known {
            granted.roles = known
                .iter()
                .filter(|role| granted.roles.contains(&role.name))
                .flat_map(|role| std::iter::once(&role.name).chain(&role.implies))
                .cloned()
                .collect();
        }
        for list in [&mut granted.roles, &mut granted.scopes] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(granted)
    }
}
