//! Registering, logging in, refreshing, logging out.

pub(super) mod csrf;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod logout_all;
pub(super) mod refresh;
pub(super) mod register;
pub(super) mod verify;
