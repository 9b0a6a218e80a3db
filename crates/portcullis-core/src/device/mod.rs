//! Devices on which a user has logged in before, and whose failed attempts are counted.
//!
//! A successful login hands out a device token. Attempts that bring it along for the same account are counted against
//! the device, not against the account: so strangers who guess cannot lock an owner out (OWASP ASVS 5.0, 6.1.1). A new
//! password forgets all devices but the one on which it is set (decision 0007).

mod attempts;
mod token;

pub use self::token::{DEVICE_TOKEN_LIFETIME, DeviceToken};
pub(crate) use self::{
    attempts::UnknownIdentifiers,
    token::{DeviceKeys, KnownDevice},
};
