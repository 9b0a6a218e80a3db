use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    id::{DeviceId, UserId},
    key::{SealedTokens, Vault},
    store::{AttemptKey, Credentials},
};

/// For how long a device is known after the login that handed its token out: one year.
pub const DEVICE_TOKEN_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// A token may come from a node whose clock is ahead of ours by so much.
const SKEW: Duration = Duration::from_secs(60);

/// User, device, epoch of the password, time of issue.
const BODY: usize = 16 + 16 + 8 + 8;

/// A device token to give out. It opens nothing by itself: it only tells attempts of a known device apart.
///
/// `ptd_` and, in base64url: id of the MAC key (4 bytes), user (16), device (16), epoch of the
/// password (8), time of issue (8), MAC (16).
pub struct DeviceToken(SecretString);

impl DeviceToken {
    /// The token, to be sent.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// A device that proved to have logged in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownDevice {
    /// Who logged in on it: it is known for this account only.
    pub(crate) user: UserId,
    /// Which.
    pub(crate) device: DeviceId,
    /// The user's `password_epoch` when it was issued: a new password forgets the device.
    pub(crate) password_epoch: i64,
    /// When its token was issued.
    pub(crate) issued_at: Timestamp,
}

impl KnownDevice {
    /// Whether it is known for this account, as it is now: its user has logged in on it with the present password.
    pub(crate) fn is_of(&self, account: &Credentials) -> bool {
        self.user == account.user && self.password_epoch == account.password_epoch
    }

    /// Under which the attempts of this device are counted.
    pub(crate) fn attempt_key(&self) -> AttemptKey {
        AttemptKey(self.device.uuid().into_bytes())
    }
}

/// What makes and checks device tokens.
pub(crate) struct DeviceKeys(SealedTokens<BODY>);

impl DeviceKeys {
    /// Derives the key.
    pub(crate) fn new(vault: &Vault) -> Self {
        Self(SealedTokens::new(vault, "ptd_", "device mac"))
    }

    /// The token of a device on which the user has just logged in.
    pub(crate) fn issue(
        &self,
        user: UserId,
        device: DeviceId,
        password_epoch: i64,
        now: Timestamp,
    ) -> DeviceToken {
        let mut body = [0; BODY];
        body[..16].copy_from_slice(user.uuid().as_bytes());
        body[16..32].copy_from_slice(device.uuid().as_bytes());
        body[32..40].copy_from_slice(&password_epoch.to_be_bytes());
        body[40..].copy_from_slice(&now.millis().to_be_bytes());
        DeviceToken(self.0.seal(&body))
    }

    /// Reads a token that came with an attempt. `None` when it is not one of ours or has expired: the attempt is then
    /// one of an unknown device, nothing worse. Ask [`KnownDevice::is_of`] about the account that is tried.
    pub(crate) fn read(&self, token: &str, now: Timestamp) -> Option<KnownDevice> {
        let body = self.0.open(token)?;
        let (mut user, mut device, mut epoch, mut issued_at) = ([0; 16], [0; 16], [0; 8], [0; 8]);
        user.copy_from_slice(&body[..16]);
        device.copy_from_slice(&body[16..32]);
        epoch.copy_from_slice(&body[32..40]);
        issued_at.copy_from_slice(&body[40..]);
        let issued_at = Timestamp::from_millis(i64::from_be_bytes(issued_at));
        let valid = issued_at <= now + SKEW && now < issued_at + DEVICE_TOKEN_LIFETIME;
        valid.then_some(KnownDevice {
            user: UserId::from_uuid(Uuid::from_bytes(user)),
            device: DeviceId::from_uuid(Uuid::from_bytes(device)),
            password_epoch: i64::from_be_bytes(epoch),
            issued_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        clock::{Clock, MovableClock},
        key::MasterKey,
        rng::SystemRng,
    };

    fn issued(keys: &DeviceKeys, now: Timestamp) -> (KnownDevice, String) {
        let known = KnownDevice {
            user: UserId::generate(now, &SystemRng),
            device: DeviceId::generate(now, &SystemRng),
            password_epoch: 7,
            issued_at: now,
        };
        let token = keys.issue(known.user, known.device, known.password_epoch, now);
        (known, token.secret().expose_secret().to_owned())
    }

    #[test]
    fn a_device_is_known_for_a_year() {
        let keys = DeviceKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let clock = MovableClock::default();
        let (known, token) = issued(&keys, clock.now());
        assert!(token.starts_with("ptd_") && token.len() == 95, "{token}");
        assert_eq!(keys.read(&token, clock.now()), Some(known));
        clock.advance(
            DEVICE_TOKEN_LIFETIME
                .checked_sub(Duration::from_millis(1))
                .unwrap(),
        );
        assert_eq!(keys.read(&token, clock.now()), Some(known));
        clock.advance(Duration::from_millis(1));
        assert_eq!(keys.read(&token, clock.now()), None);
    }

    #[test]
    fn a_token_from_the_future_is_refused_beyond_skew() {
        let keys = DeviceKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let now = MovableClock::default().now();
        let (known, token) = issued(&keys, now);
        assert_eq!(keys.read(&token, now - SKEW), Some(known));
        assert_eq!(keys.read(&token, now - SKEW - Duration::from_millis(1)), None);
    }

    #[test]
    fn each_device_has_its_own_attempts() {
        let keys = DeviceKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let now = MovableClock::default().now();
        let (one, other) = (issued(&keys, now).0, issued(&keys, now).0);
        assert_ne!(one.attempt_key(), other.attempt_key());
        assert_ne!(one.attempt_key(), AttemptKey::user(one.user));
    }

    #[test]
    fn other_keys_and_other_tokens_do_not_read() {
        let vault = std::sync::Arc::new(Vault::new(&MasterKey::generate(&SystemRng)));
        let keys = DeviceKeys::new(&vault);
        let now = MovableClock::default().now();
        let (_, token) = issued(&keys, now);
        let other = DeviceKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        assert_eq!(other.read(&token, now), None);
        assert_eq!(keys.read(&token.replace("ptd_", "ptr_"), now), None);
        let session = crate::session::SessionKeys::new(vault);
        assert!(crate::session::PresentedRefresh::read(&token.replace("ptd_", "ptr_"), &session).is_err());
    }
}
