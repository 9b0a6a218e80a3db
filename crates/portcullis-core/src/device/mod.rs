//! Devices on which a user has logged in before, and whose failed attempts are counted.
//!
//! A successful login hands out a device token. Attempts that bring it along for the same account are counted against
//! the device, never against the account: so strangers who guess cannot lock an owner out (OWASP ASVS 5.0, 6.1.1).

mod attempts;
mod token;

pub use self::{
    attempts::UnknownIdentifiers,
    token::{DEVICE_TOKEN_LIFETIME, DeviceKeys, DeviceToken, KnownDevice},
};
