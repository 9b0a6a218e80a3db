//! An application that embeds Portcullis, for the black-box suite: own state, own table, own pool, an own route, and what
//! axum alone offers to serve it. It reads as much of the server's environment as the suite sets.

#![allow(
    clippy::expect_used,
    reason = "only tests start it: a panic is how they learn what they set wrongly"
)]

use std::{collections::HashMap, error::Error, net::SocketAddr, time::Duration};

use axum::{Json, extract::State};
use portcullis::{
    CurrentUser, Gate, Portcullis, api,
    cookie::{CookieScheme, SameSite, SessionCookies},
    core::password::{Argon2Params, Blocklist},
    embedded::{Builder, NewUser},
    routing::get,
};
use serde_json::{Value, json};
use sqlx::{
    Executor as _, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The database of the application, in which Portcullis lives too.
#[derive(Clone)]
enum Articles {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS articles (id INTEGER PRIMARY KEY, title TEXT NOT NULL)";

/// The application's own route, on the same pool and behind the same gate.
async fn articles(user: CurrentUser, State(articles): State<Articles>) -> Json<Value> {
    let count = "SELECT COUNT(*) FROM articles";
    let found: Result<i64, _> = match &articles {
        Articles::Sqlite(pool) => sqlx::query_scalar(count).fetch_one(pool).await,
        Articles::Postgres(pool) => sqlx::query_scalar(count).fetch_one(pool).await,
    };
    Json(json!({"user": user.user.to_string(), "articles": found.ok()}))
}

struct Environment {
    variables: HashMap<String, String>,
    /// An administrator whose password everyone knows.
    dev: bool,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "an application reads its environment")]
    fn read() -> Self {
        Self {
            variables: std::env::vars().collect(),
            dev: std::env::args().any(|argument| argument == "--dev"),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(&format!("PORTCULLIS_{name}"))
            .map(String::as_str)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        let text = self.get(name)?.strip_suffix('s')?;
        text.parse().ok().map(Duration::from_secs)
    }

    /// The options that the suite sets.
    fn builder(&self) -> Builder {
        let mut builder = Portcullis::builder();
        if let Some(issuer) = self.get("TOKEN__ISSUER") {
            builder = builder.issuer(issuer);
        }
        if let Some(algorithm) = self.get("TOKEN__ALGORITHM") {
            builder = builder.algorithm(algorithm.parse().expect("an algorithm"));
        }
        if let Some(secret) = self.get("TOKEN__SECRET") {
            builder = builder.secret(secret);
        }
        for secret in self
            .get("TOKEN__PREVIOUS_SECRETS")
            .iter()
            .flat_map(|list| list.split(','))
        {
            builder = builder.previous_secret(secret);
        }
        if let Some(grace) = self.seconds("TOKEN__REFRESH_GRACE") {
            builder = builder.refresh_grace(grace);
        }
        // As the server does: pages can log in by cookie.
        let scheme = CookieScheme::of(self.get("TOKEN__ISSUER").unwrap_or("http://localhost"));
        let name = self.get("COOKIES__NAME").unwrap_or(api::COOKIE_NAME);
        let cookies = SessionCookies::new(name, scheme.expect("an issuer")).expect("a name");
        let same_site = match self.get("COOKIES__SAME_SITE") {
            Some("strict") => SameSite::Strict,
            _ => SameSite::Lax,
        };
        builder
            .session_cookies(cookies.same_site(same_site).expect("https"))
            .limits_enabled(self.get("LIMITS__ENABLED") != Some("false"))
            .registration_enabled(self.get("REGISTRATION__ENABLED") != Some("false"))
            .trusted_proxies(self.get("HTTP__TRUSTED_PROXIES"))
            .cors_origins(self.get("CORS__ORIGINS"))
            .configure(|config| {
                let login = &mut config.limits.login;
                login.address = self.number("LIMITS__LOGIN_PER_ADDRESS").unwrap_or(login.address);
                login.account = self.number("LIMITS__LOGIN_PER_ACCOUNT").unwrap_or(login.account);
                if self.dev {
                    config.password.blocklist = Blocklist::Warn;
                }
                let hashing = &mut config.hashing;
                hashing.deadline = self.seconds("PASSWORD__DEADLINE").unwrap_or(hashing.deadline);
                hashing.threads = self.number("PASSWORD__THREADS").unwrap_or(hashing.threads);
                if let (Some(memory), Some(passes)) = (
                    self.number("PASSWORD__MEMORY_KIB"),
                    self.number("PASSWORD__ITERATIONS"),
                ) {
                    hashing.params = Argon2Params::new(memory, passes, 1).expect("costs of a hash");
                }
            })
    }

    fn data_dir(&self) -> std::path::PathBuf {
        self.get("DATA_DIR").expect("PORTCULLIS_DATA_DIR").into()
    }

    /// The pool that the application has anyway.
    async fn pool(&self) -> Result<Articles, sqlx::Error> {
        if let Some(url) = self.get("DATABASE__URL") {
            let pool = PgPoolOptions::new().max_connections(10).connect(url).await?;
            pool.execute(TABLE).await?;
            return Ok(Articles::Postgres(pool));
        }
        std::fs::create_dir_all(self.data_dir())?;
        let options = SqliteConnectOptions::new()
            .filename(self.data_dir().join("portcullis.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().connect_with(options).await?;
        pool.execute(TABLE).await?;
        Ok(Articles::Sqlite(pool))
    }
}

fn start_log(level: &str) {
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .json()
        .init();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::read();
    start_log(environment.get("LOG__LEVEL").unwrap_or("info"));
    let pool = environment.pool().await?;
    let builder = environment.builder().data_dir(environment.data_dir());
    let builder = match pool.clone() {
        Articles::Sqlite(pool) => builder.sqlite_pool(pool),
        Articles::Postgres(pool) => builder.postgres_pool(pool),
    };
    let auth = builder.build().await?;
    if environment.dev {
        let administrator = NewUser::new("admin@example.com", "admin-password").role_named("admin");
        auth.ensure_user(administrator).await?;
    }

    let csrf = auth.csrf().ok_or("the builder was told of no cookies")?;
    let app = Gate::new(auth.clone())
        .merge(auth.routes())
        .route("/articles", get(articles).undocumented())
        .csrf(&csrf)
        .documented(api::documentation())
        .into_router()?
        .with_state(pool)
        .layer(auth.edge());

    let mut terminate = signal(SignalKind::terminate())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    tracing::info!(url = format!("http://{}", listener.local_addr()?), "listening");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    auth.shutdown().await;
    Ok(())
}
