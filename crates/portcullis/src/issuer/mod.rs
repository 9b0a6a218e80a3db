//! Tokens of other issuers: Keycloak, Entra, Auth0, Okta, Google, another Portcullis. A resource server, that is.
//!
//! ```
//! use portcullis::{
//!     Allow, CurrentUser, Gate,
//!     issuer::{Issuer, JwkSet, Remote, RemoteUser},
//!     routing::{get, post},
//! };
//!
//! portcullis::scopes! { pub Write = "tasks:write": "Write tasks"; }
//!
//! async fn me(user: CurrentUser<RemoteUser>) -> String { user.subject.clone() }
//! async fn write(_: Allow<Write, RemoteUser>) {}
//!
//! # let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
//! let auth = Remote::builder()
//!     .issuer(Issuer::keys("https://idp.example", JwkSet::published(jwks)?).audience("https://api.example"))
//!     .start()?;
//! let gate: Gate<(), _> = Gate::new(auth).route("/me", get(me)).route("/tasks", post(write));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `issuer` the keys are fetched, by [`Issuer::discover`](Issuer) or from a URL, and kept: verifying asks
//! nobody. What is believed, and for how long:
//!
//! - a token says who issued it; the keys of that issuer, and no others, say whether it is true;
//! - keys are fetched before they are old; a token with an unknown key causes one more fetch, once in ten seconds at most;
//! - when an issuer does not answer, its last keys are believed for a day; then the answer is 503.
//!
//! A handler that is to say `CurrentUser` and `Allow<Write>` alone gets names of its own:
//! `type Allow<P> = portcullis::Allow<P, RemoteUser>`.

#[cfg(feature = "issuer")]
pub(crate) mod fetch;
mod remote;
mod trusted;
mod user;

pub use portcullis_core::{
    authority::Ended,
    issuer::{ClaimRules, Granted, Identity, KeyPolicy},
    key::{JwkSet, KeyMaterialError},
    token::Algorithm,
};

#[cfg(feature = "issuer")]
pub use self::fetch::Introspection;
pub use self::{
    remote::{IssuerError, Remote, RemoteBuilder},
    trusted::{ForWhom, Issuer},
    user::RemoteUser,
};

#[cfg(test)]
mod tests;
