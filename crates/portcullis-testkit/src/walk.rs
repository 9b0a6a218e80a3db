//! The walk of a README: what a reader pastes into a shell.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// The first block of shell under `## Walk` of `readme`, for a server at `url` in the place of `documented`.
///
/// # Panics
/// When there is none, or it is about another server.
#[must_use]
pub fn read(readme: &Path, documented: &str, url: &str) -> String {
    let text =
        std::fs::read_to_string(readme).unwrap_or_else(|error| panic!("{}: {error}", readme.display()));
    let (_, section) = text.split_once("\n## Walk\n").expect("a section");
    let (_, block) = section.split_once("```sh\n").expect("a block");
    let (block, _) = block.split_once("\n```").expect("its end");
    assert!(block.contains(documented), "the walk is not about {documented}");
    format!("{}\n", block.replace(documented, url))
}

/// What it prints when it is pasted into a shell in which an unset variable or a failed command is not overlooked.
///
/// # Panics
/// When the shell fails.
pub async fn paste(walk: &str) -> String {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", walk]).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || shell.output())
        .await
        .expect("no panic")
        .expect("a shell");
    let said = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}
