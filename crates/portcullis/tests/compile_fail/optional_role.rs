portcullis::roles! { pub enum Role { Editor = "editor" } }

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
    role: Option<Role>,
}

fn main() {}
