use serde::Deserialize;
use utoipa::ToSchema;

/// What a provider sends back with the browser (RFC 6749, section 4.1.2; RFC 9207, section 2).
///
/// ```
/// use axum::extract::Query;
/// use portcullis::sign_in::CallbackQuery;
///
/// async fn callback(Query(query): Query<CallbackQuery>) -> &'static str {
///     # drop(query);
///     "welcome back"
/// }
/// ```
#[derive(Clone, Default, Deserialize, ToSchema)]
pub struct CallbackQuery {
    /// Is exchanged for tokens.
    pub(super) code: Option<String>,
    /// That of the sign-in.
    pub(super) state: Option<String>,
    /// Who answers.
    pub(super) iss: Option<String>,
    /// Why there is no code.
    pub(super) error: Option<String>,
}

/// What somebody else wrote, for a log line: not too much of it, and nothing that moves the cursor.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

impl CallbackQuery {
    /// As a query, for a redirect to where it is read.
    pub(crate) fn to_query(&self) -> String {
        let pairs = [
            ("code", &self.code),
            ("state", &self.state),
            ("iss", &self.iss),
            ("error", &self.error),
        ];
        let given = pairs
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        query(given)
    }
}

/// Pairs in `application/x-www-form-urlencoded`.
pub(super) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(utf8_percent_encode(name, KEPT));
        text.push('=');
        text.extend(utf8_percent_encode(value, KEPT));
    }
    text
}

/// A URL with more in its query.
pub(crate) fn with_query<'a>(url: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{}", query(pairs))
}
