//! Hashing the passwords of an application's own users: Argon2id, off the threads that serve requests.
//!
//! ```
//! use portcullis::hash;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let stored = hash::password("correct horse battery").await?;
//! // .. `stored.expose()` goes into the column of the user, and comes back at the login:
//! let verdict = hash::verify("correct horse battery", stored.expose()).await?;
//! assert!(verdict.matches && !verdict.rehash);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A login asks whatever it found: [`verify_unknown`] works as long as [`verify`], so nobody learns from the time who has
//! an account.
//!
//! ```
//! use portcullis::{hash, problem::Problem};
//!
//! struct User { password_hash: String }
//!
//! async fn login(email: &str, found: Option<User>, password: &str) -> Result<User, Problem> {
//!     let verdict = match &found {
//!         Some(user) => hash::verify(password, &user.password_hash).await?,
//!         None => hash::verify_unknown(password, email).await?,
//!     };
//!     // Where `verdict.rehash`: store what `hash::password(password)` makes of it.
//!     found
//!         .filter(|_| verdict.matches)
//!         .ok_or_else(|| Problem::login_failed("Wrong email or password."))
//! }
//! ```
//!
//! Where not all hashes were made alike, as after an import or with other parameters than before, say at the start which
//! there are: each email that nobody has then costs, each time, what a hash of one of these kinds costs.
//!
//! ```
//! use portcullis::hash;
//!
//! // SELECT password_hash FROM users
//! let stored = ["$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e"];
//! hash::set_population_of(stored)?;
//! # Ok::<(), hash::HashPoolError>(())
//! ```
//!
//! # Threads and memory
//!
//! The functions here share one [`Hasher`] of the process, started when the first of them is called: as many threads as
//! the machine has processors, at lower priority than the others, each with 19 MiB that it gives back after a minute
//! without work. In front of them is a queue with a bound: what cannot be hashed within 5 seconds is refused at once with
//! [`HashError::Busy`], which becomes a 503 with `Retry-After`. Other numbers: [`install`] a [`Hasher`] at the start.
//!
//! What a password must be is not asked here: [`PasswordPolicy`](crate::core::password::PasswordPolicy) tells.

mod error;
mod hasher;
mod text;

use std::sync::OnceLock;

pub use portcullis_core::password::{
    Argon2Params, StoredHash,
    pool::{HashPoolConfig, HashPoolError},
};

pub use self::{
    error::HashError,
    hasher::{Hasher, Verdict},
    text::{AsHash, AsPassword},
};

static DEFAULT: OnceLock<Hasher> = OnceLock::new();

/// The hasher of the process; started now, with [`HashPoolConfig::default`], unless there is one.
///
/// ```
/// use portcullis::hash;
///
/// /// On behalf of a client, whose address must not fill the queue.
/// async fn of_client(address: std::net::IpAddr, password: &str, stored: &str) -> Result<bool, hash::HashError> {
///     let verdict = hash::shared()?.for_address(address).verify(password, stored).await?;
///     Ok(verdict.matches)
/// }
/// ```
///
/// # Errors
/// When the operating system gives no threads.
pub fn shared() -> Result<Hasher, HashPoolError> {
    if let Some(hasher) = DEFAULT.get() {
        return Ok(hasher.clone());
    }
    // Of two that start one at once, one goes unused and ends.
    let started = Hasher::start(HashPoolConfig::default())?;
    Ok(DEFAULT.get_or_init(|| started).clone())
}

/// Makes `hasher` the one of the process. At the start, before anything is hashed.
///
/// ```
/// use portcullis::hash::{self, HashPoolConfig, Hasher};
///
/// let two = HashPoolConfig { threads: 2, ..HashPoolConfig::default() };
/// assert!(hash::install(Hasher::start(two.clone())?).is_ok());
/// assert!(hash::install(Hasher::start(two)?).is_err());
/// # Ok::<(), hash::HashPoolError>(())
/// ```
///
/// # Errors
/// Gives it back when there is one already.
pub fn install(hasher: Hasher) -> Result<(), Hasher> {
    DEFAULT.set(hasher)
}

/// Hashes a new password, to be stored. [`Hasher::password`] of the process's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let stored = portcullis::hash::password("correct horse battery").await?;
/// assert!(stored.expose().starts_with("$argon2id$"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When it could not be hashed now.
pub async fn password(password: impl AsPassword) -> Result<StoredHash, HashError> {
    shared()?.password(password).await
}

/// Checks a password against what is stored. [`Hasher::verify`] of the process's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let bcrypt = "$2b$04$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e";
/// assert!(!portcullis::hash::verify("not this one", bcrypt).await?.matches);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When it could not be checked now: never to be taken for a wrong password.
pub async fn verify(password: impl AsPassword, stored: impl AsHash) -> Result<Verdict, HashError> {
    shared()?.verify(password, stored).await
}

/// Does the work of a check for someone who is not known. [`Hasher::verify_unknown`] of the process's own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert!(!portcullis::hash::verify_unknown("whatever", "nobody@example.com").await?.matches);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`verify`].
pub async fn verify_unknown(password: impl AsPassword, identifier: &str) -> Result<Verdict, HashError> {
    shared()?.verify_unknown(password, identifier).await
}

/// Says which hashes are stored, where they were not all made alike. [`Hasher::set_population_of`] of the process's own.
///
/// ```
/// portcullis::hash::set_population_of(["$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e"])?;
/// # Ok::<(), portcullis::hash::HashPoolError>(())
/// ```
///
/// # Errors
/// As [`shared`].
pub fn set_population_of<T: AsRef<str>>(stored: impl IntoIterator<Item = T>) -> Result<(), HashPoolError> {
    shared()?.set_population_of(stored);
    Ok(())
}

/// Whether a stored hash should be replaced when its owner logs in: it is weaker than what is made now, or of another
/// family. [`Verdict::rehash`] says it, too.
///
/// ```
/// use portcullis::hash;
///
/// assert!(hash::needs_rehash("$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e"));
/// ```
#[must_use]
pub fn needs_rehash(stored: &str) -> bool {
    let params = DEFAULT
        .get()
        .map_or_else(Argon2Params::default, |hasher| hasher.pool().params());
    hasher::needs_rehash(stored, params)
}

#[cfg(test)]
mod tests;
