//! Authentication and authorization for axum: each route's signature says who may call it.

#[allow(
    unused_extern_crates,
    reason = "what the macros write says `::portcullis`, also in here"
)]
extern crate self as portcullis;

pub mod access;
pub mod api;
pub mod cookie;
pub mod csrf;
mod docs_page;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod embedded;
pub mod gate;
pub mod hash;
pub mod input;
pub mod issuer;
pub mod layers;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod maintenance;
pub mod openapi;
mod private_file;
pub mod problem;
pub mod provider;
pub mod rate_limit;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod revocation;
pub mod routing;
#[cfg(feature = "schedule")]
pub mod schedule;
pub mod secret;
#[cfg(feature = "issuer")]
pub mod sign_in;
#[cfg(feature = "test-util")]
pub mod testing;
pub mod token;
mod traffic;
pub mod users;

#[cfg(all(feature = "test-util", not(debug_assertions)))]
compile_error!(
    "the feature `test-util` of portcullis lets anyone be anybody: enable it under [dev-dependencies] only, never in a release build"
);

pub use portcullis_core as core;
pub use portcullis_macros::{Caller, admin, auth_provider, authenticated, requires, roles, routes, scopes};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use self::embedded::{BuildError, Portcullis};
pub use self::{
    access::{AllOf, Allow, AnyOf, CurrentUser, Policy, Public},
    gate::{Gate, Routes},
    problem::Problem,
    secret::secret,
};

#[cfg(feature = "schedule")]
pub use self::schedule::schedule;

/// What the book shows of this crate compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/coming-from.md")]
struct TheBook;

/// So does the chapter of this crate.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../../docs/src/library.md")]
struct TheChapter;

/// So does its page on tokens of other issuers.
#[cfg(all(doctest, feature = "issuer"))]
#[doc = include_str!("../../../docs/src/issuers.md")]
struct OfIssuers;

/// So does its page on providers.
#[cfg(all(doctest, feature = "issuer", feature = "sqlite"))]
#[doc = include_str!("../../../docs/src/sign-in.md")]
struct OfProviders;

/// So does its page on pages.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../../docs/src/pages.md")]
struct OfPages;
