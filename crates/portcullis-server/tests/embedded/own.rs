//! What only an application has: its own routes and tables beside ours.

use portcullis_testkit::server::Setup;

use crate::start;

on_both!(its_own_routes_and_tables_are_beside_ours);

async fn its_own_routes_and_tables_are_beside_ours(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    app.client().get("/articles").await.expect(401);
    let found = ada.client.get("/articles").await.expect(200).json();
    assert_eq!(found["user"], ada.id.as_str());
    assert_eq!(found["articles"], 0);
    ada.client.post("/auth/logout").await.expect(200);
    ada.client.get("/articles").await.expect_invalid_token();
}
