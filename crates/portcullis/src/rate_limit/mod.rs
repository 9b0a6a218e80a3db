//! How often a route may be called: `get(handler).rate_limit(rate!("5/minute"))`.
//!
//! ```
//! use portcullis::{access::{CurrentUser, Public}, gate::Routes, rate, rate_limit::Limit, routing::{get, post}};
//!
//! async fn search(_: Public) -> &'static str { "found" }
//! async fn comment(_: CurrentUser) -> &'static str { "said" }
//!
//! let routes: Routes = Routes::new()
//!     .route("/search", get(search).rate_limit(rate!("30/minute")))
//!     .route("/comments", post(comment).rate_limit(Limit::new(rate!("5/minute")).by_user().named("comments")));
//! ```
//!
//! | key | counted |
//! |---|---|
//! | the client's address (a /64 of IPv6), unless told | before the guard: guessing tokens is limited too |
//! | a function of the request, [`Limit::by`] | before the guard |
//! | the user, [`Limit::by_user`] | behind the guard: a 401 or 403 uses up nobody's share |
//!
//! A request over the limit gets 429 with `Retry-After`; all that are counted get the `RateLimit` fields. Several limits
//! of one route must all allow. Windows slide and are exact. Each process counts for itself, in bounded memory: a flood
//! of new keys makes newcomers wait, and nobody's count is forgotten (`docs/decisions/0091`).

mod limit;
mod limits;
#[cfg(feature = "redis")]
mod shared;

pub use portcullis_core::limit::{Quota as Rate, QuotaError as RateError};

pub use self::limit::{IntoLimit, Limit};
pub(crate) use self::limits::Limits;
#[cfg(feature = "redis")]
pub use self::shared::{SharedLimits, SharedLimitsError};

/// A [`Rate`]: `rate!("5/minute")`, with `second`, `minute`, `hour` or `day`. What is no rate does not compile. At run
/// time: `"5/minute".parse::<Rate>()`.
///
/// ```
/// use portcullis::{rate, rate_limit::{Rate, RateError}};
///
/// assert_eq!(rate!("5/minute").limit(), 5);
/// assert_eq!("5/minute".parse(), Ok(rate!("5/minute")));
/// assert_eq!("5/fortnight".parse::<Rate>(), Err(RateError::Form));
/// ```
#[macro_export]
macro_rules! rate {
    ($text:literal) => {{
        const RATE: $crate::rate_limit::Rate = $crate::rate_limit::literal($text);
        RATE
    }};
}

/// What [`rate!`] expands to.
///
/// # Panics
/// When it is no rate: in the compiler.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn literal(text: &str) -> Rate {
    match Rate::from_text(text) {
        Ok(rate) => rate,
        Err(RateError::Form) => {
            panic!(
                "this is no rate: write a number, `/` and `second`, `minute`, `hour` or `day`, like `5/minute`"
            )
        }
        Err(RateError::Limit) => panic!("a rate allows 1 to 1000 requests in its window"),
        Err(RateError::Window) => panic!("the window of a rate is 1 second to 24 hours"),
    }
}

#[cfg(test)]
mod tests;
