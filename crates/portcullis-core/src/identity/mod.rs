//! Accounts at providers (OpenID Connect and OAuth2) by which users sign in: who may sign in by which, who is made a user
//! at the first sign-in, and which roles follow.
//!
//! An account is known by issuer and subject together and by nothing else. An email address says nothing of who somebody
//! is (OpenID Connect Core, section 5.7): it decides only whether a sign-in is refused.

mod assertion;
mod id_token;
mod profile;
mod roles;
mod rules;
mod ticket;

use serde::{Deserialize, Serialize};

pub use self::{
    assertion::ClientAssertion,
    id_token::{ExpectedIdToken, LogoutToken, ProviderTokenError, check_id_token, check_logout_token},
    profile::{Profile, ProfileError},
    roles::{RoleRule, RoleRuleError, follow},
    rules::{Emails, Held, SignInRefusal, SignInRules, Verdict, decide},
    ticket::{MOST_TICKET, Once, Ticket, Tickets},
};
use crate::{
    clock::Timestamp,
    id::{IdentityId, UserId},
    user::{Email, EmailKey},
};

/// So many accounts can be tied to one user.
pub const MOST_IDENTITIES: usize = 20;

/// An account at a provider, tied to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Identifier.
    pub id: IdentityId,
    /// Whose.
    pub user: UserId,
    /// The provider's name in the configuration, as of then.
    pub provider: String,
    /// The provider (`iss`).
    pub issuer: String,
    /// Who it is there (`sub`).
    pub subject: String,
    /// The email that the provider stated last.
    pub email: Option<Email>,
    /// The key of an email that the provider vouches for: it is the authority on its domain, and said that it is verified.
    pub vouched: Option<String>,
    /// When it was tied.
    pub linked_at: Timestamp,
    /// The last sign-in by it.
    pub used_at: Timestamp,
}

impl Identity {
    /// Whether the provider vouches that this email is the user's.
    #[must_use]
    pub fn vouches_for(&self, email: &EmailKey) -> bool {
        self.vouched.as_deref() == Some(email.as_str())
    }
}

/// Whether somebody who has these ways in can do without one of them: an account at a provider that is not among `usable`
/// is none.
///
/// ```
/// use portcullis_core::identity::may_unlink;
///
/// let usable = ["https://idp.example".to_owned()];
/// assert!(may_unlink(true, [], &usable));
/// assert!(may_unlink(false, ["https://idp.example"], &usable));
/// assert!(!may_unlink(false, ["https://gone.example"], &usable));
/// ```
#[must_use]
pub fn may_unlink<'a>(
    has_password: bool,
    others: impl IntoIterator<Item = &'a str>,
    usable: &[String],
) -> bool {
    has_password
        || others
            .into_iter()
            .any(|issuer| usable.iter().any(|known| known == issuer))
}

#[cfg(test)]
mod tests;
