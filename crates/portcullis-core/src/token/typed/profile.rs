use std::time::Duration;

use crate::token::{MAX_LEEWAY, TokenError, claims::Claims as Stated};

/// What all tokens of one sort state, and must state.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::token::typed::Profile;
///
/// let access = Profile::new("https://articles.example", "articles").leeway(Duration::from_secs(5));
/// // Signed with the same key, and yet good for one thing only:
/// let reset = Profile::new("https://articles.example", "articles").kind("reset+jwt");
/// assert_ne!(access, reset);
/// assert_eq!(access, Profile::default().issuer("https://articles.example").audience("articles").leeway(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub(super) kind: String,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) leeway: Duration,
}

impl Default for Profile {
    /// `typ: JWT`, neither `iss` nor `aud`, no leeway: for tokens that one application gives itself.
    fn default() -> Self {
        Self {
            kind: "JWT".to_owned(),
            issuer: None,
            audience: None,
            leeway: Duration::ZERO,
        }
    }
}

impl Profile {
    /// From this issuer for this audience; `typ: JWT`, no leeway.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::default().issuer(issuer).audience(audience)
    }

    /// `iss`, exactly (RFC 7519, section 4.1.1).
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// What `aud` must be or contain, exactly (RFC 7519, section 4.1.3).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// `typ`, by which tokens of one sort are told from all others that the same key signs: `reset+jwt` (RFC 8725,
    /// section 3.11).
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// For how long after `exp` and before `nbf` and `iat` a token is taken, because clocks disagree. At most
    /// [`MAX_LEEWAY`]; more is taken as that.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    pub(super) fn check(&self, stated: &Stated) -> Result<(), TokenError> {
        if let Some(issuer) = &self.issuer {
            stated.issued_by(issuer)?;
        }
        match &self.audience {
            Some(audience) => stated.is_for(audience),
            // Made for someone in particular, and nobody here goes by a name (RFC 7519, section 4.1.3).
            None if stated.0.contains_key("aud") => Err(TokenError::WrongAudience),
            None => Ok(()),
        }
    }
}
