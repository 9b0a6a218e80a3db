use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    access::{Holder, Principal},
    clock::Timestamp,
};

/// Who calls with a token of another issuer. Issuer and subject together say who it is: two issuers may use one subject for
/// two people, and an email address says nothing of either (OpenID Connect Core, section 5.7).
///
/// ```
/// use portcullis_core::{access::Holder, issuer::Identity};
///
/// /// Issuer and subject: neither is enough by itself.
/// fn key(of: &Identity) -> (&str, &str) { (&of.issuer, &of.subject) }
/// fn may_publish(caller: &Identity) -> bool { caller.has_role("editor") }
/// ```
#[derive(Clone, PartialEq)]
pub struct Identity {
    /// Who issued the token (`iss`).
    pub issuer: Arc<str>,
    /// Whom it is about (`sub`), as this issuer calls them.
    pub subject: String,
    /// Through which client it was obtained (`client_id`, else `azp`).
    pub client: Option<String>,
    /// What the rules made of its claims, with all that these roles imply; sorted.
    pub roles: Vec<String>,
    /// What the rules made of its claims; sorted.
    pub scopes: Vec<String>,
    /// When it stops to be valid.
    pub expires_at: Timestamp,
    /// The key that signed it; empty when its issuer was asked instead.
    pub kid: Arc<str>,
    /// What our own tokens say, where the issuer is a Portcullis server.
    pub principal: Option<Arc<Principal>>,
    /// All that it says.
    pub claims: Map<String, Value>,
}

impl Holder for Identity {
    fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role == name)
    }

    fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope == name)
    }
}

/// Without its claims, which tend to hold personal data.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("roles", &self.roles)
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
