use std::collections::BTreeSet;

use axum::extract::{FromRequest, Request};
use portcullis_core::access::Scope;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{Body, Check, Valid, Validate};
use crate::problem::Problem;

/// Each is kept with the session.
const MAX_SCOPES: usize = 100;

/// A login with the password form of OAuth2 (RFC 6749, section 4.3.2), as Swagger UI, `OAuth2PasswordRequestForm` of
/// FastAPI and many clients send it: `grant_type` (`password`, if sent at all), `username`, `password`, `scope`. JSON with
/// the same names is taken, too. What is wrong with it is a 400, 413, 415 or 422, as with all [`input`](crate::input).
///
/// ```
/// use portcullis::{Problem, Public, hash, input::PasswordForm};
///
/// # struct User { password_hash: String }
/// # async fn find(_: &str) -> Result<Option<User>, Problem> { Ok(None) }
/// /// Log in
/// #[utoipa::path(post, path = "/auth/login", request_body(
///     content = PasswordForm, content_type = "application/x-www-form-urlencoded"
/// ))]
/// async fn login(_: Public, form: PasswordForm) -> Result<String, Problem> {
///     let found = find(&form.username).await?;
///     let verdict = match &found {
///         Some(user) => hash::verify(&form.password, &user.password_hash).await?,
///         None => hash::verify_unknown(&form.password, &form.username).await?,
///     };
///     # let _ = verdict.matches;
///     # Ok(String::new())
///     // ..
/// }
/// ```
pub struct PasswordForm {
    /// Who: as it was typed.
    pub username: String,
    /// The password, as it was typed.
    pub password: SecretString,
    /// The scopes that were asked for, in order, none twice. Empty when none were, which means all.
    pub scopes: Vec<Scope>,
}

/// The password form of OAuth2.
#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordGrant)]
struct Wire {
    /// Always `password`, if sent.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// Name or email.
    #[serde(alias = "email")]
    #[schema(example = "alice")]
    username: String,
    /// Password.
    #[schema(format = "password", example = "alicepass", value_type = String)]
    password: SecretString,
    /// Scopes, separated by spaces; none asks for all.
    scope: Option<String>,
}

impl Validate for Wire {
    type Valid = PasswordForm;

    fn validate(self, check: &mut Check) -> Option<PasswordForm> {
        if self.grant_type.is_some_and(|kind| kind != "password") {
            check.refuse("grant_type", "value", "only `password` is taken here");
        }
        Some(PasswordForm {
            username: self.username,
            password: self.password,
            scopes: scopes(check, self.scope.as_deref())?,
        })
    }
}

/// The scopes of the parameter `scope` (RFC 6749, section 3.3), none if it is not there.
pub(crate) fn scopes(check: &mut Check, text: Option<&str>) -> Option<Vec<Scope>> {
    let words = text.unwrap_or_default().split_ascii_whitespace();
    let scopes: Result<BTreeSet<Scope>, _> = words.map(str::parse).collect();
    let scopes = check.take("scope", scopes)?;
    if scopes.len() > MAX_SCOPES {
        check.refuse("scope", "length", "at most 100 scopes");
    }
    Some(scopes.into_iter().collect())
}

impl<S: Send + Sync> FromRequest<S> for PasswordForm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Valid(form) = Valid::<Body<Wire>>::from_request(request, state).await?;
        Ok(form)
    }
}

impl PartialSchema for PasswordForm {
    fn schema() -> RefOr<Schema> {
        Wire::schema()
    }
}

impl ToSchema for PasswordForm {
    fn name() -> std::borrow::Cow<'static, str> {
        Wire::name()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Bytes;
    use http::{Request, StatusCode};
    use secrecy::ExposeSecret as _;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn read(kind: &str, body: &str) -> Result<PasswordForm, Problem> {
        let request = Request::post("/auth/login")
            .header("content-type", kind)
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        PasswordForm::from_request(request, &()).await
    }

    async fn refused(kind: &str, body: &str) -> (StatusCode, String) {
        let problem = read(kind, body).await.err().unwrap();
        (problem.status(), problem.body().to_string())
    }

    #[tokio::test]
    async fn a_form_and_json_say_the_same() {
        let form =
            "grant_type=password&username=alice%40example.com&password=a%26b+c&scope=b+a++a&client_id=x";
        let json = r#"{"username":"alice@example.com","password":"a&b c","scope":" b a "}"#;
        for (kind, body) in [
            (FORM, form),
            ("application/json", json),
            ("application/json", &json.replace("username", "email")),
        ] {
            let read = read(kind, body).await.unwrap();
            assert_eq!(read.username, "alice@example.com");
            assert_eq!(read.password.expose_secret(), "a&b c");
            let scopes: Vec<String> = read.scopes.iter().map(ToString::to_string).collect();
            assert_eq!(scopes, ["a", "b"]);
        }
        for without in ["", "&scope=", "&scope=+"] {
            let read = read(FORM, &format!("username=a&password=b{without}"))
                .await
                .unwrap();
            assert!(read.scopes.is_empty());
        }
    }

    #[tokio::test]
    async fn another_grant_is_refused() {
        for grant in ["client_credentials", "Password", ""] {
            let (status, body) =
                refused(FORM, &format!("grant_type={grant}&username=a&password=hunter2")).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(body.contains("grant_type") && !body.contains("hunter2"), "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_as_a_problem() {
        let many: Vec<String> = (0..=MAX_SCOPES).map(|n| format!("s{n}")).collect();
        let many = many.join("+");
        for (kind, body, status) in [
            (FORM, "username=a", 422),
            (FORM, "password=a", 422),
            (FORM, "username=a&password=b&scope=%22", 422),
            (FORM, &format!("username=a&password=b&scope={many}"), 422),
            (FORM, "username=a&password=b&password=c", 400),
            (FORM, "username=a&password=%ff", 400),
            ("application/json", "{", 400),
            (
                "application/json",
                r#"{"username":"a","email":"b","password":"c"}"#,
                422,
            ),
            ("application/json", r#"{"username":"a","password":7}"#, 422),
            ("text/plain", "username=a&password=b", 415),
        ] {
            assert_eq!(refused(kind, body).await.0.as_u16(), status, "{kind} {body}");
        }
    }

    #[test]
    fn it_is_documented_as_it_is_sent() {
        let schema = serde_json::to_value(PasswordForm::schema()).unwrap();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["grant_type", "password", "scope", "username"]);
        assert_eq!(schema["required"], serde_json::json!(["username", "password"]));
        assert_eq!(schema["properties"]["password"]["format"], "password");
    }
}
