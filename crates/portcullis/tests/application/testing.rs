use http::{StatusCode, request::Parts};
use portcullis::{
    Allow, AnyOf, CurrentUser, Gate, Policy, Problem, Public,
    access::{LocalUser, PolicyRequest},
    provider::{AuthError, AuthProvider, bearer},
    routing::get,
    testing::{AccessFault, TestPrincipal, check_access},
};

use crate::call;

portcullis::roles! { pub enum Role { Admin = "admin", Member = "member" } }

struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;
    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        bearer(parts)?;
        Err(AuthError::invalid("unknown"))
    }
}

/// Thinks that nobody is somebody.
struct Careless;

impl AuthProvider for Careless {
    type User = LocalUser;
    async fn authenticate(&self, _: &Parts) -> Result<LocalUser, AuthError> {
        Ok(TestPrincipal::new().build())
    }
}

struct Owner;

impl Policy for Owner {
    type User = LocalUser;
    type State = ();
    const DESCRIPTION: &'static str = "owner";
    async fn allows(_: &LocalUser, _: &mut PolicyRequest, (): &()) -> Result<bool, Problem> {
        Err(Problem::not_found())
    }
}

fn gate(provider: impl AuthProvider<User = LocalUser>) -> Gate {
    Gate::new(provider)
        .route("/", get(async |_: Public| "home"))
        .route("/me", get(async |user: CurrentUser| user.user.to_string()))
        .route("/users/{id}", get(async |_: Allow<Admin>| "user"))
        .route(
            "/things/{id}",
            get(async |_: Allow<AnyOf<(Admin, Owner)>>| "thing"),
        )
}

#[tokio::test]
async fn a_test_can_be_anybody() {
    let admin = TestPrincipal::new().role::<Admin>().build();
    let app = gate(Nobody).as_user(admin.clone()).into_router().unwrap();
    assert_eq!(call(&app, "GET", "/users/1", None).await.1, "user");
    assert_eq!(call(&app, "GET", "/me", None).await.1, admin.user.to_string());
    let member = TestPrincipal::new().role::<Member>().build();
    let app = gate(Nobody).as_user(member).into_router().unwrap();
    assert_eq!(call(&app, "GET", "/users/1", Some("junk")).await.0, 403);
    let app = gate(Careless).as_nobody().into_router().unwrap();
    assert_eq!(call(&app, "GET", "/me", Some("junk")).await.0, 401);
}

#[tokio::test]
async fn the_ready_check_finds_a_route_that_lets_anybody_pass() {
    let stranger = || TestPrincipal::new().role::<Member>().build();
    let table = check_access(|| gate(Nobody), stranger()).await.unwrap();
    assert_eq!(table.rows().len(), 4);
    let faults = check_access(|| gate(Careless), stranger()).await.unwrap_err();
    assert_eq!(
        faults[0],
        AccessFault {
            route: "GET /me".into(),
            caller: "nobody",
            expected: StatusCode::UNAUTHORIZED,
            found: StatusCode::OK,
        }
    );
    assert_eq!(faults.len(), 3, "each guarded route, as nobody: {faults:?}");
}
