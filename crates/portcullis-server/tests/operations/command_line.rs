use serde_json::Value;

use crate::harness::Place;

/// Every command, by the words that lead to it.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["serve"],
    &["check"],
    &["doctor"],
    &["config"],
    &["migrate"],
    &["copy"],
    &["backup"],
    &["restore"],
    &["import"],
    &["export"],
    &["maintenance"],
    &["maintenance", "run"],
    &["man"],
    &["routes"],
    &["openapi"],
    &["audit"],
    &["user"],
    &["user", "add"],
    &["user", "list"],
    &["user", "show"],
    &["user", "disable"],
    &["user", "enable"],
    &["user", "set-roles"],
    &["user", "set-password"],
    &["user", "delete"],
    &["role", "list"],
    &["key"],
    &["key", "list"],
    &["key", "rotate"],
    &["key", "revoke"],
    &["key", "import"],
    &["token"],
    &["token", "inspect"],
    &["token", "verify"],
];

#[test]
fn every_command_has_help_with_examples() {
    let place = Place::new();
    let mut all = String::new();
    for words in COMMANDS {
        let help = place.run(&[words, &["--help"][..]].concat()).done();
        assert!(help.contains("Examples:\n  "), "{words:?}\n{help}");
        all.push_str(
            &format!("$ portcullis {} --help\n{help}\n", words.join(" ")).replace("  --help", " --help"),
        );
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn the_example_and_the_reference_are_complete() {
    let place = Place::new();
    insta::assert_snapshot!("config_example", place.run(&["config", "--example"]).done());
    insta::assert_snapshot!("config_reference", place.run(&["config", "--reference"]).done());
    // The example as it stands is a configuration.
    place.write("portcullis.toml", &place.run(&["config", "--example"]).done());
    assert_eq!(place.run(&["check"]).code, Some(0));
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    let place = Place::new();
    for usage in [
        &["nonsense"][..],
        &["config"],
        &["config", "--example", "--reference"],
        &["user"],
        &["user", "add"],
        &["user", "add", "not-an-email"],
        &["user", "add", "a@example.com", "--role", "two words"],
        &["user", "set-roles", "a@example.com"],
        &["user", "set-roles", "a@example.com", "user", "--none"],
        &["user", "list", "--status", "asleep"],
        &["audit", "--since", "yesterday"],
        &["audit", "--limit", "0"],
        &["key", "revoke"],
        &["serve", "--listen"],
    ] {
        let ended = place.run(usage);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{usage:?}: {ended:?}"
        );
    }
    place.run(&["user", "list"]).failed();
    let version = place.run(&["--version"]).done();
    assert_eq!(version, format!("portcullis {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let place = Place::new();
    let page = place.run(&["man"]).done();
    assert!(
        page.contains(".TH portcullis 1") && page.contains("portcullis\\-serve(1)"),
        "{page}"
    );
    place.run(&["man", "--dir", "man"]).done();
    for words in COMMANDS {
        let name = ["portcullis"]
            .iter()
            .chain(*words)
            .copied()
            .collect::<Vec<_>>()
            .join("-");
        assert!(place.path("man").join(format!("{name}.1")).exists(), "{name}");
    }
}

#[test]
fn a_command_without_the_servers_configuration_leaves_its_keys_alone() {
    let place = Place::new();
    place.write("server.toml", "[token]\nalgorithm = \"RS256\"\n");
    let _server = place.serve(&["--config", "server.toml"]);
    let keys = || -> Value {
        place.run(&["user", "list", "--json"]).done();
        serde_json::from_str(&place.run(&["key", "list", "--json"]).done()).unwrap()
    };
    let before = keys();
    assert_eq!(before.as_array().unwrap().len(), 2, "{before}");
    assert!(
        before
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["algorithm"] == "RS256"),
        "{before}"
    );
    assert_eq!(keys(), before);
}

#[test]
fn keys_are_listed_rotated_imported_and_revoked() {
    let place = Place::new();
    let server = place.serve(&[]);
    let keys = |arguments: &[&str], stdin: &str| -> Vec<(String, String)> {
        let text = place.run_with(arguments, stdin).done();
        let list: Value = serde_json::from_str(&text).unwrap();
        let word = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
        list.as_array()
            .unwrap()
            .iter()
            .map(|key| (word(key, "kid"), word(key, "state")))
            .collect()
    };
    let state = |keys: &[(String, String)], kid: &str| -> Option<String> {
        keys.iter()
            .find(|(k, _)| k == kid)
            .map(|(_, state)| state.clone())
    };
    let before = keys(&["key", "list", "--json"], "");
    let active = before
        .iter()
        .find(|(_, state)| state == "active")
        .unwrap()
        .0
        .clone();
    let after = keys(&["key", "rotate", "--json"], "");
    assert_eq!(state(&after, &active).as_deref(), Some("retiring"));
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let imported = keys(&["key", "import", "--activate", "--json"], &pem);
    let own = imported
        .iter()
        .find(|(_, state)| state == "active")
        .unwrap()
        .0
        .clone();
    assert!(state(&after, &own).is_none());
    let revoked = keys(&["key", "revoke", &own, "--json"], "");
    assert_ne!(state(&revoked, &own).as_deref(), Some("active"));
    assert!(revoked.iter().any(|(_, state)| state == "active"));
    let said = place.run(&["key", "revoke", "nonsense"]).failed();
    assert_eq!(said, "error: there is no key `nonsense`\n");
    let said = place.run_with(&["key", "import"], "nonsense").failed();
    assert!(said.starts_with("error: "), "{said}");
    drop(server);
}

#[test]
fn users_are_found_by_email_in_any_case_and_by_identifier() {
    let place = Place::new();
    place.serve(&[]).terminate();
    let user: Value = serde_json::from_str(
        &place
            .run_with(
                &["user", "add", "Eva@example.com", "--name", "Eva Lu", "--json"],
                "correct horse 9",
            )
            .done(),
    )
    .unwrap();
    let id = user["id"].as_str().unwrap();
    for who in ["eva@EXAMPLE.com", id] {
        assert!(
            place
                .run(&["user", "show", who])
                .done()
                .contains("Eva@example.com")
        );
    }
    let said = place
        .run(&["user", "show", "01890a5d-ac96-774b-bcce-b302099a8057"])
        .failed();
    assert_eq!(
        said,
        "error: there is no user `01890a5d-ac96-774b-bcce-b302099a8057`\n"
    );
    for (prefix, found) in [("ev", true), ("EVA L", true), ("va", false)] {
        let list = place.run(&["user", "list", prefix]).done();
        assert_eq!(list.contains("Eva@example.com"), found, "{prefix}: {list}");
    }
    assert_eq!(
        place.run(&["user", "list", "--role", "admin", "--json"]).done(),
        "[]\n"
    );
}

#[test]
fn a_password_is_checked_and_never_taken_from_the_arguments() {
    let place = Place::new();
    place.serve(&[]).terminate();
    for (password, says) in [
        ("", "no password came on stdin"),
        ("short\n", "at least 8"),
        ("password\n", "most common passwords"),
        ("eva@example.com\n", "must not be your email"),
        ("portcullis\n", "name of this service"),
    ] {
        let said = place
            .run_with(&["user", "add", "eva@example.com"], password)
            .failed();
        assert!(said.contains(says), "{password:?}: {said}");
    }
    assert_eq!(
        place
            .run(&["user", "add", "eva@example.com", "--password", "correct horse 9"])
            .code,
        Some(2)
    );
    place
        .run(&["user", "add", "eva@example.com", "--no-password"])
        .done();
}

#[test]
fn a_deletion_wants_to_be_confirmed() {
    let place = Place::new();
    place.serve(&[]).terminate();
    place
        .run(&["user", "add", "eva@example.com", "--no-password"])
        .done();
    let said = place
        .run_with(&["user", "delete", "eva@example.com"], "y\n")
        .failed();
    assert_eq!(said, "error: nobody can be asked here: say --yes\n");
    place.run(&["user", "show", "eva@example.com"]).done();
    let done = place.run(&["user", "delete", "eva@example.com", "--yes"]).done();
    assert_eq!(done, "eva@example.com is deleted.\n");
    place.run(&["user", "show", "eva@example.com"]).failed();
    let audit = place.run(&["audit", "--kind", "user."]).done();
    assert!(
        audit.contains("user.deleted") && audit.contains("operator"),
        "{audit}"
    );
}

#[test]
fn programs_get_json() {
    let place = Place::new();
    place.serve(&[]).terminate();
    place
        .run(&["user", "add", "eva@example.com", "--no-password"])
        .done();
    let events: Value =
        serde_json::from_str(&place.run(&["audit", "--json", "--limit", "2"]).done()).unwrap();
    assert_eq!(events[0]["kind"], "user.created");
    assert_eq!(events.as_array().unwrap().len(), 2);
    let routes: Value = serde_json::from_str(&place.run(&["routes", "--json"]).done()).unwrap();
    assert!(
        routes
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["path"] == "/me" && row["credentials"] == "required")
    );
}
