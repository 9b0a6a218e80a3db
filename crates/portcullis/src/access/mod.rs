//! Who may call a route.

pub use portcullis_core::access::{Denial, Principal, Requirement, RoleName, Scope};
