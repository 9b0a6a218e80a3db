//! `/admin/users`.

use std::collections::HashSet;

use portcullis_testkit::{
    client::Client,
    people::{self, Member, PASSWORD, UserBody, registration},
    server::{ADMIN_EMAIL, Setup},
};
use serde_json::json;

use crate::start;

on_both!(
    creates_reads_changes_deletes,
    pages_by_link_without_loss,
    filters_by_prefix_role_and_status,
    refuses_odd_queries,
    says_what_is_missing,
    ends_all_sessions_of_a_user,
    keeps_the_last_administrator,
    keeps_the_last_administrator_in_parallel,
);

async fn creates_reads_changes_deletes(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let mut body = registration("eva@example.com", PASSWORD, "Eva");
    body["roles"] = json!(["user", "admin"]);
    let made: UserBody = admin
        .client
        .post_json("/admin/users", &body)
        .await
        .expect(201)
        .read();
    assert_eq!(
        (made.roles.as_slice(), made.status.as_str()),
        (["admin".to_owned(), "user".to_owned()].as_slice(), "active")
    );
    let path = format!("/admin/users/{}", made.id);
    assert_eq!(admin.client.get(&path).await.expect(200).read::<UserBody>(), made);
    Member::login(&app.client(), "eva@example.com", PASSWORD).await;
    admin.client.post_json("/admin/users", &body).await.expect(409);

    let changed: UserBody = admin
        .client
        .patch(&path, &json!({"name": "Eva B", "roles": ["user"]}))
        .await
        .expect(200)
        .read();
    assert_eq!(
        (changed.name.as_str(), changed.roles.as_slice()),
        ("Eva B", ["user".to_owned()].as_slice())
    );
    admin
        .client
        .patch(&path, &json!({"roles": ["nonsense"]}))
        .await
        .expect(422);
    admin
        .client
        .patch(&path, &json!({"status": "sleeping"}))
        .await
        .expect(422);
    admin.client.patch(&path, &json!({"name": ""})).await.expect(422);

    let off: UserBody = admin
        .client
        .patch(&path, &json!({"status": "disabled"}))
        .await
        .expect(200)
        .read();
    assert_eq!(off.status, "disabled");
    people::login(&app.client(), "eva@example.com", PASSWORD)
        .await
        .expect(401);
    admin
        .client
        .patch(&path, &json!({"status": "active"}))
        .await
        .expect(200);
    Member::login(&app.client(), "eva@example.com", PASSWORD).await;

    admin.client.delete(&path).await.expect(204);
    admin.client.get(&path).await.expect(404);
    admin.client.delete(&path).await.expect(404);
    admin
        .client
        .patch(&path, &json!({"name": "Eva"}))
        .await
        .expect(404);
    people::login(&app.client(), "eva@example.com", PASSWORD)
        .await
        .expect(401);
    admin.client.get("/admin/users/not-a-uuid").await.expect(422);
}

/// All users of a listing, by following `Link`.
async fn all(client: &Client, first: &str) -> Vec<UserBody> {
    let (mut users, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let answer = client.get(&path).await.expect(200);
        users.extend(answer.read::<Vec<UserBody>>());
        next = answer.next_page();
        assert!(users.len() < 1000, "pages without end");
    }
    users
}

async fn pages_by_link_without_loss(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for i in 0..10 {
        app.register(&format!("member{i}")).await;
    }
    let whole = all(&admin.client, "/admin/users").await;
    assert_eq!(whole.len(), 11);
    for limit in [1, 3, 10, 11, 12] {
        assert_eq!(
            all(&admin.client, &format!("/admin/users?limit={limit}")).await,
            whole,
            "limit {limit}"
        );
    }
    let page = admin.client.get("/admin/users?limit=3").await;
    assert_eq!(page.read::<Vec<UserBody>>().len(), 3);
    // Who is deleted between two pages takes nobody along.
    let gone = &whole[2].id;
    admin
        .client
        .delete(&format!("/admin/users/{gone}"))
        .await
        .expect(204);
    let rest = admin
        .client
        .get(&page.next_page().expect("more"))
        .await
        .expect(200);
    assert_eq!(rest.read::<Vec<UserBody>>()[0], whole[3]);
}

async fn filters_by_prefix_role_and_status(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for (email, name) in [
        ("zoe@example.com", "Ürsula Zoe"),
        ("zora@example.com", "Zora"),
        ("a_c@example.com", "Under"),
        ("abc@example.com", "100% Plain"),
    ] {
        admin
            .client
            .post_json("/admin/users", &registration(email, PASSWORD, name))
            .await
            .expect(201);
    }
    let zora = Member::login(&app.client(), "zora@example.com", PASSWORD).await;
    admin
        .client
        .patch(
            &format!("/admin/users/{}", zora.id),
            &json!({"status": "disabled"}),
        )
        .await
        .expect(200);

    let client = &admin.client;
    let find = async |query: &[(&str, &str)]| -> HashSet<String> {
        let request = client.request(reqwest::Method::GET, "/admin/users").query(query);
        let users: Vec<UserBody> = client.send(request).await.expect(200).read();
        users
            .into_iter()
            .map(|user| user.email.split('@').next().unwrap().to_owned())
            .collect()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<HashSet<_>>()
    };
    assert_eq!(find(&[("q", "zo")]).await, set(&["zoe", "zora"]));
    assert_eq!(find(&[("q", "ZO")]).await, set(&["zoe", "zora"]));
    assert_eq!(find(&[("q", "zoe@EXAMPLE")]).await, set(&["zoe"]));
    assert_eq!(find(&[("q", "ürs")]).await, set(&["zoe"]), "by name, in any case");
    assert_eq!(find(&[("q", "oe")]).await, set(&[]), "a prefix, not a part");
    assert_eq!(find(&[("q", "a_")]).await, set(&["a_c"]), "`_` is no wildcard");
    assert_eq!(find(&[("q", "%")]).await, set(&[]), "`%` is no wildcard");
    assert_eq!(find(&[("q", "100%")]).await, set(&["abc"]));
    assert_eq!(find(&[("q", "zo"), ("status", "active")]).await, set(&["zoe"]));
    assert_eq!(find(&[("status", "disabled")]).await, set(&["zora"]));
    assert_eq!(find(&[("role", "admin")]).await, set(&["root"]));
    assert_eq!(find(&[("role", "user"), ("q", "a")]).await, set(&["a_c", "abc"]));
    assert_eq!(find(&[("q", "' OR 1=1 --")]).await, set(&[]));
}

async fn refuses_odd_queries(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for query in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=100000",
        "cursor=nonsense",
        "status=sleeping",
    ] {
        let answer = admin.client.get(&format!("/admin/users?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
    }
}

async fn says_what_is_missing(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let answer = ada.client.get("/admin/users").await.expect(403);
    let problem = answer.json();
    assert_eq!(problem["error"], "insufficient_scope");
    assert_eq!(problem["current_roles"], json!(["user"]));
    assert_eq!(problem["current_role"], "user");
    assert_eq!(problem["required_scopes"], json!(["admin"]));
    assert!(answer.header("www-authenticate").contains("scope=\"admin\""));
    app.client().get("/admin/users").await.expect(401);
}

async fn ends_all_sessions_of_a_user(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    let other = ada.again().await;
    let path = format!("/admin/users/{}/logout", ada.id);
    admin.client.post(&path).await.expect(200);
    for member in [&ada, &other] {
        member.me().await.expect_invalid_token();
        member.refresh().await.expect(401);
    }
    ada.again().await.me().await.expect(200);
    admin.me().await.expect(200);
    admin
        .client
        .post("/admin/users/01890a5d-ac96-774b-bcce-b302099a8057/logout")
        .await
        .expect(404);
}

async fn keeps_the_last_administrator(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let path = format!("/admin/users/{}", admin.id);
    admin
        .client
        .patch(&path, &json!({"roles": ["user"]}))
        .await
        .expect(409);
    admin
        .client
        .patch(&path, &json!({"status": "disabled"}))
        .await
        .expect(409);
    admin.client.delete(&path).await.expect(409);
    // A disabled administrator is none.
    app.add_admin("second@example.org").await;
    let second = Member::login(&app.client(), "second@example.org", PASSWORD).await;
    admin
        .client
        .patch(
            &format!("/admin/users/{}", second.id),
            &json!({"status": "disabled"}),
        )
        .await
        .expect(200);
    admin.client.delete(&path).await.expect(409);
    admin.client.get("/admin/users").await.expect(200);
}

async fn keeps_the_last_administrator_in_parallel(setup: Setup) {
    let app = start(setup).await;
    app.add_admin(ADMIN_EMAIL).await;
    app.add_admin("second@example.org").await;
    for round in 0..8 {
        let first = Member::login(&app.client(), ADMIN_EMAIL, PASSWORD).await;
        let second = Member::login(&app.client(), "second@example.org", PASSWORD).await;
        // Each tries to take the role from the other, at once.
        let demote = json!({"roles": ["user"]});
        let (path_1, path_2) = (
            format!("/admin/users/{}", first.id),
            format!("/admin/users/{}", second.id),
        );
        let (one, two) = tokio::join!(
            first.client.patch(&path_2, &demote),
            second.client.patch(&path_1, &demote)
        );
        let statuses = [one.status.as_u16(), two.status.as_u16()];
        // The slower one is refused: as the last administrator, or since its own token is void by now.
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "round {round}: {statuses:?}"
        );
        assert!(
            statuses
                .iter()
                .all(|status| [200, 401, 403, 409].contains(status)),
            "{statuses:?}"
        );
        let (left, lost) = if statuses[0] == 200 {
            (&first, &second)
        } else {
            (&second, &first)
        };
        let restore = json!({"roles": ["admin"]});
        left.client
            .patch(&format!("/admin/users/{}", lost.id), &restore)
            .await
            .expect(200);
    }
}
