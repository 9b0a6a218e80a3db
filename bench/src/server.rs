use std::{path::PathBuf, process::Command};

/// Builds the server as it is shipped, and says where it is: beside this program.
pub(crate) fn binary() -> PathBuf {
    let built = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--quiet",
            "-p",
            "portcullis-server",
            "--bin",
            "portcullis",
        ])
        .status()
        .expect("cargo is there");
    assert!(built.success(), "the server does not build");
    let own = std::env::current_exe().expect("the path of this program");
    let binary = own.with_file_name("portcullis");
    assert!(
        binary.exists() && own.components().any(|part| part.as_os_str() == "release"),
        "measure with `cargo run --release`: {} is not a release build",
        binary.display()
    );
    binary
}
