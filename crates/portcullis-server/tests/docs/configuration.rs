//! The page on configuration.

use std::process::Command;

use crate::{read, root};

#[test]
fn the_reference_is_what_the_binary_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["config", "--reference"])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("`token.access_ttl`"), "{printed}");
    assert!(
        read(&root().join("docs/src/configuration-reference.md")) == printed,
        "run `cargo run -- config --reference > docs/src/configuration-reference.md`"
    );
}
