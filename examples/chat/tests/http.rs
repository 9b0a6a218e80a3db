//! The running example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use portcullis_testkit::{browser::Browser, people::Member, server::Example};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(example: &Example, header: &'static str, value: &str) -> Result<Socket, u16> {
    connect_with(example, &[(header, value)]).await
}

async fn connect_with(example: &Example, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let url = format!("{}/chat", example.process.url().replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    for (header, value) in headers {
        request.headers_mut().insert(*header, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn hear(socket: &mut Socket) -> Message {
    socket.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn who_is_logged_in_hears_who_is_logged_in() {
    let example = Example::start(env!("CARGO_BIN_EXE_chat")).await;
    let nobody = example.client();
    let (ada, bob) = (
        Member::register(&nobody, "ada").await,
        Member::register(&nobody, "bob").await,
    );
    let by_header = format!("Bearer {}", ada.tokens.access_token);
    let by_protocol = format!("bearer, {}", bob.tokens.access_token);
    let mut hers = connect(&example, "authorization", &by_header).await.unwrap();
    let mut his = connect(&example, "sec-websocket-protocol", &by_protocol)
        .await
        .unwrap();
    hers.send(Message::text("Good morning")).await.unwrap();
    let said = Message::text(format!("{}: Good morning", ada.id));
    assert_eq!(hear(&mut his).await, said);
    assert_eq!(hear(&mut hers).await, said);
}

#[tokio::test]
async fn a_page_of_this_origin_gets_a_socket_by_cookie_and_no_other_page_does() {
    let example = Example::start(env!("CARGO_BIN_EXE_chat")).await;
    let ada = Member::register(&example.client(), "ada").await;
    let mut browser = Browser::new(example.client());
    let login = json!({"email": &*ada.email, "password": &*ada.password, "cookies": true});
    let login = browser.own(Method::POST, "/auth/login").json(&login);
    browser.send(login).await.expect(200);
    let cookie = format!("chat-access={}", browser.cookies["chat-access"]);
    let from =
        async |origin: &str| connect_with(&example, &[("cookie", cookie.as_str()), ("origin", origin)]).await;
    let mut socket = from(example.process.url()).await.unwrap();
    socket.send(Message::text("Hello")).await.unwrap();
    assert_eq!(
        hear(&mut socket).await,
        Message::text(format!("{}: Hello", ada.id))
    );
    assert_eq!(from("https://evil.example").await.err(), Some(403));
}

#[tokio::test]
async fn nobody_gets_a_socket_without_a_token() {
    let example = Example::start(env!("CARGO_BIN_EXE_chat")).await;
    for (header, value) in [
        ("x-nothing", ""),
        ("authorization", "Bearer junk"),
        ("sec-websocket-protocol", "bearer, junk"),
    ] {
        assert_eq!(
            connect(&example, header, value).await.err(),
            Some(401),
            "{header}: {value}"
        );
    }
}

#[tokio::test]
async fn a_logout_closes_the_socket() {
    let example = Example::start(env!("CARGO_BIN_EXE_chat")).await;
    let ada = Member::register(&example.client(), "ada").await;
    let header = format!("Bearer {}", ada.tokens.access_token);
    let mut socket = connect(&example, "authorization", &header).await.unwrap();
    ada.client.post("/auth/logout").await.expect(200);
    let Message::Close(Some(close)) = hear(&mut socket).await else {
        panic!("it is still open");
    };
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Policy, "Revoked")
    );
    assert_eq!(connect(&example, "authorization", &header).await.err(), Some(401));
}

#[tokio::test]
async fn a_logout_closes_the_socket_of_somebody_who_takes_nothing_off_it() {
    let example = Example::start(env!("CARGO_BIN_EXE_chat")).await;
    let nobody = example.client();
    let (ada, bob) = (
        Member::register(&nobody, "ada").await,
        Member::register(&nobody, "bob").await,
    );
    let open = async |member: &Member| {
        let header = format!("Bearer {}", member.tokens.access_token);
        connect(&example, "authorization", &header).await.unwrap()
    };
    let (mut hers, mut his) = (open(&ada).await, open(&bob).await);
    // More than the system keeps for both ends of his connection.
    let long = "x".repeat(4096);
    for _ in 0..2000 {
        hers.send(Message::text(&*long)).await.unwrap();
        hear(&mut hers).await;
    }
    bob.client.post("/auth/logout").await.expect(200);
    // Still nothing is read, which would let the other end go on.
    let until_it_hangs_up = async { while his.send(Message::text("Hello?")).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), until_it_hangs_up)
        .await
        .expect("it is still open");
}
