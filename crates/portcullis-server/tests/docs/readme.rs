//! The walk of the README, pasted twice in a row into a shell, against the real binary with its defaults.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use portcullis_testkit::server::{Engine, Setup};

use crate::{read, root};

/// The fenced block under `## Walk`.
fn walk() -> String {
    let readme = read(&root().join("README.md"));
    let (_, section) = readme.split_once("\n## Walk\n").expect("a section");
    let (_, block) = section.split_once("```sh\n").expect("a block");
    let (block, _) = block.split_once("\n```").expect("its end");
    format!("{block}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_works_twice_in_a_row_within_the_default_limits() {
    let setup = Setup {
        engine: Engine::Sqlite,
        env: Vec::new(),
        flags: vec!["--dev".to_owned()],
    };
    let app = setup.start(Path::new(env!("CARGO_BIN_EXE_portcullis"))).await;
    let walk = walk().replace("http://127.0.0.1:8000", app.process.url());
    assert!(walk.contains(app.process.url()), "the walk names another address");
    for time in ["first", "second"] {
        // A shell in which an unset variable or a failed command is not overlooked.
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &walk]).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || shell.output())
            .await
            .unwrap()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{time}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        check(&said);
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
