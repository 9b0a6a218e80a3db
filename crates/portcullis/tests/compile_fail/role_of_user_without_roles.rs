use portcullis::{Allow, requires};

portcullis::roles! { pub enum Role { Editor = "editor" } }
portcullis::scopes! { pub Write = "write": "Write"; }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

async fn create(_: Allow<Editor, User>) {}

#[requires(Editor)]
async fn decorated(_: User) {}

async fn scoped(_: Allow<Write, User>) {}

fn main() {}
