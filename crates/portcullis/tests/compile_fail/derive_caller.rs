portcullis::roles! { pub enum Role { Editor = "editor" } }

#[derive(Clone, portcullis::Caller)]
struct NoId {
    email: String,
}

#[derive(Clone, portcullis::Caller)]
struct Both {
    id: u64,
    role: Role,
    roles: Vec<Role>,
}

#[derive(Clone, portcullis::Caller)]
enum NotAStruct {
    A,
}

#[derive(Clone, portcullis::Caller)]
struct TextForRole {
    id: u64,
    role: String,
}

fn main() {}
