//! A small run of `scale`, so that it still works when somebody measures with it.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

#[test]
fn a_small_run_measures_all_on_both_engines() {
    let bench = Path::new(env!("CARGO_BIN_EXE_portcullis-bench"));
    // Built by `./test`, beside this one.
    let server = bench.with_file_name("portcullis");
    assert!(server.exists(), "no server: `cargo build --workspace` builds it");
    // Open to the user that PostgreSQL runs as.
    let data = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    let run = |more: &[&str]| {
        let output = Command::new(bench)
            .args(["scale", "--users", "300", "--denied", "1000", "--few", "100"])
            .args(["--rounds", "1", "--slice", "5", "--server"])
            .arg(&server)
            .arg("--data")
            .arg(data.path())
            .args(more)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    // First made, then measured as it was kept.
    let made = run(&["--prepare"]);
    assert!(made.contains("import of 300 users"), "{made}");
    let said = run(&[]);
    assert!(!said.contains("import"), "{said}");
    for expected in [
        "Sqlite: 300 users and 1000 denied",
        "Postgres: 300 users and 1000 denied",
        "300 users and 1000 denied entries are there already",
        "bytes each",
        "a second at the start",
        "start to the first 200 of /readyz",
        "GET /me",
        "login: the lookup",
        ".. of anybody",
        "POST /auth/login",
        "POST /auth/refresh",
        "GET /admin/users",
        "?status=disabled&role=user",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
