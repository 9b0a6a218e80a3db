use portcullis::requires;
// Stands for a decorator of another crate that is called like one of ours, and is not swallowed by ours.
use portcullis::auth_provider as admin;

portcullis::roles! { pub enum Role { Editor = "editor" } }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
    role: Role,
}

#[requires(Editor)]
#[admin]
async fn update(_: User) {}

fn main() {}
