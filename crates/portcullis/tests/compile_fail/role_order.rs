portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor" }
    Admin > Edtor;
}

fn main() {}
