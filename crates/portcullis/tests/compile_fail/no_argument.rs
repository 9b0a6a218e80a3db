use portcullis::{gate::Routes, routing::get};

async fn hello() -> &'static str {
    "hello"
}

fn main() {
    let _: Routes = Routes::new().route("/", get(hello));
}
