use portcullis::input::Json;
use serde_json::json;
use utoipa::PartialSchema as _;

portcullis::roles! { pub enum Role { Admin = "admin", DeskEditor = "desk-editor" } Admin > DeskEditor; }

#[test]
fn roles_are_read_and_written_by_their_names() {
    assert_eq!(
        json!({ "role": Role::DeskEditor }),
        json!({ "role": "desk-editor" })
    );
    assert_eq!("admin".parse(), Ok(Role::Admin));
    assert_eq!(Role::try_from("desk-editor".to_owned()), Ok(Role::DeskEditor));
    assert_eq!(
        serde_json::to_value(Role::schema()).unwrap(),
        json!({ "type": "string", "enum": ["admin", "desk-editor"] })
    );
}

#[test]
fn an_unknown_role_is_refused_without_being_repeated() {
    for wrong in ["", "Admin", "hunter2"] {
        let error = wrong.parse::<Role>().unwrap_err().to_string();
        assert_eq!(error, "not a role: the roles are admin, desk-editor");
        let error = serde_json::from_value::<Role>(json!(wrong))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "not a role: the roles are admin, desk-editor");
    }
}

#[tokio::test]
async fn a_request_with_an_unknown_role_is_told_where() {
    use axum::{body::Body, extract::FromRequest as _, http::Request};
    let request = Request::post("/")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"role":"root"}"#))
        .unwrap();
    let read = Json::<std::collections::HashMap<String, Role>>::from_request(request, &()).await;
    let problem = read.unwrap_err();
    assert_eq!(problem.status(), 422);
    assert_eq!(problem.body()["errors"][0]["loc"], json!(["body", "role"]));
}
