use http::{StatusCode, request::Parts};
use portcullis::{
    Allow, AnyOf, CurrentUser, Gate, Policy, Problem, Public,
    access::{LocalUser, PolicyRequest},
    provider::{AuthError, AuthProvider},
    routing::get,
    testing::{AccessCheck, AccessFault, FaultKind, TestPrincipal, check_access},
};

use crate::{Nobody, call};

portcullis::roles! { pub enum Role { Admin = "admin", Member = "member" } }

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
    async fn allows(_: &LocalUser, request: &mut PolicyRequest, (): &()) -> Result<bool, Problem> {
        match request.path::<u32>().await? {
            // Somebody's.
            7 => Ok(false),
            // Everybody's.
            9 => Ok(true),
            // Not there, or somebody's who does not want that to be known.
            _ => Err(Problem::not_found()),
        }
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
    let at = |path: &str| AccessCheck::new(|| gate(Nobody), stranger()).path("/things/{id}", path);
    for somebodys in ["/things/7", "/things/8"] {
        assert_eq!(at(somebodys).run().await.unwrap().rows().len(), 4, "{somebodys}");
    }
    let faults = check_access(|| gate(Careless), stranger()).await.unwrap_err();
    assert_eq!(
        faults[0],
        AccessFault {
            route: "GET /me".into(),
            caller: "nobody",
            expected: StatusCode::UNAUTHORIZED,
            found: StatusCode::OK,
            kind: FaultKind::LetIn,
        }
    );
    let of_nobody = faults.iter().filter(|fault| fault.caller == "nobody");
    assert_eq!(of_nobody.count(), 3, "each guarded route: {faults:?}");
}

#[tokio::test]
async fn the_ready_check_does_not_take_a_thing_that_is_not_there_for_a_refusal() {
    let check = || AccessCheck::new(|| gate(Nobody), TestPrincipal::new().build());
    let [missing] = &check().run().await.unwrap_err()[..] else {
        panic!("more faults than one");
    };
    assert_eq!(missing.kind, FaultKind::NothingThere("/things/1".into()));
    let text = missing.to_string();
    assert!(
        text.contains("`AccessCheck::new(..).path(\"/things/{id}\", \"..\")`"),
        "{text}"
    );
    let [open] = &check().path("/things/{id}", "/things/9").run().await.unwrap_err()[..] else {
        panic!("more faults than one");
    };
    assert_eq!((&open.kind, open.found), (&FaultKind::LetIn, StatusCode::OK));

    // A handler that refuses by itself has run.
    let refuse = async |_: CurrentUser| StatusCode::UNAUTHORIZED;
    let by_itself = || Gate::new(Careless).route("/", get(refuse));
    let [ran] = &check_access(by_itself, TestPrincipal::new().build())
        .await
        .unwrap_err()[..]
    else {
        panic!("more faults than one");
    };
    assert_eq!(
        (&ran.kind, ran.found),
        (&FaultKind::LetIn, StatusCode::UNAUTHORIZED)
    );
}
