//! What rustdoc knows of our crates.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The library, and those from which it takes items over. All at once, so that what they stand on is built once.
const PACKAGES: [&str; 4] = [
    "portcullis",
    "portcullis-core",
    "portcullis-macros",
    "portcullis-store",
];

/// The folder where rustdoc has put what it knows of each, with all features, just now: `portcullis_core.json`.
fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(env!("CARGO"))
        .current_dir(root)
        .env("RUSTDOC", root.join("tests/public_api/rustdoc.sh"))
        .env(
            "RUSTDOCFLAGS",
            "-Z unstable-options --output-format json --cap-lints allow",
        )
        .args([
            "doc",
            "--quiet",
            "--locked",
            "--lib",
            "--no-deps",
            "--all-features",
        ])
        .args(PACKAGES.map(|package| format!("--package={package}")))
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    // Beside the folder of the profile that this test was built with.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("doc")
}

/// Where rustdoc has put what it knows of `portcullis`.
pub(crate) fn of_the_library() -> PathBuf {
    folder().join("portcullis.json")
}

/// What rustdoc knows of the library, and of those from which it takes items over.
pub(crate) fn of_all() -> [rustdoc_types::Crate; 4] {
    let folder = folder();
    PACKAGES.map(|package| {
        let file = folder.join(format!("{}.json", package.replace('-', "_")));
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    })
}
