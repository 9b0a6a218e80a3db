//! Users of the application under test.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    jwt,
};

/// A password that no list holds.
pub const PASSWORD: &str = "correct horse 9 battery";

/// A token pair, exactly as documented: a member more or less fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// JWT.
    pub access_token: String,
    /// Opaque.
    pub refresh_token: String,
    /// `bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: u64,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// Names the device to later logins.
    pub device_token: Option<String>,
}

impl Tokens {
    /// From a successful answer.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let tokens: Self = answer.read();
        assert_eq!(tokens.token_type, "bearer");
        assert!(tokens.expires_in > 0);
        assert_eq!(jwt::decode(&tokens.access_token).0["typ"], "at+jwt");
        tokens
    }
}

/// A user, exactly as documented.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    /// UUID.
    pub id: String,
    /// Address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// `active` or `disabled`.
    pub status: String,
    /// RFC 3339.
    pub created_at: String,
}

/// Someone who is logged in.
#[derive(Clone)]
pub struct Member {
    /// Speaks with the access token.
    pub client: Client,
    /// The latest pair.
    pub tokens: Tokens,
    /// Identifier.
    pub id: String,
    /// Email.
    pub email: String,
    /// Password.
    pub password: String,
}

impl Member {
    /// Registers `label@example.com`.
    pub async fn register(anonymous: &Client, label: &str) -> Self {
        let email = format!("{label}@example.com");
        let answer = anonymous
            .post_json(
                "/auth/register",
                &json!({"email": email, "password": PASSWORD, "name": label}),
            )
            .await
            .expect(201);
        Self::from_tokens(anonymous, &email, PASSWORD, Tokens::of(&answer))
    }

    /// Logs in by JSON.
    pub async fn login(anonymous: &Client, email: &str, password: &str) -> Self {
        let answer = login(anonymous, email, password).await.expect(200);
        Self::from_tokens(anonymous, email, password, Tokens::of(&answer))
    }

    /// A member with tokens from elsewhere.
    #[must_use]
    pub fn from_tokens(anonymous: &Client, email: &str, password: &str, tokens: Tokens) -> Self {
        let id = jwt::claims(&tokens.access_token)["sub"]
            .as_str()
            .expect("sub")
            .to_owned();
        Self {
            client: anonymous.bearer(&tokens.access_token),
            tokens,
            id,
            email: email.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The same person on another device.
    pub async fn again(&self) -> Self {
        Self::login(&self.client.anonymous(), &self.email, &self.password).await
    }

    /// `/me`.
    pub async fn me(&self) -> Answer {
        self.client.get("/me").await
    }

    /// `/auth/refresh` with the latest refresh token.
    pub async fn refresh(&self) -> Answer {
        refresh(&self.client.anonymous(), &self.tokens.refresh_token).await
    }

    /// Refreshes, and goes on with the new pair.
    pub async fn refreshed(&self) -> Self {
        let tokens = Tokens::of(&self.refresh().await.expect(200));
        Self::from_tokens(&self.client.anonymous(), &self.email, &self.password, tokens)
    }

    /// The session (`sid`).
    #[must_use]
    pub fn session(&self) -> String {
        jwt::claims(&self.tokens.access_token)["sid"]
            .as_str()
            .expect("sid")
            .to_owned()
    }
}

/// `POST /auth/login` as JSON.
pub async fn login(client: &Client, email: &str, password: &str) -> Answer {
    client
        .post_json("/auth/login", &json!({"email": email, "password": password}))
        .await
}

/// `POST /auth/login` as JSON, from a known device.
pub async fn login_from(client: &Client, email: &str, password: &str, device_token: &str) -> Answer {
    client
        .post_json(
            "/auth/login",
            &json!({"email": email, "password": password, "device_token": device_token}),
        )
        .await
}

/// `POST /auth/refresh` as JSON.
pub async fn refresh(client: &Client, token: &str) -> Answer {
    client
        .post_json("/auth/refresh", &json!({"refresh_token": token}))
        .await
}

/// What `/auth/register` takes.
#[must_use]
pub fn registration(email: &str, password: &str, name: &str) -> Value {
    json!({"email": email, "password": password, "name": name})
}
