//! `/admin/roles`.

use portcullis_testkit::{jwt, people::UserBody, server::Setup};
use serde_json::{Value, json};

use crate::start;

on_both!(
    begins_with_user_and_admin,
    adds_edits_and_deletes_roles,
    follows_implications,
    refuses_cycles_and_unknown_roles,
    keeps_the_last_administrator,
    an_edit_voids_the_tokens_that_carry_the_role_only,
);

fn role<'a>(roles: &'a Value, name: &str) -> &'a Value {
    let found = roles
        .as_array()
        .expect("an array")
        .iter()
        .find(|role| role["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {roles}"))
}

async fn begins_with_user_and_admin(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let roles = admin.client.get("/admin/roles").await.expect(200).json();
    assert_eq!(roles.as_array().unwrap().len(), 2);
    assert_eq!(role(&roles, "user")["scopes"], json!(["me"]));
    let scopes = jwt::claims(&admin.tokens.access_token)["scope"].clone();
    assert!(
        ["me admin", "admin me"].contains(&scopes.as_str().unwrap()),
        "{scopes}"
    );
}

async fn adds_edits_and_deletes_roles(setup: Setup) {
    let app = start(setup).await;
    let (admin, ada) = (app.admin().await, app.register("ada").await);
    let editor =
        json!({"description": "Writes", "scopes": ["tasks:write", "tasks:read"], "implies": ["user"]});
    let answer = admin.client.put("/admin/roles/editor", &editor).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(admin.client.put("/admin/roles/editor", &editor).await.status, 200);
    let roles = admin.client.get("/admin/roles").await.expect(200).json();
    let stored = role(&roles, "editor");
    assert_eq!(stored["scopes"], json!(["tasks:read", "tasks:write"]));
    assert_eq!(
        (&stored["implies"], &stored["description"]),
        (&json!(["user"]), &json!("Writes"))
    );

    let path = format!("/admin/users/{}", ada.id);
    let user: UserBody = admin
        .client
        .patch(&path, &json!({"roles": ["editor"]}))
        .await
        .expect(200)
        .read();
    assert_eq!(user.scopes, ["me", "tasks:read", "tasks:write"]);
    admin.client.delete("/admin/roles/editor").await.expect(204);
    let user: UserBody = admin.client.get(&path).await.expect(200).read();
    assert!(user.roles.is_empty() && user.scopes.is_empty(), "{user:?}");
    admin.client.delete("/admin/roles/editor").await.expect(404);
    for name in ["two%20words", "quote%22", "%3Cscript%3E"] {
        let answer = admin.client.put(&format!("/admin/roles/{name}"), &editor).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.body);
    }
    admin
        .client
        .put("/admin/roles/editor", &json!({"scopes": ["two words"]}))
        .await
        .expect(422);
    admin
        .client
        .put("/admin/roles/editor", &json!({"scopes": "me"}))
        .await
        .expect(422);
    for field in ["scopes", "implies"] {
        let many: Vec<_> = (0..101).map(|number| format!("x{number}")).collect();
        let answer = admin
            .client
            .put("/admin/roles/editor", &json!({field: many}))
            .await
            .expect(422);
        assert_eq!(answer.wrong_fields(), [format!("body.{field}")]);
    }
}

async fn follows_implications(setup: Setup) {
    let app = start(setup).await;
    let (admin, ada) = (app.admin().await, app.register("ada").await);
    for (name, scopes, implies) in [
        ("viewer", json!(["read"]), json!(["user"])),
        ("editor", json!(["write"]), json!(["viewer"])),
        ("chief", json!([]), json!(["editor"])),
    ] {
        let body = json!({"description": name, "scopes": scopes, "implies": implies});
        admin
            .client
            .put(&format!("/admin/roles/{name}"), &body)
            .await
            .expect(201);
    }
    admin
        .client
        .patch(&format!("/admin/users/{}", ada.id), &json!({"roles": ["chief"]}))
        .await
        .expect(200);
    let ada = ada.refreshed().await;
    let claims = jwt::claims(&ada.tokens.access_token);
    assert_eq!(
        claims["roles"],
        json!(["chief", "editor", "user", "viewer"]),
        "the closure"
    );
    assert_eq!(claims["scope"], "me read write");
}

async fn refuses_cycles_and_unknown_roles(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let put = async |name: &str, implies: Value| {
        let body = json!({"description": "", "scopes": [], "implies": implies});
        admin.client.put(&format!("/admin/roles/{name}"), &body).await
    };
    put("a", json!([])).await.expect(201);
    put("b", json!(["a"])).await.expect(201);
    put("c", json!(["b"])).await.expect(201);
    for (name, implies) in [
        ("a", json!(["a"])),
        ("a", json!(["b"])),
        ("a", json!(["c"])),
        ("d", json!(["nobody"])),
    ] {
        let answer = put(name, implies.clone()).await;
        assert_eq!(answer.status, 422, "{name} {implies}: {}", answer.body);
    }
    // Two edits that make a cycle only together.
    put("x", json!([])).await.expect(201);
    put("y", json!([])).await.expect(201);
    for _ in 0..8 {
        let (one, two) = tokio::join!(put("x", json!(["y"])), put("y", json!(["x"])));
        let good = [&one, &two].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(good, 1, "{} {}", one.status, two.status);
        put("x", json!([])).await.expect(200);
        put("y", json!([])).await.expect(200);
    }
}

async fn keeps_the_last_administrator(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let powerless = json!({"description": "", "scopes": ["me"], "implies": []});
    admin
        .client
        .put("/admin/roles/admin", &powerless)
        .await
        .expect(409);
    admin.client.delete("/admin/roles/admin").await.expect(409);
    admin.client.get("/admin/users").await.expect(200);
}

async fn an_edit_voids_the_tokens_that_carry_the_role_only(setup: Setup) {
    let app = start(setup).await;
    let (admin, ada, bob) = (
        app.admin().await,
        app.register("ada").await,
        app.register("bob").await,
    );
    let body = |scopes: Value| json!({"description": "", "scopes": scopes, "implies": ["user"]});
    admin
        .client
        .put("/admin/roles/editor", &body(json!(["write"])))
        .await
        .expect(201);
    let path = format!("/admin/users/{}", ada.id);
    admin
        .client
        .patch(&path, &json!({"roles": ["editor"]}))
        .await
        .expect(200);
    let ada = ada.refreshed().await;
    admin
        .client
        .put("/admin/roles/editor", &body(json!(["write", "publish"])))
        .await
        .expect(200);
    ada.me().await.expect_invalid_token();
    bob.me().await.expect(200);
    admin.me().await.expect(200);
    let ada = ada.refreshed().await;
    assert_eq!(ada.tokens.scope, "me publish write");
    // An edit of a role that is only implied reaches those that imply it.
    admin
        .client
        .put(
            "/admin/roles/user",
            &json!({"description": "", "scopes": ["me", "read"], "implies": []}),
        )
        .await
        .expect(200);
    ada.me().await.expect_invalid_token();
    bob.me().await.expect_invalid_token();
}
