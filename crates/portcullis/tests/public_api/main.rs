//! The public API as it is reviewed: what an application may depend on shows here before it changes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

#[test]
fn what_an_application_may_depend_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(env!("CARGO"))
        .current_dir(root)
        .env("RUSTDOC", root.join("tests/public_api/rustdoc"))
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--features",
            "sqlite,postgres,schedule,issuer,test-util",
        ])
        .args([
            "--",
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
            "--cap-lints",
            "allow",
        ])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );

    // Beside the folder of the profile that this test was built with.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let api = public_api::Builder::from_rustdoc_json(target.join("doc/portcullis.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    insta::assert_snapshot!(api);
}
