//! The walk of the README, pasted twice in a row into a shell, against the real binary with its defaults.

use std::path::Path;

use portcullis_testkit::{
    server::{Engine, Setup},
    walk,
};

use crate::root;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_works_twice_in_a_row_within_the_default_limits() {
    let setup = Setup {
        engine: Engine::Sqlite,
        env: Vec::new(),
        flags: vec!["--dev".to_owned()],
    };
    let app = setup.start(Path::new(env!("CARGO_BIN_EXE_portcullis"))).await;
    let readme = root().join("README.md");
    let walk = walk::read(&readme, "http://127.0.0.1:8000", app.process.url());
    for _ in 0..2 {
        check(&walk::paste(&walk).await);
    }
}

/// What follows each heading of the walk.
fn check(said: &str) {
    let after = |heading: &str| {
        said.split_once(heading)
            .unwrap_or_else(|| panic!("no `{heading}` in: {said}"))
            .1
            .lines()
            .nth(1)
            .unwrap_or_default()
    };
    let json = |heading: &str| -> serde_json::Value {
        serde_json::from_str(after(heading)).unwrap_or_else(|error| panic!("{heading} {error}: {said}"))
    };
    let first = json("Register");
    let pair = json("Log in by form");
    let next = json("Refresh");
    for pair in [&first, &pair, &next] {
        assert_eq!(pair["token_type"], "bearer", "{said}");
        assert_eq!(pair["scope"], "me", "{said}");
    }
    assert_ne!(pair["refresh_token"], next["refresh_token"]);
    let me = json("Who am I");
    assert_eq!(
        (&me["name"], &me["roles"][0]),
        (&"Ada Lovelace".into(), &"user".into()),
        "{said}"
    );
    let refused = json("A user may not list users");
    assert_eq!(refused["error"], "insufficient_scope", "{said}");
    assert_eq!(after("The administrator may"), "200", "{said}");
    let (_, end) = said.rsplit_once("Log out").unwrap();
    assert_eq!(end.lines().skip(1).collect::<Vec<_>>(), ["200", "401"], "{said}");
}
