use std::{error::Error, net::SocketAddr};

use portcullis::{CurrentUser, Gate, Portcullis, routing::get};
use tokio::net::TcpListener;

async fn hello(user: CurrentUser) -> String {
    format!("Hello, {}!\n", user.user)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let auth = Portcullis::builder().sqlite("hello.db").build().await?;
    let gate = Gate::new(auth.clone())
        .merge(auth.routes())
        .route("/hello", get(hello));
    let app = gate.into_router()?.layer(auth.edge());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
