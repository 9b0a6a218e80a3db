use portcullis::{access::Allow, gate::Routes, routing::get};

struct Admin;

async fn hello(_: Allow<Admin>) -> &'static str {
    "hello"
}

fn main() {
    let _: Routes = Routes::new().route("/", get(hello));
}
