use axum::{
    extract::ws::{Message, WebSocketUpgrade},
    response::Response,
};
use futures_util::StreamExt as _;
use http::request::Parts;
use portcullis::{
    Caller, CurrentUser, Gate,
    provider::{AuthError, AuthProvider, TokenSources},
    routing::any,
};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest as _};

#[derive(Clone, Caller)]
struct User {
    id: String,
}

struct ByName;

impl AuthProvider for ByName {
    type User = User;
    async fn authenticate(&self, parts: &Parts) -> Result<User, AuthError> {
        let credential = TokenSources::default().cookie("sid").read(parts)?;
        match credential.token() {
            "ada" => Ok(User { id: "ada".to_owned() }),
            _ => Err(AuthError::invalid("unknown")),
        }
    }
}

async fn chat(user: CurrentUser<User>, upgrade: WebSocketUpgrade) -> Response {
    let id = user.id.clone();
    upgrade.on_upgrade(async move |mut socket| {
        let _ = socket.send(Message::text(id)).await;
    })
}

/// The same, with a protocol of its own.
async fn chat_v1(user: CurrentUser<User>, upgrade: WebSocketUpgrade) -> Response {
    chat(user, upgrade.protocols(["chat.v1"])).await
}

async fn serve() -> String {
    let app = Gate::<(), User>::new(ByName)
        .route("/chat", any(chat))
        .route("/chat/v1", any(chat_v1))
        .into_router()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("ws://{address}")
}

/// What was answered, the protocol that was chosen, and the first message.
async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Result<(Option<String>, String), u16> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((mut socket, response)) => {
            let chosen = response.headers().get("sec-websocket-protocol");
            let chosen = chosen.map(|chosen| chosen.to_str().unwrap().to_owned());
            let message = socket
                .next()
                .await
                .unwrap()
                .unwrap()
                .into_text()
                .unwrap()
                .to_string();
            let _ = socket.close(None).await;
            Ok((chosen, message))
        }
        Err(tungstenite::Error::Http(response)) => {
            // Nothing was chosen, for nothing begins.
            assert_eq!(response.headers().get("sec-websocket-protocol"), None);
            Err(response.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_before_it_happens() {
    let url = serve().await;
    for headers in [
        &[][..],
        &[("authorization", "Bearer eve")],
        &[("sec-websocket-protocol", "bearer, eve")],
        &[("sec-websocket-protocol", "chat.v1")],
        &[("cookie", "sid=eve")],
    ] {
        assert_eq!(
            connect(&format!("{url}/chat"), headers).await,
            Err(401),
            "{headers:?}"
        );
    }
    let both = [
        ("authorization", "Bearer ada"),
        ("sec-websocket-protocol", "bearer, ada"),
    ];
    assert_eq!(connect(&format!("{url}/chat"), &both).await, Err(400));
}

#[tokio::test]
async fn a_token_comes_by_header_cookie_or_subprotocol() {
    let url = serve().await;
    let ada = || "ada".to_owned();
    let bearer = || Some("bearer".to_owned());
    for (path, headers, chosen) in [
        ("/chat", ("authorization", "Bearer ada"), None),
        ("/chat", ("cookie", "sid=ada"), None),
        ("/chat", ("sec-websocket-protocol", "bearer, ada"), bearer()),
        ("/chat/v1", ("sec-websocket-protocol", "bearer, ada"), bearer()),
        (
            "/chat/v1",
            ("sec-websocket-protocol", "bearer, ada, chat.v1"),
            Some("chat.v1".to_owned()),
        ),
    ] {
        let found = connect(&format!("{url}{path}"), &[headers]).await;
        assert_eq!(found, Ok((chosen, ada())), "{path} {headers:?}");
    }
}
