//! The command line and the running server on one database.

use portcullis_testkit::{
    people::{self, Member, PASSWORD},
    server::Setup,
};

use crate::start;

on_both!(
    manages_users,
    inspects_and_verifies_tokens,
    tells_the_audit_log,
    refuses_what_is_wrong
);

async fn manages_users(setup: Setup) {
    let app = start(setup).await;
    let add = app
        .command(
            &["user", "add", "eva@example.com", "--name", "Eva", "--json"],
            &format!("{PASSWORD}\n"),
        )
        .await;
    let made = add.success().json();
    assert_eq!(
        (&made["email"], &made["roles"]),
        (&"eva@example.com".into(), &serde_json::json!(["user"]))
    );
    let eva = Member::login(&app.client(), "eva@example.com", PASSWORD).await;
    let listed = app
        .command(&["user", "list", "--json"], "")
        .await
        .success()
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let shown = app
        .command(&["user", "show", "eva@example.com", "--json"], "")
        .await
        .success()
        .json();
    assert_eq!(shown["id"], eva.id.as_str());
    app.command(&["user", "set-roles", "eva@example.com", "user", "admin"], "")
        .await
        .success();
    let eva = Member::login(&app.client(), "eva@example.com", PASSWORD).await;
    eva.client.get("/admin/users").await.expect(200);
    app.command(
        &["user", "set-password", "eva@example.com"],
        "another horse 7 staple\n",
    )
    .await
    .success();
    people::login(&app.client(), "eva@example.com", PASSWORD)
        .await
        .expect(401);
    Member::login(&app.client(), "eva@example.com", "another horse 7 staple").await;
    let last = app.command(&["user", "disable", "eva@example.com"], "").await;
    assert_ne!(last.code, Some(0), "the last administrator");
    app.add_admin("root@example.org").await;
    app.command(&["user", "disable", "eva@example.com"], "")
        .await
        .success();
    people::login(&app.client(), "eva@example.com", "another horse 7 staple")
        .await
        .expect(401);
    app.command(&["user", "enable", "eva@example.com"], "")
        .await
        .success();
    Member::login(&app.client(), "eva@example.com", "another horse 7 staple").await;
    app.command(&["user", "delete", "eva@example.com", "--yes"], "")
        .await
        .success();
    let gone = app.command(&["user", "show", "eva@example.com"], "").await;
    assert!(gone.code != Some(0) && !gone.stderr.is_empty(), "{gone:?}");
}

async fn inspects_and_verifies_tokens(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let token = &ada.tokens.access_token;
    let inspected = app.command(&["token", "inspect"], token).await.success();
    assert!(inspected.stdout.contains(&ada.id), "{}", inspected.stdout);
    let jwks = app.client().get("/.well-known/jwks.json").await.expect(200).body;
    let file = app.database.data_dir().join("jwks.json");
    std::fs::write(&file, jwks).unwrap();
    let file = file.to_str().unwrap();
    let issuer = portcullis_testkit::server::ISSUER;
    app.command(
        &[
            "token",
            "verify",
            "--jwks",
            file,
            "--issuer",
            issuer,
            "--audience",
            issuer,
        ],
        token,
    )
    .await
    .success();
    let raw = app
        .command(&["token", "verify", "--jwks", file, "--raw"], token)
        .await
        .success();
    assert!(raw.stdout.contains(&ada.id), "{}", raw.stdout);
    let mut broken = token.clone().into_bytes();
    let place = broken.len() - 20;
    broken[place] = if broken[place] == b'A' { b'B' } else { b'A' };
    let broken = String::from_utf8(broken).unwrap();
    for (arguments, token) in [
        (vec!["--raw"], broken.as_str()),
        (vec!["--issuer", "https://other.example.com"], token),
        (
            vec!["--issuer", issuer, "--audience", "https://other.example.com"],
            token,
        ),
        (vec![], "garbage"),
    ] {
        let arguments = [vec!["token", "verify", "--jwks", file], arguments].concat();
        let refused = app.command(&arguments, token).await;
        assert_eq!(refused.code, Some(1), "{arguments:?}: {refused:?}");
        assert!(
            !refused.stderr.is_empty() || !refused.stdout.is_empty(),
            "no reason"
        );
    }
    assert_eq!(
        app.command(&["token", "verify"], token).await.code,
        Some(2),
        "wrong usage"
    );
}

async fn tells_the_audit_log(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let events = app.command(&["audit", "--json"], "").await.success().json();
    let registered = events
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["kind"] == "user.registered");
    assert_eq!(registered.expect("the registration")["subject"], ada.id.as_str());
}

async fn refuses_what_is_wrong(setup: Setup) {
    let app = start(setup).await;
    let nobody = app.command(&["user", "show", "nobody@example.com"], "").await;
    assert!(
        nobody.code != Some(0) && nobody.stderr.contains("nobody@example.com"),
        "{nobody:?}"
    );
    let weak = app
        .command(&["user", "add", "eva@example.com", "--name", "Eva"], "password\n")
        .await;
    assert!(weak.code != Some(0) && !weak.stderr.is_empty(), "{weak:?}");
    let role = app
        .command(
            &[
                "user",
                "add",
                "eva@example.com",
                "--name",
                "Eva",
                "--role",
                "nonsense",
            ],
            &format!("{PASSWORD}\n"),
        )
        .await;
    assert!(
        role.code != Some(0) && role.stderr.contains("nonsense"),
        "{role:?}"
    );
    let twice = app.register("eva").await;
    let taken = app
        .command(
            &["user", "add", &twice.email, "--name", "Eva"],
            &format!("{PASSWORD}\n"),
        )
        .await;
    assert_ne!(taken.code, Some(0), "{taken:?}");
    assert_eq!(app.command(&["nonsense"], "").await.code, Some(2));
}
