use portcullis::requires;

portcullis::roles! { pub enum Role { Editor = "editor", Publisher = "publisher" } }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
    role: Role,
}

#[requires(Editor)]
#[requires(Publisher)]
#[requires(Editor)]
async fn create(_: User) {}

fn main() {}
