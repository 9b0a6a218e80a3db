//! What every request and every answer goes through, errors included: [`Edge`].
//!
//! From the outside in: request id, client address, security headers and the access log; CORS; body limit, timeout
//! and caught panics; then the router. So an answer of 401, 413 or 500 carries the same headers as one of 200.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::Router;
//! use portcullis::{core::{clock::SystemClock, rng::SystemRng}, layers::{Cors, Edge, EdgeConfig}};
//! use tower::Layer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = EdgeConfig {
//!     cors: Some(Cors::new(&["https://app.example.com"], true)?),
//!     ..EdgeConfig::default()
//! };
//! let service = Edge::new(config, Arc::new(SystemClock), &SystemRng).layer(Router::<()>::new());
//! # drop(service);
//! # Ok(())
//! # }
//! ```

mod address;
mod cors;
mod edge;
mod headers;
mod request_id;
mod shelter;
mod trace_context;

pub(crate) use self::cors::is_origin;
pub use self::{
    address::{ClientAddress, ForwardedBy, TrustedProxies},
    cors::{Cors, CorsError},
    edge::{Edge, EdgeConfig, EdgeService},
    request_id::RequestId,
    trace_context::Traces,
};

#[cfg(test)]
mod cors_tests;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod tests;
