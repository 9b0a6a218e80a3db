portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor", Admin = "boss" }
}

mod wire {
    portcullis::roles! { pub enum Role { Admin = "admin", Editor = "admin" } }
}

mod unknown {
    portcullis::roles! { pub enum Role { Admin = "admin" } Admin > Editor; }
}

fn main() {}
