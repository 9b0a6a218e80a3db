//! The table of events in the book against the lines that the code writes to the log.

use std::collections::{BTreeMap, BTreeSet};

use crate::{files, read, root};

/// Level and fields of an event, by its message.
type Events = BTreeMap<String, (String, BTreeSet<String>)>;

/// The arguments of a macro, from behind its opening parenthesis: texts stay whole, and nested calls, too.
fn arguments(text: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        arguments.last_mut().unwrap().push(c);
    }
    let trimmed = arguments.iter().map(|argument| argument.trim().to_owned());
    trimmed.filter(|argument| !argument.is_empty()).collect()
}

/// Whether it is the name of an event, `auth.denied`, and no sentence.
fn is_name(message: &str) -> bool {
    message == "answered"
        || (message.contains('.')
            && message
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b"._".contains(&b)))
}

/// Events with a name that `code` writes at info or above. What follows a colon is for people.
fn events(code: &str) -> Vec<(String, String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for level in ["error", "warn", "info"] {
        for call in code.split(&format!("tracing::{level}!(")).skip(1) {
            let arguments = arguments(call);
            let Some(message) = arguments.iter().find(|argument| argument.starts_with('"')) else {
                continue;
            };
            let message = message.trim_matches('"').split(':').next().unwrap();
            if !is_name(message) {
                continue;
            }
            let fields = arguments
                .iter()
                .filter(|argument| !argument.starts_with('"'))
                .map(|argument| {
                    let name = argument
                        .split_once('=')
                        .map_or(argument.as_str(), |(name, _)| name);
                    name.trim().trim_start_matches(['%', '?']).to_owned()
                });
            found.push((message.to_owned(), level.to_owned(), fields.collect()));
        }
    }
    found
}

fn written() -> Events {
    let mut written = Events::new();
    for path in files(&root().join("crates"), "rs") {
        let name = path.to_str().unwrap();
        if !name.contains("/src/")
            || name.contains("/tests")
            || name.contains("_tests.rs")
            || name.contains("testkit")
        {
            continue;
        }
        for (message, level, fields) in events(&read(&path)) {
            let (_, all) = written.entry(message).or_insert_with(|| (level, BTreeSet::new()));
            all.extend(fields);
        }
    }
    written
}

fn documented() -> Events {
    let page = read(&root().join("docs/src/monitoring.md"));
    let mut documented = Events::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if !matches!(cells[2], "error" | "warn" | "info") {
            continue;
        }
        let fields = cells[3].split('`').skip(1).step_by(2).map(str::to_owned);
        let before = documented.insert(
            cells[1].trim_matches('`').to_owned(),
            (cells[2].to_owned(), fields.collect()),
        );
        assert_eq!(before, None, "{row}");
    }
    documented
}

#[test]
fn events_of_the_log_and_their_fields_are_those_of_the_book() {
    let (written, documented) = (written(), documented());
    assert!(written.len() > 15, "{written:?}");
    let lacking: Vec<String> = written
        .iter()
        .filter(|(message, event)| documented.get(*message) != Some(*event))
        .map(|(message, (level, fields))| {
            let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            format!("| `{message}` | {level} | {} | .. |", fields.join(", "))
        })
        .collect();
    assert!(
        lacking.is_empty(),
        "docs/src/monitoring.md lacks these rows:\n{}",
        lacking.join("\n")
    );
    let gone: Vec<&String> = documented
        .keys()
        .filter(|message| !written.contains_key(*message))
        .collect();
    assert!(gone.is_empty(), "nobody writes these any more: {gone:?}");
}

#[test]
fn macros_are_read_as_they_are_written() {
    let code = r#"
        tracing::warn!(%error, user = %user.name("a, b"), has = ?f(x, y), count, "a.name: and, what (it) is {count}");
        tracing::info!(a = 1, "a sentence with a dot. And more");
        tracing::debug!(b, "b.name");
    "#;
    let fields = ["error", "user", "has", "count"].map(str::to_owned);
    assert_eq!(
        events(code),
        [("a.name".to_owned(), "warn".to_owned(), BTreeSet::from(fields))]
    );
}
