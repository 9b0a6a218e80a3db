//! A few users in a file, for small tools; and the trait by which they could be kept elsewhere.
//!
//! ```
//! use portcullis::users::{JsonFile, Record, UserStore, UserStoreError};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct User { name: String, role: String, password_hash: String }
//!
//! impl Record for User {
//!     fn key(&self) -> &str { &self.name }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("users.json");
//! let users = JsonFile::<User>::open(path)?;
//! let alice = || User { name: "alice".into(), role: "admin".into(), password_hash: "..".into() };
//! users.create(alice()).await?;
//! assert!(matches!(users.create(alice()).await, Err(UserStoreError::AlreadyExists)));
//!
//! users.update("alice", |user| user.role = "editor".into()).await?;
//! assert_eq!(users.find("alice").await?.unwrap().role, "editor");
//! assert!(users.find("bob").await?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod json_file;

use serde::{Serialize, de::DeserializeOwned};

pub use self::{error::UserStoreError, json_file::JsonFile};

/// A user as a [`UserStore`] keeps it.
///
/// ```
/// use portcullis::users::Record;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct User { name: String, password_hash: String }
///
/// impl Record for User {
///     fn key(&self) -> &str { &self.name }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a user store",
    note = "implement `portcullis::users::Record` for `{Self}`, and derive `serde::Serialize` and `serde::Deserialize`"
)]
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// By what the user is found: no two have the same. Compared as it stands; where `Ada` and `ada` are to be one, give
    /// one spelling here.
    fn key(&self) -> &str;
}

/// Keeps the users of an application.
///
/// Errors are never "no users": what cannot be read is an error, and a login then fails with 503.
///
/// ```
/// use portcullis::users::{UserStore, UserStoreError};
///
/// async fn is_taken(users: &impl UserStore, name: &str) -> Result<bool, UserStoreError> {
///     Ok(users.find(name).await?.is_some())
/// }
///
/// async fn copy<S: UserStore<User: Clone>>(from: &S, to: &S) -> Result<(), UserStoreError> {
///     for user in from.load().await? {
///         match to.create(user.clone()).await {
///             Err(UserStoreError::AlreadyExists) => to.save(user).await?,
///             done => done?,
///         }
///     }
///     Ok(())
/// }
///
/// async fn leave(users: &impl UserStore, name: &str) -> Result<(), UserStoreError> { users.delete(name).await }
/// ```
pub trait UserStore: Send + Sync {
    /// The user.
    type User: Record;

    /// All users, in the order in which they were created.
    ///
    /// # Errors
    /// When they cannot be read.
    fn load(&self) -> impl Future<Output = Result<Vec<Self::User>, UserStoreError>> + Send;

    /// Puts `user` in the place of the one with the same key.
    ///
    /// # Errors
    /// [`UserStoreError::NotFound`] when there is none; when it cannot be written.
    fn save(&self, user: Self::User) -> impl Future<Output = Result<(), UserStoreError>> + Send;

    /// The user with this key.
    ///
    /// # Errors
    /// When users cannot be read.
    fn find(&self, key: &str) -> impl Future<Output = Result<Option<Self::User>, UserStoreError>> + Send;

    /// Adds a user.
    ///
    /// # Errors
    /// [`UserStoreError::AlreadyExists`] when there is one with the same key; when it cannot be written.
    fn create(&self, user: Self::User) -> impl Future<Output = Result<(), UserStoreError>> + Send;

    /// Removes the user with this key.
    ///
    /// # Errors
    /// [`UserStoreError::NotFound`] when there is none; when it cannot be written.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), UserStoreError>> + Send;
}

#[cfg(test)]
mod tests;
