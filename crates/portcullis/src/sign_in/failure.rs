use portcullis_core::{
    authority::TryLater,
    identity::{ProfileError, ProviderTokenError},
    token::TokenError,
};

/// Why a sign-in came to nothing. The text is for logs; [`SignInFailure::advice`] is for whoever tried.
///
/// ```
/// use portcullis::sign_in::SignInFailure;
///
/// /// The word goes to the log, the advice to whoever tried.
/// fn told(failure: &SignInFailure) -> &'static str {
///     eprintln!("sign_in.failed: {}", failure.reason());
///     failure.advice()
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInFailure {
    /// There is none of that name.
    #[error("there is no such provider")]
    UnknownProvider,
    /// This browser began no sign-in, or too long ago.
    #[error("no sign-in was begun in this browser within the last ten minutes")]
    NoFlow,
    /// The answer belongs to another sign-in.
    #[error("the state is not that of the sign-in of this browser")]
    State,
    /// The answer came a second time.
    #[error("the sign-in was used before")]
    Replayed,
    /// The answer comes from another provider, or does not say from which though it must (RFC 9207).
    #[error("the answer is not from the provider that was asked: iss is {0}")]
    MixUp(String),
    /// The provider refused, in its own word: `access_denied` when the person said no.
    #[error("the provider answered with the error {0}")]
    Denied(String),
    /// The provider is not there, or is not set up as it should be.
    #[error("the provider cannot be asked: {0}")]
    Unavailable(String),
    /// The provider does not take the code, or us.
    #[error("the provider refused the code: {0}")]
    CodeRefused(String),
    /// What came is no answer.
    #[error("the answer of the provider is wrong: {0}")]
    Answer(&'static str),
    /// The ID token or logout token is not good.
    #[error("the token of the provider is refused: {0}")]
    Token(#[from] ProviderTokenError),
    /// Userinfo speaks of somebody else.
    #[error("userinfo has another sub than the ID token")]
    OtherSubject,
    /// Nobody can tell who it is.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// What is carried through the sign-in does not fit a cookie.
    #[error("what is to be carried through the sign-in is too long for a cookie")]
    TooLong,
    /// Nobody can tell whether it was used before.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

impl SignInFailure {
    /// One word, for log and audit.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::NoFlow => "no_flow",
            Self::State => "state",
            Self::Replayed => "replayed",
            Self::MixUp(_) => "mix_up",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::CodeRefused(_) => "code_refused",
            Self::Answer(_) => "answer",
            Self::Token(error) => token_reason(*error),
            Self::OtherSubject => "other_subject",
            Self::Profile(_) => "profile",
            Self::TooLong => "too_long",
            Self::TryLater(_) => "try_later",
        }
    }

    /// What a person who wanted to sign in can do. Says nothing of the inside.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "There is no such provider.",
            Self::NoFlow | Self::State | Self::Replayed => {
                "This sign-in was begun too long ago, in another window, or is over already. Begin it again."
            }
            Self::Denied(_) => "The provider did not sign you in. Begin again if you meant to.",
            Self::Unavailable(_) | Self::TryLater(_) => {
                "The provider cannot be reached at this moment. Try again later."
            }
            Self::MixUp(_)
            | Self::CodeRefused(_)
            | Self::Answer(_)
            | Self::Token(_)
            | Self::OtherSubject
            | Self::Profile(_)
            | Self::TooLong => {
                "The answer of the provider was refused, and you are not signed in. Begin again; if it happens again, tell the \
                 operator the request id."
            }
        }
    }
}

const fn token_reason(error: ProviderTokenError) -> &'static str {
    match error {
        ProviderTokenError::Nonce => "nonce",
        ProviderTokenError::AuthorizedParty => "azp",
        ProviderTokenError::AccessTokenHash => "at_hash",
        ProviderTokenError::Logout(_) => "logout_token",
        ProviderTokenError::Token(error) => match error {
            TokenError::WrongIssuer => "iss",
            TokenError::WrongAudience => "aud",
            TokenError::Expired => "expired",
            TokenError::NotYetValid => "not_yet_valid",
            TokenError::WrongAlgorithm => "algorithm",
            TokenError::UnknownKey | TokenError::UnusableKey => "unknown_key",
            TokenError::BadSignature => "signature",
            _ => "token",
        },
    }
}
