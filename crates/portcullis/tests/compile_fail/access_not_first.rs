use axum::extract::State;
use portcullis::{access::CurrentUser, gate::Routes, routing::get};

async fn hello(State(_): State<&'static str>, _: CurrentUser) -> &'static str {
    "hello"
}

fn main() {
    let _: Routes<&'static str> = Routes::new().route("/", get(hello));
}
