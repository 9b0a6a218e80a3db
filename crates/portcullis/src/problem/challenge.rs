use std::{borrow::Cow, time::Duration};

use http::HeaderValue;

/// The realm unless the gate is given another.
///
/// ```
/// use portcullis::problem::{Challenge, DEFAULT_REALM};
///
/// assert_eq!(Challenge::new(DEFAULT_REALM).to_header(), r#"Bearer realm="portcullis""#);
/// ```
pub const DEFAULT_REALM: &str = "portcullis";

/// A `WWW-Authenticate: Bearer` challenge (RFC 6750, section 3).
///
/// ```
/// use std::time::Duration;
/// use portcullis::problem::Challenge;
///
/// let bare = Challenge::new("portcullis");
/// assert_eq!(bare.to_header(), r#"Bearer realm="portcullis""#);
/// let expired = bare.invalid_token("the token expired");
/// assert_eq!(
///     expired.to_header(),
///     r#"Bearer realm="portcullis", error="invalid_token", error_description="the token expired""#
/// );
///
/// let narrow = Challenge::new("portcullis").insufficient_scope().scopes(["tasks:write"]);
/// assert_eq!(narrow.to_header(), r#"Bearer realm="portcullis", error="insufficient_scope", scope="tasks:write""#);
/// let stale = Challenge::new("portcullis").insufficient_user_authentication(Duration::from_secs(300));
/// assert!(stale.to_header().to_str().unwrap().contains("max_age=\"300\""));
/// ```
#[derive(Clone, Debug)]
pub struct Challenge {
    realm: Cow<'static, str>,
    error: Option<&'static str>,
    description: Option<Cow<'static, str>>,
    scopes: Vec<Cow<'static, str>>,
    max_age: Option<Duration>,
}

impl Challenge {
    /// A challenge without an error code: no credentials came (RFC 6750, section 3.1).
    #[must_use]
    pub fn new(realm: impl Into<Cow<'static, str>>) -> Self {
        Self {
            realm: realm.into(),
            error: None,
            description: None,
            scopes: Vec::new(),
            max_age: None,
        }
    }

    /// A token came and is not good.
    #[must_use]
    pub fn invalid_token(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.error = Some("invalid_token");
        self.description = Some(description.into());
        self
    }

    /// The token is good and says too little.
    #[must_use]
    pub fn insufficient_scope(mut self) -> Self {
        self.error = Some("insufficient_scope");
        self
    }

    /// The token is good, and the login behind it is older than `max_age` (RFC 9470, section 3).
    #[must_use]
    pub fn insufficient_user_authentication(mut self, max_age: Duration) -> Self {
        self.error = Some("insufficient_user_authentication");
        self.max_age = Some(max_age);
        self
    }

    /// The scopes that the route asks for.
    #[must_use]
    pub fn scopes<T: Into<Cow<'static, str>>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn explanation(&self) -> String {
        if let Some(max_age) = self.max_age {
            let minutes = max_age.as_secs() / 60;
            return format!(
                "This needs a login of less than {minutes} minutes ago: log in again, and ask anew."
            );
        }
        match &self.description {
            Some(description) => format!("The access token is refused: {description}."),
            None => "Log in and send the access token as `Authorization: Bearer ..`.".to_owned(),
        }
    }

    /// The header's value.
    pub fn to_header(&self) -> HeaderValue {
        let mut text = format!("Bearer realm=\"{}\"", quotable(&self.realm));
        let mut add = |name: &str, value: &str| {
            text.push_str(", ");
            text.push_str(name);
            text.push_str("=\"");
            text.push_str(&quotable(value));
            text.push('"');
        };
        if let Some(error) = self.error {
            add("error", error);
        }
        if let Some(description) = &self.description {
            add("error_description", description);
        }
        if let Some(max_age) = self.max_age {
            add("max_age", &max_age.as_secs().to_string());
        }
        if !self.scopes.is_empty() {
            add("scope", &self.scopes.join(" "));
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

/// Only what `error_description` may hold (RFC 6750, section 3), so nothing can end the quotes.
fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '\\' => '\'',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}
