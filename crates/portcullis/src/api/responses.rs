use portcullis_core::{access::Scope, authority::TokenPair, user::User};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

/// An access token and what it takes to get the next one.
///
/// ```
/// use portcullis::{api::TokenPairResponse, core::authority::TokenPair, input::Json};
///
/// fn answer(pair: TokenPair) -> Json<TokenPairResponse> { Json(pair.into()) }
/// ```
#[derive(Serialize, ToSchema)]
#[schema(description = "An access token and what it takes to get the next one.")]
pub struct TokenPairResponse {
    /// Access token: a JWT after RFC 9068, for `Authorization: Bearer`.
    access_token: String,
    /// Refresh token: opaque, to be used once at `/auth/refresh`.
    refresh_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds for which the access token is valid.
    #[schema(example = 900)]
    expires_in: u64,
    /// Scopes of the access token, separated by spaces.
    #[schema(example = "me")]
    scope: String,
    /// Send it along at the next login on this device: then strangers who guess cannot lock you out.
    device_token: String,
}

impl From<TokenPair> for TokenPairResponse {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access.secret().expose_secret().to_owned(),
            refresh_token: pair.refresh.secret().expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: pair.expires_in.as_secs(),
            scope: joined(&pair.scopes),
            device_token: pair.device.secret().expose_secret().to_owned(),
        }
    }
}

/// What a login by cookie answers: the tokens are in cookies, out of reach of scripts.
///
/// ```
/// use portcullis::{Public, api::CookieSessionResponse};
///
/// /// Log in
/// #[utoipa::path(post, path = "/login", responses((status = 200, body = CookieSessionResponse)))]
/// async fn login(_: Public) {}
/// ```
#[derive(Serialize, ToSchema)]
#[schema(description = "What a login by cookie answers: the tokens are in cookies, out of reach of scripts.")]
pub struct CookieSessionResponse {
    /// Always `cookie`.
    #[schema(example = "cookie")]
    token_type: &'static str,
    /// Seconds for which the access token is valid. Then refresh.
    #[schema(example = 900)]
    expires_in: u64,
    /// Scopes of the access token, separated by spaces.
    #[schema(example = "me")]
    scope: String,
    /// To be sent as `X-CSRF-Token` with everything but GET.
    csrf_token: String,
}

impl CookieSessionResponse {
    pub(crate) fn new(pair: &TokenPair, csrf_token: &str) -> Self {
        Self {
            token_type: "cookie",
            expires_in: pair.expires_in.as_secs(),
            scope: joined(&pair.scopes),
            csrf_token: csrf_token.to_owned(),
        }
    }
}

/// What a login answers: tokens, or, if asked for, cookies that hold them.
///
/// ```
/// use portcullis::{Public, api::LoginAnswer};
///
/// /// Log in
/// #[utoipa::path(post, path = "/login", responses((status = 200, body = LoginAnswer)))]
/// async fn login(_: Public) {}
/// ```
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(description = "What a login answers: tokens, or, if asked for, cookies that hold them.")]
pub enum LoginAnswer {
    /// Tokens.
    Tokens(TokenPairResponse),
    /// Cookies.
    Cookies(CookieSessionResponse),
}

fn joined(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// A user. Nothing that holds a hash can get in here.
///
/// ```
/// use portcullis::{api::UserResponse, core::user::User, input::Json};
///
/// fn answer(user: &User) -> Json<UserResponse> { Json(user.into()) }
/// ```
#[derive(Clone, Serialize, ToSchema)]
#[schema(description = "A user. Nothing that holds a hash can get in here.")]
pub struct UserResponse {
    /// Identifier: a UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    /// Email.
    #[schema(example = "user@example.com")]
    email: String,
    /// Name.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// Roles given to the user.
    roles: Vec<String>,
    /// Scopes that these roles have, and the roles that they imply.
    scopes: Vec<String>,
    /// `active` or `disabled`.
    #[schema(example = "active")]
    status: &'static str,
    /// When the account was made (RFC 3339).
    #[schema(format = "date-time")]
    created_at: String,
}

impl From<&User> for UserResponse {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            roles: user.roles.iter().map(ToString::to_string).collect(),
            scopes: user.scopes.iter().map(ToString::to_string).collect(),
            status: user.status.as_str(),
            created_at: user.created_at.to_string(),
        }
    }
}

/// It is done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// Always `true`.
    #[schema(example = true)]
    ok: bool,
}

impl Done {
    pub(crate) const fn yes() -> Self {
        Self { ok: true }
    }
}
