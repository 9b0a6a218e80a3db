use portcullis::requires;

portcullis::roles! { pub enum Role { Editor = "editor" } }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
    role: Role,
}

#[requires(Editor)]
#[audit::admin]
async fn update(_: User) {}

fn main() {}
