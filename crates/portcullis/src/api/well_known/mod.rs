//! What everyone may read: keys and health.

pub(super) mod health;
pub(super) mod jwks;
pub(super) mod metadata;
