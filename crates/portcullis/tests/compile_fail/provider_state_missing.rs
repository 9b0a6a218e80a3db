use axum::{Router, extract::State, http::HeaderMap};
use portcullis::{CurrentUser, Gate, auth_provider, provider::AuthError, routing::get};

#[derive(Clone)]
struct Db;

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

#[auth_provider]
async fn current_user(_: &HeaderMap, State(_): State<Db>) -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

async fn me(user: CurrentUser<User>) -> String {
    user.id.to_string()
}

fn main() {
    let _: Router<()> = Gate::<(), User>::new(current_user).route("/me", get(me)).into_router().unwrap();
}
