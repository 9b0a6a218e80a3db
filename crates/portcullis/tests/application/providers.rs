use axum::{
    Router,
    body::Body,
    extract::{FromRef, Request, State},
    http::{HeaderMap, StatusCode},
};
use portcullis::{
    Caller, CurrentUser, Gate, Public, auth_provider,
    gate::GateError,
    openapi::Documentation,
    provider::{AuthError, AuthProvider, Parts, TokenSources},
    routing::get,
};
use tower::ServiceExt as _;

use crate::call;

/// More public than its provider.
#[derive(Clone, Caller)]
pub(crate) struct User {
    id: String,
}

#[derive(Clone)]
struct Db(&'static str);

#[derive(Clone)]
struct Pepper(&'static str);

#[derive(Clone, FromRef)]
struct AppState {
    db: Db,
    pepper: Pepper,
}

#[derive(Debug)]
struct DbError;

impl From<DbError> for AuthError {
    fn from(_: DbError) -> Self {
        Self::unavailable()
    }
}

/// Takes two parts of the state, and has its own error.
#[auth_provider]
async fn current_user(
    headers: &HeaderMap,
    State(db): State<Db>,
    State(Pepper(pepper)): State<Pepper>,
) -> Result<User, AuthError> {
    let header = headers.get("authorization").ok_or(AuthError::Missing)?;
    match header.to_str().map_err(|_| AuthError::invalid("malformed"))? {
        "Bearer down" => Err(DbError)?,
        _ => Ok(User {
            id: format!("{}{pepper}", db.0),
        }),
    }
}

async fn me(user: CurrentUser<User>) -> String {
    user.id.clone()
}

async fn greet(user: Option<CurrentUser<User>>) -> &'static str {
    if user.is_some() { "you" } else { "stranger" }
}

fn app() -> Router {
    Gate::new(current_user)
        .route("/me", get(me))
        .route("/greet", get(greet))
        .with_state(AppState {
            db: Db("ada"),
            pepper: Pepper("!"),
        })
        .into_router()
        .unwrap()
}

#[tokio::test]
async fn a_function_can_be_a_provider() {
    let app = app();
    assert_eq!(
        call(&app, "GET", "/me", Some("x")).await,
        (StatusCode::OK, "ada!".into())
    );
    assert_eq!(call(&app, "GET", "/me", None).await.0, 401);
    assert_eq!(call(&app, "GET", "/me", Some("down")).await.0, 503);
    assert_eq!(call(&app, "GET", "/greet", None).await.1, "stranger");
    assert_eq!(call(&app, "GET", "/greet", Some("x")).await.1, "you");
    assert_eq!(
        call(&app, "GET", "/greet", Some("down")).await.0,
        503,
        "never a stranger"
    );
}

#[tokio::test]
async fn the_document_says_where_tokens_are_looked_for() {
    struct ByCookie;
    impl AuthProvider for ByCookie {
        type User = User;
        async fn authenticate(&self, parts: &Parts) -> Result<User, AuthError> {
            let credential = AuthProvider::token_sources(self).read(parts)?;
            Ok(User {
                id: credential.token().to_owned(),
            })
        }
        fn token_sources(&self) -> TokenSources {
            TokenSources::default().cookie("sid").query("token")
        }
    }
    async fn health(_: Public) {}
    let gate = Gate::<(), User>::new(ByCookie)
        .route("/me", get(me))
        .route("/health", get(health))
        .documented(Documentation::new("Test", "1"));
    let document = serde_json::to_value(gate.openapi().unwrap()).unwrap();
    insta::assert_json_snapshot!(document["components"]["securitySchemes"], @r#"
    {
      "bearerAuth": {
        "bearerFormat": "JWT",
        "description": "An access token.",
        "scheme": "bearer",
        "type": "http"
      },
      "cookieAuth": {
        "description": "An access token, in a cookie that a login sets.",
        "in": "cookie",
        "name": "sid",
        "type": "apiKey"
      },
      "queryAuth": {
        "description": "An access token, where nothing else can be sent.",
        "in": "query",
        "name": "token",
        "type": "apiKey"
      }
    }
    "#);
    assert_eq!(
        document["paths"]["/me"]["get"]["security"],
        serde_json::json!([{"bearerAuth": []}, {"cookieAuth": []}, {"queryAuth": []}])
    );
    assert_eq!(
        document["paths"]["/health"]["get"]["security"],
        serde_json::json!([])
    );

    let app = gate.csrf_by_layer().into_router().unwrap();
    let request = Request::get("/me")
        .header("cookie", "sid=ada")
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);
    assert_eq!(call(&app, "GET", "/me?token=ada", None).await.1, "ada");
}

#[test]
fn of_a_function_the_gate_is_told_where_it_looks() {
    #[auth_provider]
    async fn by_cookie(headers: &HeaderMap) -> Result<Member, AuthError> {
        let cookies = portcullis::cookie::Cookies::of(headers);
        let id = cookies.get("sid").ok().flatten().ok_or(AuthError::Missing)?;
        Ok(Member { id: id.to_owned() })
    }
    #[derive(Clone, Caller)]
    struct Member {
        id: String,
    }
    async fn me(member: CurrentUser<Member>) -> String {
        member.0.id
    }
    let gate = Gate::<(), Member>::new(by_cookie)
        .token_sources(TokenSources::default().cookie("sid"))
        .route("/me", get(me))
        .documented(Documentation::new("Test", "1"));
    let document = serde_json::to_value(gate.openapi().unwrap()).unwrap();
    assert_eq!(
        document["components"]["securitySchemes"]["cookieAuth"]["name"],
        "sid"
    );
    let error = gate.with_state(()).into_router().map(|_: Router| ()).unwrap_err();
    assert!(matches!(error, GateError::Forgeable { .. }), "{error}");
}
