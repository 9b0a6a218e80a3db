use portcullis::{Public, Routes, routing::get};

async fn search(_: Public) {}

fn main() {
    let _: Routes = Routes::new().route("/a", get(search).rate_limit("5/minute"));
}
