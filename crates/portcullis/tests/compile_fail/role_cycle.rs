portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor", Viewer = "viewer" }
    Admin > Editor > Viewer;
    Viewer > Admin;
}

fn main() {}
