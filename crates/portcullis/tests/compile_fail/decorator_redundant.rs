use portcullis::{authenticated, requires};

portcullis::roles! { pub enum Role { Editor = "editor" } }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
    role: Role,
}

#[requires(Editor)]
#[authenticated]
async fn create(_: User) {}

fn main() {}
