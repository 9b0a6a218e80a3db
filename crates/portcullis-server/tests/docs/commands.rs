//! The commands that the documentation names.

use std::{collections::BTreeMap, process::Command};

use crate::{files, read, root};

/// Each `portcullis SUBCOMMAND ..` in `text`, in a code span or at the begin of a line of a fenced block, with the flags
/// that follow.
fn commands(text: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let spans = text.split('`').skip(1).step_by(2);
    let mut found = Vec::new();
    for line in text.lines().chain(spans.filter(|span| !span.contains('\n'))) {
        let Some(rest) = line.trim_start().strip_prefix("portcullis ") else {
            continue;
        };
        let words: Vec<&str> = rest
            .split(['#', '|', '>'])
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let is_name =
            |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        let names: Vec<String> = words
            .iter()
            .take_while(is_name)
            .map(|&word| word.to_owned())
            .collect();
        let flags = words.iter().filter(|word| word.starts_with("--"));
        if !names.is_empty() {
            found.push((names, flags.map(|&flag| flag.to_owned()).collect()));
        }
    }
    found
}

fn help(names: &[String]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(names)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_command_that_is_named_exists() {
    let mut pages = files(&root().join("docs/src"), "md");
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.push(root().join(name));
    }
    let mut helps: BTreeMap<Vec<String>, Option<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for page in pages {
        for (names, flags) in commands(&read(&page)) {
            let help = helps.entry(names.clone()).or_insert_with(|| help(&names));
            match help {
                None => wrong.push(format!(
                    "{}: there is no `portcullis {}`",
                    page.display(),
                    names.join(" ")
                )),
                Some(help) => wrong.extend(
                    flags
                        .iter()
                        .filter(|flag| !help.contains(flag.as_str()))
                        .map(|flag| format!("{}: `{}` has no {flag}", page.display(), names.join(" "))),
                ),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(helps.len() > 8, "too few commands found: {:?}", helps.keys());
}

#[test]
fn commands_are_found_in_spans_and_blocks() {
    let text = "Say `portcullis user add ada@example.org --role admin`, then\n```sh\nportcullis check # now\n```\nportcullis-data";
    let found = commands(text);
    assert_eq!(
        found,
        [
            (vec!["check".to_owned()], vec![]),
            (
                vec!["user".to_owned(), "add".to_owned()],
                vec!["--role".to_owned()]
            ),
        ]
    );
}
