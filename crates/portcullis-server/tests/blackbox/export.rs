//! `/me/export`.

use portcullis_testkit::{
    client::Answer,
    jwt,
    people::{self, Member, PASSWORD},
    server::Setup,
};
use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};

use crate::start;

on_both!(
    holds_all_that_is_known_and_no_secret,
    is_no_access_token,
    gives_what_is_older_in_parts,
    tells_an_administrator_nothing_of_others,
);

fn payload(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/jwt");
    assert_eq!(answer.header("cache-control"), "no-store");
    let (header, payload) = jwt::decode(&answer.body);
    assert_eq!(header["typ"], "portcullis-account+jwt");
    payload
}

async fn export(member: &Member) -> Value {
    payload(&member.client.get("/me/export").await.expect(200))
}

fn kinds(payload: &Value) -> Vec<&str> {
    let events = payload["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect()
}

async fn holds_all_that_is_known_and_no_secret(setup: Setup) {
    let app = start(setup).await;
    let (ada, bob) = (app.register("ada").await, app.register("bob").await);
    let phone = app
        .client()
        .request(Method::POST, "/auth/login")
        .header(USER_AGENT, "phone/1.0")
        .json(&json!({"email": ada.email, "password": PASSWORD}));
    let phone = Member::from_tokens(
        &app.client(),
        &ada.email,
        PASSWORD,
        people::Tokens::of(&app.client().send(phone).await.expect(200)),
    );
    phone.client.post("/auth/logout").await.expect(200);
    people::login(&app.client(), &ada.email, "wrong horse 9 battery")
        .await
        .expect(401);

    let answer = ada.client.get("/me/export").await.expect(200);
    assert_eq!(
        answer.header("content-disposition"),
        format!("attachment; filename=\"account-{}.jwt\"", ada.id)
    );
    let archive = payload(&answer);
    assert_eq!(archive["sub"], json!(ada.id));
    assert_eq!(archive["aud"], "portcullis-account-archive");
    assert_eq!(archive["complete"], true);
    let me = ada.me().await.expect(200).json();
    assert_eq!(archive["account"], me);
    let sessions = archive["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{archive}");
    let (ended, current) = (&sessions[0], &sessions[1]);
    assert_eq!(
        (&ended["agent"], &ended["current"], &ended["end_reason"]),
        (&json!("phone/1.0"), &json!(false), &json!("logout"))
    );
    assert!(ended["ended_at"].is_string(), "{ended}");
    assert_eq!(
        (
            &current["id"],
            &current["current"],
            &current["address"],
            &current["ended_at"]
        ),
        (
            &json!(ada.session()),
            &json!(true),
            &json!("127.0.0.1"),
            &Value::Null
        )
    );
    let mut found = kinds(&archive);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "account.exported",
            "login.failed",
            "login.succeeded",
            "session.logout",
            "user.registered"
        ]
    );
    let text = archive.to_string();
    for secret in [
        PASSWORD,
        "$argon2id$",
        ada.tokens.refresh_token.as_str(),
        ada.tokens.access_token.as_str(),
        "sealed",
        bob.id.as_str(),
        "bob@",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Who asks for it is noted, before it is given out.
    let admin = app.admin().await;
    let noted = admin
        .client
        .get(&format!("/admin/audit?kind=account.exported&subject={}", ada.id))
        .await
        .expect(200)
        .json();
    assert_eq!(noted.as_array().map(Vec::len), Some(1), "{noted}");
}

async fn is_no_access_token(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let archive = ada.client.get("/me/export").await.expect(200).body;
    app.client()
        .bearer(&archive)
        .get("/me")
        .await
        .expect_invalid_token();
    app.client().get("/me/export").await.expect(401);
}

async fn gives_what_is_older_in_parts(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let ada = ada.again().await;
    let all = export(&ada).await;
    assert_eq!(
        kinds(&all),
        ["account.exported", "login.succeeded", "user.registered"]
    );
    let login = all["events"][1]["id"].as_str().unwrap();
    let path = format!("/me/export?before={login}");
    let older = payload(&ada.client.get(&path).await.expect(200));
    assert_eq!(kinds(&older), ["user.registered"]);
    ada.client.get("/me/export?before=yesterday").await.expect(422);
}

async fn tells_an_administrator_nothing_of_others(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    let path = format!("/admin/users/{}", ada.id);
    admin
        .client
        .patch(&path, &json!({"name": "Ada Lovelace"}))
        .await
        .expect(200);
    let by_admin = export(&admin).await;
    let changed = by_admin["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["kind"] == "user.updated")
        .unwrap_or_else(|| panic!("{by_admin}"));
    assert_eq!(
        (&changed["actor"], &changed["subject"], &changed["detail"]),
        (&json!("you"), &json!("another user"), &Value::Null)
    );
    assert!(!by_admin.to_string().contains(&ada.id), "{by_admin}");
    let ada = ada.again().await;
    let on_ada = export(&ada).await;
    assert!(
        kinds(&on_ada).contains(&"user.updated") && !on_ada.to_string().contains(&admin.id),
        "{on_ada}"
    );
}
