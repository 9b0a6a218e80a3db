use serde_json::{Map, Value};

use crate::user::{DisplayName, Email};

/// Longest `sub` (OpenID Connect Core, section 2), and longest `iss` that is stored.
const LONGEST: usize = 255;

/// Who somebody is by the word of a provider, once that word was checked.
///
/// ```
/// use portcullis_core::identity::Profile;
///
/// let claims = serde_json::json!({"sub": "7", "email": "ada@example.com", "email_verified": true, "name": "Ada"});
/// let ada = Profile::of("https://idp.example", claims.as_object().unwrap().clone())?;
/// assert_eq!((ada.issuer.as_str(), ada.subject.as_str(), ada.email_verified), ("https://idp.example", "7", true));
/// assert!(ada.display_name().is_some());
/// # Ok::<(), portcullis_core::identity::ProfileError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The provider (`iss`).
    pub issuer: String,
    /// Who it is there (`sub`).
    pub subject: String,
    /// Email, where one is stated that can be one here.
    pub email: Option<Email>,
    /// Whether the provider says that it has seen that the email is theirs.
    pub email_verified: bool,
    /// Name.
    pub name: Option<DisplayName>,
    /// All that the provider states.
    pub claims: Map<String, Value>,
}

/// Why what a provider states is no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Nobody.
    #[error("the provider does not say who it is (`sub`), or not in 1 to 255 printable characters")]
    Subject,
    /// Nobody's.
    #[error("the name of the provider has not 1 to 255 printable characters")]
    Issuer,
}

impl Profile {
    /// From the claims of an ID token or of a userinfo answer, checked by whoever calls this.
    ///
    /// `email_verified` counts as true or the text `true` (some providers write it so) and as nothing else.
    ///
    /// # Errors
    /// When nobody can tell who it is.
    pub fn of(issuer: &str, claims: Map<String, Value>) -> Result<Self, ProfileError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let good =
            |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if !good(issuer) {
            return Err(ProfileError::Issuer);
        }
        let subject = text("sub")
            .filter(|subject| good(subject))
            .ok_or(ProfileError::Subject)?;
        let email_verified = match claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(word)) => word == "true",
            _ => false,
        };
        let email: Option<Email> = text("email").and_then(|email| email.parse().ok());
        let name = ["name", "nickname", "preferred_username"]
            .into_iter()
            .find_map(|claim| text(claim)?.parse().ok());
        Ok(Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email_verified: email_verified && email.is_some(),
            email,
            name,
            claims,
        })
    }

    /// The name that a new user gets: what is stated, or what stands before the `@`.
    #[must_use]
    pub fn display_name(&self) -> Option<DisplayName> {
        self.name.clone().or_else(|| {
            self.email
                .as_ref()?
                .local_part()
                .chars()
                .take(100)
                .collect::<String>()
                .parse()
                .ok()
        })
    }
}
