//! Identifiers: UUIDv7 (RFC 9562, section 5.7), each kind its own type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, rng::Rng};

fn v7(now: Timestamp, rng: &dyn Rng) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &crate::rng::bytes(rng)).into_uuid()
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier: 48 bits of time, 74 of randomness.
            #[must_use]
            pub fn generate(now: Timestamp, rng: &dyn Rng) -> Self {
                Self(v7(now, rng))
            }

            /// From its UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// As a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

identifier!(
    /// Who can log in.
    UserId
);
identifier!(
    /// One login on one device, and the family of refresh tokens that it spawns.
    SessionId
);
identifier!(
    /// The `jti` of one access token (RFC 9068, section 2.2).
    TokenId
);
identifier!(
    /// A device on which a user has logged in before.
    DeviceId
);
identifier!(
    /// One row of the audit log.
    AuditId
);
identifier!(
    /// What ties a user to an account at a provider.
    IdentityId
);
