//! The book and the other pages: links, completeness, names of tests.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use crate::{files, read, root};

/// Pages of Markdown that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs/src"), "md");
    pages.extend(files(&root().join("docs/decisions"), "md"));
    pages.extend(files(&root().join("examples"), "md"));
    pages.extend(files(&root().join("bench"), "md"));
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.push(root().join(name));
    }
    pages
}

/// The text outside of fenced blocks and code spans.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            for (number, part) in line.split('`').enumerate() {
                prose.push_str(if number % 2 == 0 { part } else { "code" });
            }
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    prose(text)
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()))
        .collect()
}

/// The anchors of a page's headings, as mdBook and forges make them.
fn anchors(text: &str) -> HashSet<String> {
    let mut fenced = false;
    let mut anchors = HashSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

/// What is wrong with the links of `page`.
fn broken(page: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for link in links(text) {
        if link.starts_with("https://") || link.starts_with("http://127.0.0.1") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = if file.is_empty() {
            page.to_owned()
        } else {
            page.parent().unwrap().join(file)
        };
        if !target.exists() {
            broken.push(format!("{}: {link} is not there", page.display()));
        } else if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
            broken.push(format!("{}: {link} has no such heading", page.display()));
        }
    }
    broken
}

#[test]
fn links_lead_somewhere() {
    let broken: Vec<String> = pages()
        .iter()
        .flat_map(|page| broken(page, &read(page)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_broken_link_is_found() {
    let page = root().join("README.md");
    assert_eq!(
        broken(&page, "[a](nowhere.md) [b](LICENSE-MIT) `[c](no.md)`").len(),
        1
    );
    assert_eq!(
        broken(&page, "# One thing\n[a](#one-thing)").len(),
        1,
        "not a heading of the file"
    );
    assert_eq!(
        broken(&page, "[a](ARCHITECTURE.md#the-nouns)"),
        Vec::<String>::new()
    );
    assert_eq!(broken(&page, "```\n[a](nowhere.md)\n```"), Vec::<String>::new());
}

/// Links that leave the book would be dead in it.
#[test]
fn links_of_the_book_stay_in_the_book() {
    for page in files(&root().join("docs/src"), "md") {
        for link in links(&read(&page)) {
            assert!(!link.starts_with(".."), "{}: {link}", page.display());
        }
    }
}

#[test]
fn every_page_of_the_book_is_listed() {
    let source = root().join("docs/src");
    let summary: HashSet<PathBuf> = links(&read(&source.join("SUMMARY.md")))
        .iter()
        .map(|link| source.join(link))
        .collect();
    for page in files(&source, "md") {
        let listed = summary.contains(&page)
            || page.ends_with("SUMMARY.md")
            // Is included into configuration.md.
            || page.ends_with("configuration-reference.md");
        assert!(listed, "{} is not in SUMMARY.md", page.display());
    }
}

#[test]
fn every_decision_is_in_the_index_with_its_title() {
    let folder = root().join("docs/decisions");
    let index = read(&folder.join("README.md"));
    for page in files(&folder, "md") {
        let name = page.file_name().unwrap().to_str().unwrap();
        if name == "README.md" {
            continue;
        }
        let text = read(&page);
        let (number, title) = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "))
            .and_then(|heading| heading.split_once(": "))
            .unwrap_or_else(|| panic!("{name} does not begin with `# NNNN: title`"));
        assert!(
            name.starts_with(&format!("{number}-")),
            "{name} says that it is {number}"
        );
        let row = format!("| [{number}]({name}) | {title} |");
        assert!(index.lines().any(|line| line == row), "the index lacks: {row}");
    }
}

#[test]
fn every_security_claim_has_its_tests() {
    let page = read(&root().join("docs/src/security.md"));
    let code: String = files(&root().join("crates"), "rs")
        .iter()
        .map(|file| read(file))
        .collect();
    let mut claims = 0;
    for row in page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
    {
        let tests = row.rsplit(" | ").next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for test in named {
            assert!(
                code.contains(&format!("fn {test}(")),
                "there is no test `{test}`: {row}"
            );
        }
        claims += 1;
    }
    assert!(claims > 20, "{claims} claims: the page has another form");
}
