//! What is true of authentication without HTTP or SQL.
//!
//! Users, passwords, tokens, keys, sessions, roles and scopes, revocation, limits; and the ports that these need:
//! [`store::Store`], [`clock::Clock`], [`rng::Rng`]. Nothing here reads a clock, a random generator, the environment
//! or the network by itself.

pub mod access;
pub mod archive;
pub mod audit;
pub mod authority;
pub mod clock;
pub mod device;
pub mod id;
pub mod identity;
pub mod issuer;
pub mod key;
pub mod limit;
pub mod maintenance;
pub mod metrics;
pub mod password;
pub mod revocation;
pub mod rng;
pub mod roster;
pub mod session;
pub mod store;
pub mod token;
pub mod url;
pub mod user;

/// Target of the `tracing` spans that are made for traces alone: within a request, what takes its time. A log has no use for them:
/// give its filter `portcullis_trace=off`.
pub const SPANS: &str = "portcullis_trace";
