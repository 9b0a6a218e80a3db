//! People by their names, which are their tokens.

use http::request::Parts;
use portcullis::{
    Caller,
    provider::{AuthError, AuthProvider, bearer},
};

portcullis::roles! { pub enum Role { Admin = "admin", Member = "member" } }

#[derive(Clone, Caller)]
pub(crate) struct User {
    pub(crate) id: String,
    role: Role,
}

/// Whoever is called `admin` is one; all others are members.
pub(crate) struct ByName;

impl AuthProvider for ByName {
    type User = User;
    async fn authenticate(&self, parts: &Parts) -> Result<User, AuthError> {
        let id = bearer(parts)?.expose().to_owned();
        let role = Role::from_name(&id).unwrap_or(Role::Member);
        Ok(User { id, role })
    }
}
