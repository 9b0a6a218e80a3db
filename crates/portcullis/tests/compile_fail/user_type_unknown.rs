use portcullis::{access::CurrentUser, gate::Routes, routing::get};

#[derive(Clone)]
struct Guest;

async fn hello(_: CurrentUser<Guest>) -> &'static str {
    "hello"
}

fn main() {
    let _: Routes<(), Guest> = Routes::new().route("/", get(hello));
}
