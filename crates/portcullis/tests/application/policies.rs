use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::FromRef};
use portcullis::{
    AllOf, Allow, AnyOf, CurrentUser, Gate, Policy, Problem, Routes,
    access::PolicyRequest,
    routing::{delete, get},
};

use crate::{
    call,
    people::{Admin, ByName, Member, User},
};

#[derive(Clone, Default)]
struct Articles {
    authors: Arc<HashMap<u32, &'static str>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone, FromRef)]
struct AppState {
    articles: Articles,
}

/// Who wrote the article of the path.
struct Author;

impl Policy for Author {
    type User = User;
    type State = Articles;
    const DESCRIPTION: &'static str = "author of the article";

    async fn allows(user: &User, request: &mut PolicyRequest, articles: &Articles) -> Result<bool, Problem> {
        articles.asked.fetch_add(1, Ordering::SeqCst);
        let id: u32 = request.path().await?;
        match articles.authors.get(&id) {
            Some(&"down") => Err(Problem::unavailable(Duration::from_secs(2))),
            Some(author) => Ok(*author == user.id),
            None => Err(Problem::not_found()),
        }
    }
}

/// Whoever sends `x-nice`.
struct Nice;

impl Policy for Nice {
    type User = User;
    type State = ();
    const DESCRIPTION: &'static str = "nice";

    async fn allows(_: &User, request: &mut PolicyRequest, (): &()) -> Result<bool, Problem> {
        Ok(request.uri().query() == Some("nice"))
    }
}

async fn edit(user: Allow<Author, User>) -> String {
    user.id.clone()
}

async fn remove(_: Allow<AnyOf<(Author, Admin)>, User>) {}

async fn member(_: Allow<AllOf<(Author, Member)>, User>) {}

async fn plain(_: CurrentUser<User>) {}

fn articles() -> Articles {
    Articles {
        authors: Arc::new(HashMap::from([(1, "ada"), (2, "down")])),
        asked: Arc::default(),
    }
}

fn routes() -> Routes<AppState, User> {
    Routes::new()
        .route("/articles/{id}", get(edit).merge(delete(remove)))
        .route("/articles/{id}/member", get(member))
        .nest(
            "/drafts",
            Routes::new()
                .route("/{id}", get(plain))
                .demanding::<Allow<Author, User>>(),
        )
}

fn app(articles: Articles) -> Router {
    Gate::new(ByName)
        .merge(routes())
        .with_state(AppState { articles })
        .into_router()
        .unwrap()
}

#[test]
fn the_table_names_the_policy() {
    insta::assert_snapshot!(routes().access_table(), @"
    GET     /articles/{id}         author of the article
    DELETE  /articles/{id}         any of (author of the article, role admin)
    GET     /articles/{id}/member  all of (author of the article, role member)
    GET     /drafts/{id}           author of the article
    ");
}

#[tokio::test]
async fn a_policy_sees_path_state_and_user() {
    let app = app(articles());
    for (method, path, token, status) in [
        ("GET", "/articles/1", Some("ada"), 200),
        ("GET", "/articles/1", Some("bob"), 403),
        ("GET", "/articles/1", Some("admin"), 403),
        ("GET", "/articles/1", None, 401),
        ("GET", "/articles/2", Some("ada"), 503),
        ("GET", "/articles/9", Some("ada"), 404),
        ("GET", "/articles/x", Some("ada"), 422),
        ("DELETE", "/articles/1", Some("admin"), 200),
        ("DELETE", "/articles/1", Some("ada"), 200),
        ("DELETE", "/articles/1", Some("bob"), 403),
        ("DELETE", "/articles/2", Some("bob"), 503),
        ("GET", "/articles/1/member", Some("ada"), 200),
        ("GET", "/articles/1/member", Some("bob"), 403),
        ("GET", "/drafts/1", Some("ada"), 200),
        ("GET", "/drafts/1", Some("bob"), 403),
        ("GET", "/drafts/1", None, 401),
    ] {
        assert_eq!(
            call(&app, method, path, token).await.0,
            status,
            "{method} {path} as {token:?}"
        );
    }
    let (_, refused) = call(&app, "GET", "/articles/1", Some("bob")).await;
    assert_eq!(refused["detail"], "This needs author of the article.");
}

#[tokio::test]
async fn a_policy_is_asked_only_where_roles_leave_it_open_and_once() {
    let articles = articles();
    let app = app(articles.clone());
    call(&app, "DELETE", "/articles/1", Some("admin")).await;
    call(&app, "GET", "/articles/1/member", Some("admin")).await;
    assert_eq!(articles.asked.load(Ordering::SeqCst), 0, "the role decided");
    call(&app, "DELETE", "/articles/1", Some("bob")).await;
    assert_eq!(articles.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn policies_keep_their_state_when_routes_get_theirs_early() {
    // Routes that were given their state, in a gate of another, under the demand of a policy of that one.
    let app = Gate::<(), User>::new(ByName)
        .merge(
            routes()
                .with_state(AppState { articles: articles() })
                .demanding::<Allow<Nice, User>>(),
        )
        .into_router()
        .unwrap();
    for (path, token, status) in [
        ("/articles/1?nice", "ada", 200),
        ("/articles/1?nice", "bob", 403),
        ("/articles/1", "ada", 403),
    ] {
        assert_eq!(
            call(&app, "GET", path, Some(token)).await.0,
            status,
            "{path} as {token}"
        );
    }
}
