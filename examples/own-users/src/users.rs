//! The table of users: registration, login, and what the rest of the program asks of it.

use axum::{extract::State, http::StatusCode};
use portcullis::{
    Caller, Problem, Public,
    core::{
        password::{Password, PasswordPolicy},
        user::Email,
    },
    hash,
    input::{Check, Json, PasswordForm, Valid, Validate},
    secret::{ExposeSecret as _, SecretString},
    token::{Issued, NoCustom},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqlitePool};

use crate::{App, Role};

/// A row, and who calls.
#[derive(Clone, Caller, FromRow, Serialize)]
pub struct User {
    id: i64,
    email: String,
    #[sqlx(try_from = "String")]
    role: Role,
}

#[derive(Deserialize)]
pub struct NewRole {
    pub role: Role,
}

#[derive(Deserialize)]
pub struct Registration {
    email: String,
    password: SecretString,
}

/// A registration whose values can be taken.
pub struct NewUser {
    email: Email,
    password: Password,
}

impl Validate for Registration {
    type Valid = NewUser;

    fn validate(self, check: &mut Check) -> Option<NewUser> {
        let password = Password::new(self.password.expose_secret());
        let email = check.parse("email", &self.email);
        check.take("password", PasswordPolicy::default().check_length(&password))?;
        Some(NewUser {
            email: email?,
            password,
        })
    }
}

pub async fn register(
    _: Public,
    State(app): State<App>,
    Valid(new): Valid<Json<Registration>>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let password = hash::password(&new.password).await?;
    match add(&app.pool, new.email.as_str(), password.expose(), Role::Reader).await {
        Ok(Some(user)) => Ok((StatusCode::CREATED, Json(user))),
        Ok(None) => Err(Problem::conflict("This email is taken.")),
        Err(error) => Err(Problem::internal(&error)),
    }
}

pub async fn login(_: Public, State(app): State<App>, form: PasswordForm) -> Result<Issued, Problem> {
    let found: Option<(i64, String)> = sqlx::query_as("SELECT id, password FROM users WHERE email = $1")
        .bind(&form.username)
        .fetch_optional(&app.pool)
        .await
        .map_err(|error| Problem::internal(&error))?;
    // The same work for who is not there: the time of an answer does not tell who has an account.
    let verdict = match &found {
        Some((_, stored)) => hash::verify(&form.password, stored).await?,
        None => hash::verify_unknown(&form.password, &form.username).await?,
    };
    match found {
        Some((id, _)) if verdict.matches => Ok(app.tokens.encode(id.to_string(), NoCustom {})?),
        _ => Err(Problem::login_failed("Wrong email or password.")),
    }
}

pub async fn create_table(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS users (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            email TEXT NOT NULL UNIQUE COLLATE NOCASE,
            password TEXT NOT NULL,
            role TEXT NOT NULL
        )",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Somebody has to give the others their roles.
pub async fn add_first_admin(
    pool: &SqlitePool,
    password: &SecretString,
) -> Result<(), Box<dyn std::error::Error>> {
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(pool)
        .await?;
    if users == 0 {
        let password = hash::password(password).await?;
        add(pool, "admin@example.com", password.expose(), Role::Admin).await?;
    }
    Ok(())
}

/// None when the email is taken.
async fn add(
    pool: &SqlitePool,
    email: &str,
    password: &str,
    role: Role,
) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as(
        "INSERT INTO users (email, password, role) VALUES ($1, $2, $3)
         ON CONFLICT (email) DO NOTHING RETURNING id, email, role",
    )
    .bind(email)
    .bind(password)
    .bind(role.as_str())
    .fetch_optional(pool)
    .await
}

pub async fn by_id(pool: &SqlitePool, id: i64) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as("SELECT id, email, role FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
}

pub async fn all(pool: &SqlitePool) -> Result<Vec<User>, sqlx::Error> {
    sqlx::query_as("SELECT id, email, role FROM users ORDER BY id")
        .fetch_all(pool)
        .await
}

pub async fn set_role(pool: &SqlitePool, id: i64, role: Role) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as("UPDATE users SET role = $2 WHERE id = $1 RETURNING id, email, role")
        .bind(id)
        .bind(role.as_str())
        .fetch_optional(pool)
        .await
}
