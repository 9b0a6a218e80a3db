//! The running example, and what the README of the repository shows of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails; clippy knows test functions only by their attribute"
)]

use std::path::{Path, PathBuf};

use portcullis_testkit::{server::Example, walk};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(here().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[tokio::test]
async fn the_walk_of_the_readme_works_twice_in_a_row() {
    let example = Example::start(env!("CARGO_BIN_EXE_hello")).await;
    let walk = walk::read(
        &here().join("README.md"),
        "http://127.0.0.1:3000",
        example.process.url(),
    );
    for _ in 0..2 {
        let said = walk::paste(&walk).await;
        let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with(':')).collect();
        let [nobody, somebody, _, again] = lines[..] else {
            panic!("{said}")
        };
        let nobody: serde_json::Value = serde_json::from_str(nobody).unwrap();
        assert_eq!(nobody["status"], 401);
        assert!(
            somebody.starts_with("Hello, ") && somebody.ends_with('!'),
            "{said}"
        );
        assert_eq!(again, "401");
    }
}

/// The blocks of a language in the repository's README, under the heading that is about this example.
fn shown(language: &str) -> String {
    let readme = read("../../README.md");
    let (_, section) = readme
        .split_once("\n## In a Rust application\n")
        .unwrap_or_else(|| panic!("no section"));
    let (_, block) = section
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("no block of {language}"));
    let (block, _) = block.split_once("```\n").unwrap_or_else(|| panic!("no end"));
    block.to_owned()
}

#[test]
fn the_readme_of_the_repository_shows_it_as_it_is() {
    let program = read("src/main.rs");
    assert_eq!(shown("rust"), program);
    let lines = program.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 20, "the README promises 20 lines: {lines}");
}

/// `name`, `version` and features of each line of dependencies. Paths and what the workspace says do not matter.
fn dependencies(manifest: &str) -> Vec<(String, Option<String>, Vec<String>)> {
    let quoted =
        |text: &str| -> Vec<String> { text.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once([' ', '.']).unwrap_or_else(|| panic!("{line}"));
            let features = value
                .split_once("features = [")
                .map(|(_, list)| quoted(list.split(']').next().unwrap_or("")));
            let version = value
                .strip_prefix("= \"")
                .or(value.split_once("version = \"").map(|(_, rest)| rest));
            let version = version.and_then(|rest| Some(rest.split_once('"')?.0.to_owned()));
            (name.to_owned(), version, features.unwrap_or_default())
        })
        .collect()
}

#[test]
fn the_readme_of_the_repository_shows_the_dependencies_as_they_are() {
    let shown = dependencies(&shown("toml"));
    let own = dependencies(&read("Cargo.toml"));
    let names = |list: &[(String, Option<String>, Vec<String>)]| -> Vec<String> {
        list.iter().map(|(name, ..)| name.clone()).collect()
    };
    assert_eq!(names(&shown), names(&own));
    let workspace = read("../../Cargo.toml");
    for ((name, version, features), (_, _, own)) in shown.iter().zip(&own) {
        if name == "portcullis" {
            assert_eq!(features, own);
            continue;
        }
        let line = workspace
            .lines()
            .find(|line| line.starts_with(&format!("{name} = ")))
            .unwrap_or_else(|| panic!("{name} is not in the workspace"));
        let version = version
            .as_deref()
            .unwrap_or_else(|| panic!("{name} without version"));
        assert!(line.contains(&format!("version = \"{version}\"")), "{line}");
        for feature in features {
            assert!(
                line.contains(&format!("\"{feature}\"")),
                "{name} has no {feature} here"
            );
        }
    }
}
