//! Sign-in with a provider: OpenID Connect (authorization code with PKCE), and GitHub and Discord by plain OAuth2.
//!
//! [`SignIn`] sends a browser to a provider and says who came back; what the application does with that is its own matter. A
//! Portcullis with providers ([`Builder::sign_in`](crate::embedded::Builder::sign_in)) does the rest by itself: accounts, links,
//! sessions.
//!
//! What holds of every sign-in:
//!
//! - it is bound to the browser that began it by a cookie of ten minutes that nobody else can make or read, and is good for one use;
//! - the answer must come to the address of its provider, with its `state`, and say the right `iss` where the provider states one
//!   (RFC 9207): an answer of one provider is not taken for that of another;
//! - an ID token is checked by OpenID Connect Core, section 3.1.3.7: the provider's own keys, no HMAC, no `none`, `iss`, `aud`,
//!   `azp`, `exp`, `iat`, `nonce`, `at_hash`; what userinfo says counts only for the same `sub`;
//! - nothing is fetched but by https (or from this machine), none of it for longer than five seconds or beyond 512 KiB, no redirect
//!   leaves its host, and no private address is asked unless allowed.

mod answer;
mod connection;
mod dialect;
mod failure;
mod flow;
mod provider;
mod setup;

pub(crate) use self::answer::with_query;
pub use self::{
    answer::CallbackQuery,
    failure::SignInFailure,
    flow::{SignIn, SignedIn},
    provider::{ClientAuth, Provider},
    setup::{SignInBuilder, SignInSetupError},
};
pub use portcullis_core::identity::{Emails, LogoutToken, Profile, RoleRule, SignInRules};
