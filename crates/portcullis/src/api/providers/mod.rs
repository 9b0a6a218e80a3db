//! Sign-in with a provider: `/auth/providers`.

pub(crate) mod callback;
pub(crate) mod exchange;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod logout;
pub(crate) mod sign_out;
pub(crate) mod start;

use std::time::Duration;

use http::StatusCode;
use portcullis_core::{
    authority::{Authority, Caller, ExportError, IdentityError, SignInError},
    id::UserId,
    identity::SignInRefusal,
    store::IdentityActError,
};
use serde::{Deserialize, Serialize};

use crate::{
    api::Api,
    problem::Problem,
    sign_in::{SignIn, SignInFailure},
};

/// When to try again what a provider did not answer.
const LATER: Duration = Duration::from_secs(10);

/// What a sign-in is to end in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A session in cookies, and this page.
    Page { return_to: String },
    /// A code for an application that has no cookies here.
    Code {
        redirect_uri: String,
        challenge: String,
        state: Option<String>,
    },
    /// An account that is linked to who is logged in, and this page.
    Link {
        user: UserId,
        session_epoch: i64,
        return_to: String,
    },
}

/// The providers, where there are some.
pub(crate) fn sign_in(api: &Api) -> Result<&SignIn, Problem> {
    api.sign_in()
        .ok_or_else(|| Problem::not_found().detail("Sign-in with a provider is not offered here."))
}

/// The text, if it is a path of this origin: what begins with two slashes, or that a browser makes two of, is another host
/// (RFC 3986, section 4.2).
pub(crate) fn own_path(text: &str) -> Option<&str> {
    let good = text.len() <= 512
        && text.starts_with('/')
        && !text[1..].starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    good.then_some(text)
}

/// Why a sign-in came to nothing: at the provider, or here.
pub(crate) enum Refused {
    Failure(SignInFailure),
    Error(SignInError),
    /// The session that asked for a link is over, or the account was not linked.
    Link(IdentityError),
    NotLoggedIn,
}

impl Refused {
    /// One word for log and audit, and more of it there.
    pub(crate) fn reason(&self) -> (&'static str, String) {
        match self {
            Self::Failure(failure) => (failure.reason(), failure.to_string()),
            Self::Error(SignInError::Refused(refusal)) => (refusal.as_str(), refusal.to_string()),
            Self::Error(SignInError::TryLater(later)) | Self::Link(IdentityError::TryLater(later)) => {
                ("try_later", later.to_string())
            }
            Self::Link(IdentityError::Act(error)) => (link_reason(error), error.to_string()),
            Self::Link(error @ IdentityError::Narrowed) => ("narrowed", error.to_string()),
            Self::Link(error @ IdentityError::LoginTooOld { .. }) => ("login_too_old", error.to_string()),
            Self::NotLoggedIn => (
                "not_logged_in",
                "the session that asked for the link is over".to_owned(),
            ),
        }
    }

    /// What the person can do.
    pub(crate) fn advice(&self) -> String {
        let sentence = |text: String| {
            let mut letters = text.chars();
            letters
                .next()
                .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
                .unwrap_or_default()
        };
        match self {
            Self::Failure(failure) => failure.advice().to_owned(),
            Self::Error(SignInError::Refused(refusal)) => sentence(refusal.to_string()),
            Self::Link(IdentityError::Act(error)) => sentence(error.to_string()),
            Self::Link(error @ (IdentityError::Narrowed | IdentityError::LoginTooOld { .. })) => {
                sentence(error.to_string())
            }
            Self::Error(SignInError::TryLater(_)) | Self::Link(IdentityError::TryLater(_)) => {
                "This cannot be answered at this moment. Try again later.".to_owned()
            }
            Self::NotLoggedIn => {
                "You are not logged in any more: log in, and link the account again.".to_owned()
            }
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Failure(SignInFailure::UnknownProvider) => StatusCode::NOT_FOUND,
            Self::Failure(SignInFailure::Unavailable(_) | SignInFailure::TryLater(_))
            | Self::Error(SignInError::TryLater(_))
            | Self::Link(IdentityError::TryLater(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failure(_) => StatusCode::BAD_REQUEST,
            Self::Error(SignInError::Refused(_))
            | Self::NotLoggedIn
            | Self::Link(IdentityError::Narrowed | IdentityError::LoginTooOld { .. }) => {
                StatusCode::FORBIDDEN
            }
            Self::Link(IdentityError::Act(_)) => StatusCode::CONFLICT,
        }
    }

    /// Into log and audit. Of a provider that there is not, nothing: its name is whatever a stranger wrote. Where no sign-in was
    /// begun, only into the log, which has a line of each request anyway: nothing limits who comes back without having left.
    pub(crate) fn note(&self, authority: &Authority, caller: &Caller, provider: &str) {
        let (reason, detail) = self.reason();
        match self {
            Self::Failure(SignInFailure::UnknownProvider) => return,
            Self::Failure(SignInFailure::NoFlow | SignInFailure::State) => {
                tracing::info!(
                    provider,
                    reason,
                    detail,
                    request_id = caller.request_id,
                    "sign_in.refused"
                );
                return;
            }
            _ => {}
        }
        authority.note_refused_sign_in(caller, provider, reason, &detail);
    }
}

fn link_reason(error: &IdentityActError) -> &'static str {
    match error {
        IdentityActError::NotFound => "not_found",
        IdentityActError::Taken => "taken",
        IdentityActError::TooMany => "too_many",
        IdentityActError::LastWayIn => "last_way_in",
        IdentityActError::Behind => "changed",
        IdentityActError::Store(_) => "try_later",
    }
}

impl From<SignInFailure> for Refused {
    fn from(failure: SignInFailure) -> Self {
        Self::Failure(failure)
    }
}

impl From<SignInError> for Refused {
    fn from(error: SignInError) -> Self {
        Self::Error(error)
    }
}

impl From<IdentityError> for Refused {
    fn from(error: IdentityError) -> Self {
        Self::Link(error)
    }
}

/// For clients that are no pages.
impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (reason, _) = refused.reason();
        match refused {
            Refused::Error(SignInError::TryLater(later)) | Refused::Link(IdentityError::TryLater(later)) => {
                later.into()
            }
            Refused::Failure(SignInFailure::TryLater(later)) => later.into(),
            Refused::Link(IdentityError::LoginTooOld { max_age }) => {
                ExportError::LoginTooOld { max_age }.into()
            }
            other if other.status() == StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(LATER)
                .detail(other.advice())
                .member("error", reason),
            other => Self::new(other.status())
                .detail(other.advice())
                .member("error", reason),
        }
    }
}

impl From<SignInRefusal> for Refused {
    fn from(refusal: SignInRefusal) -> Self {
        Self::Error(refusal.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_of_this_origin_are_returned_to() {
        for good in ["/", "/account", "/a/b?c=d#e", "/a//b", "/%2F%2Fevil.example"] {
            assert_eq!(own_path(good), Some(good));
        }
        for bad in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "/\t/evil.example",
            "/ /evil",
            "/\u{e9}",
            "javascript:alert(1)",
            " /",
            "/a\r\nset-cookie: x=y",
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }

    proptest! {
        /// What a browser makes of it stays at this host.
        #[test]
        fn no_path_leads_elsewhere(text in "[/\\\\a:.@?# \t]{0,8}") {
            if let Some(path) = own_path(&text) {
                let uri: http::Uri = format!("https://here.example{path}").parse().unwrap();
                prop_assert_eq!(uri.host(), Some("here.example"));
                prop_assert!(!path.starts_with("//") && !path.contains('\\'));
            }
        }
    }
}
