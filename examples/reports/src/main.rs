//! Users in memory, login by form, and routes for one role or another.

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use axum::extract::State;
use portcullis::{
    Allow, AnyOf, Caller, CurrentUser, Gate, Problem, Public,
    hash::{self, StoredHash},
    input::{Json, PasswordForm},
    layers::Edge,
    provider::{AuthError, AuthProvider, Parts, bearer},
    rate,
    routing::{get, post},
    token::{Algorithm, Claims, Issued, NoCustom, TokenKey, Tokens},
};
use serde::Serialize;
use tokio::net::TcpListener;

portcullis::roles! {
    pub enum Role { Admin = "admin", User = "user" }
}

/// Who calls, as handlers get to know them.
#[derive(Clone, Caller, Serialize)]
struct Member {
    #[caller(id)]
    name: String,
    role: Role,
}

struct Account {
    member: Member,
    password: StoredHash,
}

#[derive(Clone)]
struct App {
    accounts: Arc<HashMap<String, Account>>,
    tokens: Tokens,
}

/// Before each handler that wants to know who calls.
impl AuthProvider for App {
    type User = Member;

    async fn authenticate(&self, parts: &Parts) -> Result<Member, AuthError> {
        let claims: Claims = self.tokens.decode(bearer(parts)?.expose())?;
        match self.accounts.get(&claims.subject) {
            Some(account) => Ok(account.member.clone()),
            None => Err(AuthError::invalid("there is no such user any more")),
        }
    }
}

/// A token for whoever knows the password.
async fn login(_: Public, State(app): State<App>, form: PasswordForm) -> Result<Issued, Problem> {
    let account = app.accounts.get(&form.username);
    let verdict = match account {
        Some(account) => hash::verify(&form.password, &account.password).await?,
        None => hash::verify_unknown(&form.password, &form.username).await?,
    };
    match account {
        Some(account) if verdict.matches => Ok(app.tokens.encode(&account.member.name, NoCustom {})?),
        _ => Err(Problem::login_failed("Wrong name or password.")),
    }
}

async fn me(member: CurrentUser<Member>) -> Json<Member> {
    Json(member.0)
}

async fn reports(_: Allow<Admin, Member>) -> Json<[&'static str; 2]> {
    Json(["Costs of last year", "Costs of this year"])
}

async fn projects(_: Allow<AnyOf<(Admin, User)>, Member>) -> Json<[&'static str; 2]> {
    Json(["Bridge", "Tunnel"])
}

async fn accounts() -> Result<HashMap<String, Account>, hash::HashError> {
    let mut accounts = HashMap::new();
    for (name, password, role) in [
        ("alice", "alicepass", Role::Admin),
        ("bob", "bobpass", Role::User),
    ] {
        let member = Member {
            name: name.to_owned(),
            role,
        };
        let password = hash::password(password).await?;
        accounts.insert(name.to_owned(), Account { member, password });
    }
    Ok(accounts)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let state = App {
        accounts: Arc::new(accounts().await?),
        // The key is gone when the process ends, as the users are.
        tokens: Tokens::new(TokenKey::generate(Algorithm::ES256)?),
    };
    let app = Gate::new(state.clone())
        .route("/auth/login", post(login).rate_limit(rate!("10/minute")))
        .route("/me", get(me))
        .route("/reports", get(reports))
        .route("/projects", get(projects))
        .with_state(state)
        .into_router()?
        .layer(Edge::default());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
