//! `POST /auth/register`.

use portcullis_testkit::{
    jwt,
    people::{self, Member, PASSWORD, Tokens, UserBody, registration},
    server::{ISSUER, Setup},
};
use serde_json::json;

use crate::start;

on_both!(
    gives_a_token_pair_of_a_fresh_user,
    refuses_a_taken_email_in_any_case,
    of_parallel_registrations_of_one_email_one_wins,
    names_each_wrong_field,
    counts_passwords_in_code_points,
    normalizes_passwords,
    never_truncates_a_password,
    refuses_passwords_that_are_easy_to_guess_and_says_why,
    can_be_closed,
);

async fn gives_a_token_pair_of_a_fresh_user(setup: Setup) {
    let app = start(setup).await;
    let member = app.register("ada").await;
    assert_eq!(member.tokens.scope, "me");
    assert_eq!(member.tokens.expires_in, 900);
    assert!(
        member.tokens.device_token.is_some(),
        "a registered device is a known one"
    );

    let user: UserBody = member.me().await.expect(200).read();
    assert_eq!(
        (user.email.as_str(), user.name.as_str()),
        ("ada@example.com", "ada")
    );
    assert_eq!(
        (user.roles, user.scopes),
        (vec!["user".to_owned()], vec!["me".to_owned()])
    );
    assert_eq!((user.status.as_str(), &user.id), ("active", &member.id));
    assert!(
        user.created_at.ends_with('Z') && user.created_at.contains('T'),
        "{}",
        user.created_at
    );

    let (header, claims) = jwt::decode(&member.tokens.access_token);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("ES256"))
    );
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(ISSUER)));
    for claim in ["sub", "client_id", "jti", "sid"] {
        assert!(
            claims[claim].as_str().is_some_and(|text| !text.is_empty()),
            "{claim} in {claims}"
        );
    }
    assert_eq!(
        (&claims["scope"], &claims["roles"]),
        (&json!("me"), &json!(["user"]))
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    let text = claims.to_string();
    // Not `ada` alone, which identifiers have by chance.
    assert!(
        !text.contains("ada@") && !text.contains("Ada"),
        "personal data in a token: {text}"
    );
}

async fn refuses_a_taken_email_in_any_case(setup: Setup) {
    let app = start(setup).await;
    app.register("ada").await;
    let again = registration("ADA@Example.COM", PASSWORD, "Another");
    app.client().post_json("/auth/register", &again).await.expect(409);
}

async fn of_parallel_registrations_of_one_email_one_wins(setup: Setup) {
    let app = start(setup).await;
    let tasks: Vec<_> = (0..16)
        .map(|i| {
            let client = app.client();
            tokio::spawn(async move {
                let body = registration("ada@example.com", PASSWORD, &format!("Ada {i}"));
                client.post_json("/auth/register", &body).await.status.as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
}

async fn names_each_wrong_field(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    let good = || registration("ada@example.com", PASSWORD, "Ada");
    let cases = [
        ("email", json!("no-at-sign")),
        ("email", json!("")),
        ("email", json!(format!("{}@example.com", "a".repeat(250)))),
        ("email", json!(7)),
        ("email", json!(null)),
        ("password", json!("short 7")),
        ("password", json!("x9".repeat(65))),
        ("password", json!(["correct horse"])),
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!("n".repeat(101))),
        ("name", json!(false)),
    ];
    for (field, value) in cases {
        let mut body = good();
        body[field] = value;
        let answer = client.post_json("/auth/register", &body).await.expect(422);
        let wrong = answer.wrong_fields();
        assert!(wrong.iter().any(|loc| loc.ends_with(field)), "{body}: {wrong:?}");
        assert!(
            body[field]
                .as_str()
                .is_none_or(|text| text.is_empty() || field != "password" || !answer.body.contains(text)),
            "a password in {}",
            answer.body
        );
    }
    for field in ["email", "password", "name"] {
        let mut body = good();
        body.as_object_mut().unwrap().remove(field);
        let wrong = client
            .post_json("/auth/register", &body)
            .await
            .expect(422)
            .wrong_fields();
        assert!(wrong.iter().any(|loc| loc.ends_with(field)), "{body}: {wrong:?}");
    }
    let all = registration("no-at-sign", "short", "");
    let wrong = client
        .post_json("/auth/register", &all)
        .await
        .expect(422)
        .wrong_fields();
    assert!(wrong.len() >= 3, "all that is wrong at once: {wrong:?}");
    client.post_json("/auth/register", &good()).await.expect(201);
}

async fn counts_passwords_in_code_points(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    // 8 code points of 4 bytes each, and 128 of them: bytes would give other bounds.
    for (label, password) in [
        ("eight", "🦀🐢🦊🐝🐙🦉🐳🦔".to_owned()),
        ("many", "🦀🐢".repeat(64)),
    ] {
        let email = format!("{label}@example.com");
        client
            .post_json("/auth/register", &registration(&email, &password, "Ada"))
            .await
            .expect(201);
        Member::login(&client, &email, &password).await;
    }
    let long = registration("more@example.com", &format!("{}x", "🦀🐢".repeat(64)), "Ada");
    client.post_json("/auth/register", &long).await.expect(422);
    let short = registration("less@example.com", "🦀🐢🦊🐝🐙🦉🐳", "Ada");
    client.post_json("/auth/register", &short).await.expect(422);
}

async fn normalizes_passwords(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    let (composed, decomposed) = ("p\u{e1}ssword caf\u{e9} 77", "pa\u{301}ssword cafe\u{301} 77");
    assert_ne!(composed, decomposed);
    client
        .post_json(
            "/auth/register",
            &registration("ada@example.com", decomposed, "Ada"),
        )
        .await
        .expect(201);
    Member::login(&client, "ada@example.com", composed).await;
    Member::login(&client, "ada@example.com", decomposed).await;
}

async fn never_truncates_a_password(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    let password: String = (0..128).map(|i| char::from(b'a' + (i % 23))).collect();
    client
        .post_json(
            "/auth/register",
            &registration("ada@example.com", &password, "Ada"),
        )
        .await
        .expect(201);
    for place in [72, 73, 127] {
        let mut other: Vec<char> = password.chars().collect();
        other[place] = '#';
        people::login(&client, "ada@example.com", &other.iter().collect::<String>())
            .await
            .expect(401);
    }
    Member::login(&client, "ada@example.com", &password).await;
}

async fn refuses_passwords_that_are_easy_to_guess_and_says_why(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    for password in [
        "password",
        "12345678",
        "qwertyuiop",
        "PassWord1",
        "iloveyou1",
        "adalovelace@example.com",
        "AdaLovelace",
        "Ada Lovelace",
        "Portcullis",
    ] {
        let body = registration("adalovelace@example.com", password, "Ada Lovelace");
        let answer = client.post_json("/auth/register", &body).await;
        assert_eq!(answer.status, 422, "`{password}` was taken");
        assert!(
            answer.wrong_fields().iter().any(|loc| loc.ends_with("password")),
            "{}",
            answer.body
        );
        let reason = answer.json()["errors"][0]["msg"].as_str().unwrap().to_owned();
        assert!(reason.len() > 15, "no reason: {reason}");
    }
}

async fn can_be_closed(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_REGISTRATION__ENABLED", "false")).await;
    let body = registration("ada@example.com", PASSWORD, "Ada");
    app.client().post_json("/auth/register", &body).await.expect(403);
    let admin = app.admin().await;
    admin.client.post_json("/admin/users", &body).await.expect(201);
    let answer = people::login(&app.client(), "ada@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(Tokens::of(&answer).scope, "me");
}
