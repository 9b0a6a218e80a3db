//! A WebSocket that is guarded before it opens, and closes with its login.

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{
    extract::{
        FromRef, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    http::{HeaderName, header},
    response::{Html, IntoResponse, Response},
};
use portcullis::{
    CurrentUser, Gate, Portcullis, Public,
    access::LocalUser,
    cookie::{CookieScheme, SessionCookies},
    routing::get,
};
use tokio::{net::TcpListener, sync::broadcast};

/// In bytes: the room remembers the last hundred for those who are slow.
const LONGEST_MESSAGE: usize = 4096;

/// For how long the last word may be on its way.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is said, for everybody who listens.
#[derive(Clone)]
struct Room(broadcast::Sender<String>);

#[derive(Clone, FromRef)]
struct App {
    room: Room,
}

/// The edge lets a page load nothing unless the page says what.
const POLICY: [(HeaderName, &str); 1] = [(header::CONTENT_SECURITY_POLICY, "default-src 'self'")];

async fn page(_: Public) -> impl IntoResponse {
    (POLICY, Html(include_str!("page.html")))
}

async fn script(_: Public) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript")],
        include_str!("page.js"),
    )
}

/// By now it is known who calls: whoever has no good token got a 401 in the place of a socket.
async fn chat(user: CurrentUser, State(room): State<Room>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE);
    // Before the answer: whoever has it misses nothing that is said from then on.
    let heard = room.0.subscribe();
    upgrade.on_upgrade(move |socket| talk(socket, user.0, room, heard))
}

async fn talk(mut socket: WebSocket, user: LocalUser, room: Room, heard: broadcast::Receiver<String>) {
    let reason = tokio::select! {
        // First of all: whoever is logged out says and hears nothing more.
        biased;
        reason = user.ended() => reason,
        () = converse(&mut socket, &user, room, heard) => return,
    };
    // Who takes nothing off the socket does not keep it open.
    let close = CloseFrame {
        code: close_code::POLICY,
        reason: format!("{reason:?}").into(),
    };
    let _ = tokio::time::timeout(PATIENCE, socket.send(Message::Close(Some(close)))).await;
}

async fn converse(
    socket: &mut WebSocket,
    user: &LocalUser,
    Room(room): Room,
    mut heard: broadcast::Receiver<String>,
) {
    loop {
        tokio::select! {
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => {
                    // Nobody listens only when nobody is there, and we are.
                    let _ = room.send(format!("{}: {text}", user.user));
                }
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return,
            },
            said = heard.recv() => match said {
                // Meanwhile nothing is received: `talk` looks out for a logout.
                Ok(said) => {
                    if socket.send(Message::text(said)).await.is_err() {
                        return;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A page may also log in by cookie. Where people come by https, say so here.
    let cookies = SessionCookies::new("chat", CookieScheme::of("http://localhost:3000")?)?;
    let auth = Portcullis::builder()
        .sqlite("chat.db")
        .session_cookies(cookies)
        .build()
        .await?;
    let csrf = auth.csrf().ok_or("the builder was told of no cookies")?;
    let app = Gate::new(auth.clone())
        .route("/", get(page))
        .route("/page.js", get(script))
        .route("/chat", get(chat))
        .csrf(&csrf)
        .merge(auth.routes())
        .with_state(App {
            room: Room(broadcast::channel(100).0),
        })
        .into_router()?
        .layer(auth.edge());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
