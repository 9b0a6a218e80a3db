use serde_json::Value;

use crate::harness::{Place, chmod};

#[test]
fn many_problems_come_at_once() {
    let place = Place::new()
        .env("PORTCULLIS_TOKEN__SECRET", "PLANTED-secret")
        .env("PORTCULLIS_TOKEN__ISSUER", "http://auth.example.com")
        .env("PORTCULLIS_HTTP__TRUSTED_PROXY", "10.0.0.1")
        .env("PORTCULLIS_CORS__ORIGINS", "*,https://app.example.com/")
        .env("PORTCULLIS_PASSWORD__MEMORY_KIB", "64");
    place.write(
        "portcullis.toml",
        "[token]\naccess_ttl = \"15\"\n[limit]\nenabled = false\n",
    );
    let check = place.run(&["check", "--listen", "0.0.0.0:8000", "--dev"]);
    assert_eq!(check.code, Some(1));
    assert!(!format!("{check:?}").contains("PLANTED"));
    insta::assert_snapshot!("check_with_many_problems", check.stderr);
}

#[test]
fn the_resolved_configuration_is_shown_with_secrets_masked() {
    let place = Place::new()
        .env("PORTCULLIS_TOKEN__SECRET", "PLANTED-k3Jv9qLx2mZ8wRt5yHn7bGf4")
        .env("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.com");
    place.write(
        "portcullis.toml",
        "[token]\naccess_ttl = \"5m\"\n[database]\nmax_connections = 4\n",
    );
    place.write(".env", "PORTCULLIS_LIMITS__ENABLED=false\n");
    let check = place.run(&["check", "--listen", "127.0.0.1:9000"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(!format!("{check:?}").contains("PLANTED"));
    insta::assert_snapshot!("check_resolved", check.stdout);
    insta::assert_snapshot!("check_notes", check.stderr);
    let json: Value = serde_json::from_str(&place.run(&["check", "--json"]).done()).unwrap();
    assert_eq!(json["ok"], true);
    assert_eq!(json["configuration"]["token.secret"]["value"], "********");
    assert_eq!(json["warnings"][0]["at"], "PORTCULLIS_LIMITS__ENABLED in .env");
    // Nothing was made.
    assert!(!place.path("portcullis-data").exists());
}

#[test]
fn it_looks_at_what_is_there_beside_a_running_server() {
    let place = Place::new();
    let _server = place.serve(&[]);
    let check = place.run(&["check"]);
    assert_eq!((check.code, check.stderr.as_str()), (Some(0), "All is well.\n"));
    chmod(&place.path("portcullis-data"), 0o755);
    let check = place.run(&["check"]);
    assert!(
        check.code == Some(0) && check.stderr.contains("chmod 700"),
        "{check:?}"
    );
}

#[test]
fn a_database_that_cannot_be_reached_is_a_problem_without_its_password() {
    let place = Place::new().env("PORTCULLIS_DATABASE__URL", "postgres://u:PLANTED@127.0.0.1:1/db");
    let check = place.run(&["check"]);
    assert!(
        check.code == Some(1) && check.stderr.contains("database.url: "),
        "{check:?}"
    );
    assert!(!format!("{check:?}").contains("PLANTED"));
    let place = Place::new();
    let file = place.write("notes.txt", &"not a database ".repeat(100));
    let check = place.run(&["check", "--database-url", &format!("sqlite:{}", file.display())]);
    assert!(
        check.code == Some(1) && check.stderr.contains("not a SQLite database"),
        "{check:?}"
    );
}

#[test]
fn an_authority_of_the_redis_that_is_none_is_refused_before_a_start() {
    let place = |url: &str| {
        Place::new()
            .env("PORTCULLIS_LIMITS__REDIS_URL", url)
            .env("PORTCULLIS_LIMITS__REDIS_CA", "authority.pem")
    };
    let refused = |place: &Place, says: &str| {
        let check = place.run(&["check"]);
        assert!(
            check.code == Some(1) && check.stderr.contains(says),
            "{says}: {check:?}"
        );
        let serve = place.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(
            serve.code == Some(1) && serve.stderr.contains(says),
            "{says}: {serve:?}"
        );
    };
    let secure = place("rediss://:PLANTED@127.0.0.1:1");
    refused(&secure, "limits.redis_ca cannot be read: authority.pem");
    secure.write("authority.pem", "garbage");
    refused(&secure, "not PEM");
    let plain = place("redis://:PLANTED@127.0.0.1:1");
    plain.write("authority.pem", "garbage");
    refused(&plain, "no TLS");
}
