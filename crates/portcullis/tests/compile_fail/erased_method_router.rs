use portcullis::{access::Public, gate::Routes};

async fn hello(_: Public) -> &'static str {
    "hello"
}

fn main() {
    let _: Routes = Routes::new().route("/", axum::routing::get(hello));
}
