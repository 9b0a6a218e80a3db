use portcullis::{access::Public, gate::Routes};

async fn hello(_: Public) -> &'static str {
    "hello"
}

fn main() {
    let _: Routes = Routes::new().routes(portcullis::routes!(hello));
}
