use std::{fmt, panic::Location};

use http::Method;

/// Where a route was stated.
///
/// ```
/// use portcullis::{Gate, Public, gate::GateError, provider::Local, routing::get};
///
/// fn where_twice(provider: Local) {
///     let hello = async |_: Public| "hello";
///     let gate: Gate = Gate::new(provider).route("/", get(hello)).route("/", get(hello));
///     if let Err(GateError::Twice { first, second, .. }) = gate.into_router() {
///         println!("{first}, and {second}");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) handler: &'static str,
    pub(super) location: &'static Location<'static>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.handler, self.location)
    }
}

/// Why a gate cannot be built.
///
/// ```
/// use portcullis::{Gate, Public, provider::Local, routing::get};
///
/// /// Each text names both places, and says what to do.
/// fn why(provider: Local) -> Option<String> {
///     let hello = async |_: Public| "hello";
///     let gate: Gate = Gate::new(provider).route("/{id}", get(hello)).route("/{name}", get(hello));
///     gate.into_router().err().map(|error| error.to_string())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Two handlers for one method and path.
    #[error("{method} {path} is given twice: {first}, and {second}. Remove one.")]
    Twice {
        /// Method.
        method: Method,
        /// Path.
        path: String,
        /// One.
        first: Place,
        /// The other.
        second: Place,
    },
    /// Two paths that differ in nothing but the names of parameters.
    #[error(
        "{first_path} ({first}) and {second_path} ({second}) are one path: give their parameters the same names."
    )]
    Ambiguous {
        /// One path.
        first_path: String,
        /// Stated here.
        first: Place,
        /// The other path.
        second_path: String,
        /// Stated here.
        second: Place,
    },
    /// A path that axum cannot serve.
    #[error("the path `{path}` of {place} cannot be served: {reason}")]
    Path {
        /// Path.
        path: String,
        /// Stated here.
        place: Place,
        /// Why.
        reason: &'static str,
    },
    /// A handler states its access twice, and the gate enforces the first.
    #[error(
        "{method} {path} ({place}) states its access again by `{argument}`, which is not its first argument and would never be met: make it the first, and remove the other."
    )]
    TooLate {
        /// Method.
        method: Method,
        /// Path.
        path: String,
        /// Stated here.
        place: Place,
        /// The argument.
        argument: &'static str,
    },
    /// Pages of others could act in a visitor's name.
    #[error(
        "{method} {path} ({place}) is open to forged requests: who calls is read from a cookie, which browsers send whatever page makes them. Call `.csrf(&csrf)` on the gate after its last route (a Portcullis gives it: `auth.csrf()`), or `.csrf_by_layer()` if something around the router refuses them."
    )]
    Forgeable {
        /// Method.
        method: Method,
        /// Path.
        path: String,
        /// Stated here.
        place: Place,
    },
    /// The OpenAPI document cannot be written.
    #[error("the OpenAPI document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
    /// A method that no handler can serve.
    #[error("{method} {path} of {place} cannot be served: axum knows no such method")]
    Method {
        /// Method.
        method: Method,
        /// Path.
        path: String,
        /// Stated here.
        place: Place,
    },
}
