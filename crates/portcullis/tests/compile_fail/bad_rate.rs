use portcullis::{Public, Routes, rate, routing::get};

async fn search(_: Public) {}

fn main() {
    let _: Routes = Routes::new()
        .route("/a", get(search).rate_limit(rate!("5/fortnight")))
        .route("/b", get(search).rate_limit(rate!("0/minute")));
}
