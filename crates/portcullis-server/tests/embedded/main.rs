//! The black-box suite once more, against an application that embeds Portcullis (`application.rs`): the same tests, on both
//! databases, on pools that belong to the application.
//!
//! The data folder of an application has the form of the server's, so the commands with which some tests prepare or look at
//! data work on it. Left out are:
//!
//! - `command_line`: it is about the commands;
//! - `flood`: it bounds the memory of the server's process to the kilobyte, what each connection holds included; an application
//!   that serves by `axum::serve` has buffers of its own choice;
//! - `providers`, `shared_limits`: they are about what the server makes of its configuration; an application writes it in Rust, as
//!   `examples/sign-in` does;
//! - `stacks`: it is about services of others, which know nothing of who serves;
//! - `timing`: it measures an application in the test's own process that embeds Portcullis
//!   ([`Local`](portcullis_testkit::server::Local)), whichever subject is named, and takes two minutes with nothing beside it.
//!
//! What else is about the process of the server only (signals, TLS, lines of the log, files) is in `tests/operations`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails; clippy knows test functions only by their attribute"
)]

use std::path::Path;

use portcullis_testkit::server::{App, Setup};

#[macro_use]
#[path = "../blackbox/both.rs"]
mod both;

#[path = "../blackbox/access.rs"]
mod access;
#[path = "../blackbox/admin_roles.rs"]
mod admin_roles;
#[path = "../blackbox/admin_users.rs"]
mod admin_users;
#[path = "../blackbox/audit.rs"]
mod audit;
#[path = "../blackbox/canary.rs"]
mod canary;
#[path = "../blackbox/clients.rs"]
mod clients;
#[path = "../blackbox/clock.rs"]
mod clock;
#[path = "../blackbox/cookies.rs"]
mod cookies;
#[path = "../blackbox/crash.rs"]
mod crash;
#[path = "../blackbox/export.rs"]
mod export;
#[path = "../blackbox/failures.rs"]
mod failures;
#[path = "../blackbox/hostile.rs"]
mod hostile;
#[path = "../blackbox/jwks.rs"]
mod jwks;
#[path = "../blackbox/limits.rs"]
mod limits;
#[path = "../blackbox/login.rs"]
mod login;
#[path = "../blackbox/logout.rs"]
mod logout;
#[path = "../blackbox/manners.rs"]
mod manners;
#[path = "../blackbox/me.rs"]
mod me;
#[path = "../blackbox/openapi.rs"]
mod openapi;
mod own;
#[path = "../blackbox/password.rs"]
mod password;
#[path = "../blackbox/refresh.rs"]
mod refresh;
#[path = "../blackbox/register.rs"]
mod register;
#[path = "../blackbox/revocation.rs"]
mod revocation;
#[path = "../blackbox/sessions.rs"]
mod sessions;
#[path = "../blackbox/verify.rs"]
mod verify;

/// Starts the application under test.
async fn start(setup: Setup) -> App {
    let server = Path::new(env!("CARGO_BIN_EXE_portcullis"));
    // Cargo tells tests where binaries are, not examples, which it puts beside them.
    let application = server.with_file_name("examples").join("application");
    assert!(
        application.exists(),
        "there is no {}: build it by `cargo build -p portcullis-server --examples`",
        application.display()
    );
    setup.start_application(&application, server).await
}

/// The files of the suite that are left out: see above.
const LEFT_OUT: [&str; 6] = [
    "command_line",
    "flood",
    "providers",
    "shared_limits",
    "stacks",
    "timing",
];

#[test]
fn no_file_of_the_suite_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox");
    let here = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let runs = here.contains(&format!("#[path = \"../blackbox/{name}.rs\"]\nmod {name};"));
        assert!(
            name == "main" || runs != LEFT_OUT.contains(&name),
            "{name}: run it here too, or say at the top of this file why not"
        );
    }
}
