use crate::harness::Place;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn an_unknown_key_stops_server_and_command_with_the_nearest_name() {
    let place = Place::new().env("PORTCULLIS_TOKEN__ISUER", "https://auth.example.com");
    for command in [&["serve"][..], &["user", "list"]] {
        let said = place.run(command).failed();
        assert_eq!(
            said,
            "error: the configuration is refused: PORTCULLIS_TOKEN__ISUER: there is no such key; did you mean \
             PORTCULLIS_TOKEN__ISSUER?\n"
        );
    }
    assert!(!place.path("portcullis-data").exists());
}

#[test]
fn secrets_come_from_files() {
    let place = Place::new();
    let secret = place.write("secret", "k3Jv9qLx2mZ8wRt5yHn7bGf4dSa6pUe1\n");
    let place = place.env("PORTCULLIS_TOKEN__SECRET_FILE", secret.to_str().unwrap());
    let server = place.serve(&[]);
    // A shared secret is not published.
    assert!(server.get("/.well-known/jwks.json").contains(r#"{"keys":[]}"#));
    let keys = place.run(&["key", "list"]).done();
    assert!(keys.contains("HS256"), "{keys}");
    let said = place.run(&["key", "rotate"]).failed();
    assert!(said.contains("change the configuration"), "{said}");
}

#[test]
fn with_master_key_and_database_configured_there_is_no_folder() {
    let place = Place::new();
    let file = place.path("other.db");
    let place = place
        .env("PORTCULLIS_MASTER_KEY", KEY)
        .env("PORTCULLIS_DATABASE__URL", &format!("sqlite:{}", file.display()));
    let said = place.run(&["user", "list"]).failed();
    assert!(
        said.contains("cannot open") && said.contains("other.db"),
        "{said}"
    );
    let server = place.serve(&[]);
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
    place.run(&["user", "list"]).done();
    assert!(file.exists() && !place.path("portcullis-data").exists());
}

#[test]
fn a_command_makes_no_folder_by_itself() {
    let place = Place::new();
    let said = place.run(&["user", "list"]).failed();
    assert!(
        said.contains("there is no data folder at portcullis-data"),
        "{said}"
    );
    assert!(!place.path("portcullis-data").exists());
}
