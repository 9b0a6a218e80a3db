//! A small run of `scale`, so that it still works when somebody measures with it.

use std::{path::Path, process::Command};

#[test]
fn a_small_run_measures_all_on_both_engines() {
    let bench = Path::new(env!("CARGO_BIN_EXE_portcullis-bench"));
    // Built by `./test`, beside this one.
    let server = bench.with_file_name("portcullis");
    assert!(server.exists(), "no server: `cargo build --workspace` builds it");
    let output = Command::new(bench)
        .args(["scale", "--users", "300", "--denied", "1000", "--few", "100"])
        .args(["--rounds", "1", "--slice", "5", "--server"])
        .arg(&server)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for expected in [
        "Sqlite: 300 users and 1000 denied",
        "Postgres: 300 users and 1000 denied",
        "import of 300 users",
        "bytes for each denied entry",
        "start to the first 200 of /readyz",
        "GET /me",
        "login: the lookup",
        "POST /auth/refresh",
        "GET /admin/users",
        "?status=disabled&role=user",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
