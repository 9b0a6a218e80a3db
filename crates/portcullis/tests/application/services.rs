use axum::{Router, extract::Request};
use portcullis::{
    Allow, CurrentUser, Gate, Public,
    routing::{any, get},
};

use crate::{
    call,
    people::{Admin, ByName, User},
};

fn gate() -> Gate<(), User> {
    let echo = Router::new().fallback(async |request: Request| request.uri().to_string());
    Gate::new(ByName)
        .service::<CurrentUser<User>, _>("/files/", echo.clone())
        .service::<Allow<Admin, User>, _>("/of/{tenant}/admin", echo)
        .route(
            "/any",
            any(async |_: Allow<Admin, User>| "any").get(async |_: Public| "got"),
        )
        .route("/", get(async |_: Public| "home"))
        .fallback(async |user: CurrentUser<User>| format!("nothing for {}", user.id))
}

#[test]
fn whatever_answers_is_in_the_table() {
    insta::assert_snapshot!(gate().access_table(), @"
    *    (any other path)            authenticated
    GET  /                           public
    GET  /any                        public
    *    /any                        role admin
    *    /files                      authenticated
    *    /files/                     authenticated
    *    /files/{*rest}              authenticated
    *    /of/{tenant}/admin          role admin
    *    /of/{tenant}/admin/         role admin
    *    /of/{tenant}/admin/{*rest}  role admin
    ");
}

#[tokio::test]
async fn services_fallbacks_and_any_are_guarded() {
    let app = gate().into_router().unwrap();
    for (method, path, token, status) in [
        ("GET", "/files/a/b.txt?x=1", None, 401),
        ("GET", "/files", None, 401),
        ("PUT", "/files/a", None, 401),
        ("GET", "/of/acme/admin/x", Some("member"), 403),
        ("POST", "/any", None, 401),
        ("POST", "/any", Some("member"), 403),
        ("POST", "/any", Some("admin"), 200),
        ("GET", "/any", None, 200),
        ("GET", "/nowhere", None, 401),
        ("GET", "/nowhere", Some("ada"), 200),
        ("DELETE", "/", Some("ada"), 405),
    ] {
        assert_eq!(
            call(&app, method, path, token).await.0,
            status,
            "{method} {path} as {token:?}"
        );
    }
}

#[tokio::test]
async fn a_service_sees_its_path_from_where_it_is_mounted() {
    let inner = gate().into_router().unwrap();
    let outer = Router::new().nest("/api", gate().into_router().unwrap());
    for (path, seen) in [
        ("/files/a/b.txt?x=1", "/a/b.txt?x=1"),
        ("/files", "/"),
        ("/files/", "/"),
        ("/files?x", "/?x"),
        ("/files/%2e%2e/a", "/%2e%2e/a"),
        ("/of/acme/admin/x", "/x"),
        ("/of/a%2Fb/admin/x/y", "/x/y"),
    ] {
        assert_eq!(call(&inner, "GET", path, Some("admin")).await.1, seen, "{path}");
        assert_eq!(
            call(&outer, "GET", &format!("/api{path}"), Some("admin")).await.1,
            seen,
            "{path}"
        );
    }
    assert_eq!(
        call(&inner, "GET", "/nowhere", Some("ada")).await.1,
        "nothing for ada"
    );
}

#[test]
fn two_that_answer_at_one_place_are_named() {
    let twice = Gate::<(), User>::new(ByName)
        .route("/a", any(async |_: Public| ()))
        .route("/a", any(async |_: Public| ()))
        .into_router();
    assert!(twice.unwrap_err().to_string().contains("/a is given twice"));
}
