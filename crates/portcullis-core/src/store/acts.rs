use serde::{Deserialize, Serialize};

use crate::{
    access::RoleName,
    clock::Timestamp,
    id::{IdentityId, UserId},
    password::StoredHash,
    revocation::Change,
    session::{EndReason, NewSession, Refusal, StoredSession},
    user::{DisplayName, Email, EmailKey, Standing, User, UserStatus},
};

/// A result together with the changes that every node must learn of. Whoever did the act puts them into the local
/// index before answering.
#[derive(Clone, Debug)]
#[must_use = "the changes must enter the local index before the act is answered"]
pub struct Written<T> {
    /// The result.
    pub value: T,
    /// What must no longer be believed.
    pub changes: Vec<Change>,
}

/// A user to add.
#[derive(Clone)]
pub struct NewUser {
    /// Identifier.
    pub id: UserId,
    /// Email; its key must be unique.
    pub email: Email,
    /// Name.
    pub name: DisplayName,
    /// Password; none means that the user cannot log in with one.
    pub password: Option<StoredHash>,
    /// Roles; each must exist.
    pub roles: Vec<RoleName>,
    /// Status.
    pub status: UserStatus,
    /// A first session.
    pub session: Option<NewSession>,
    /// The account at a provider by which the user came.
    pub identity: Option<NewIdentity>,
    /// Audit event: [`USER_REGISTERED`](crate::audit::kind::USER_REGISTERED) or
    /// [`USER_CREATED`](crate::audit::kind::USER_CREATED).
    pub event: &'static str,
}

/// What a new user, a login or a new password gives.
#[derive(Clone, Debug)]
#[must_use = "the changes must enter the local index before the act is answered"]
pub struct Opened {
    /// The user, as of this act.
    pub standing: Standing,
    /// The session, if one was asked for.
    pub session: Option<StoredSession>,
    /// What must no longer be believed.
    pub changes: Vec<Change>,
}

/// Whose consecutive failed attempts are counted: 16 bytes, a user's or device's identifier, or a bucket of unknown
/// identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptKey(pub [u8; 16]);

/// A login that succeeded.
#[derive(Clone)]
pub struct OpenSession {
    /// Who.
    pub user: UserId,
    /// The user's `session_epoch` as read before the password was checked.
    pub session_epoch: i64,
    /// The session.
    pub session: NewSession,
    /// Attempts to clear.
    pub clear: Vec<AttemptKey>,
    /// The hash that was checked and the one to put in its place.
    pub upgrade: Option<(StoredHash, StoredHash)>,
    /// The account at a provider that stood for the password: it must still be the user's.
    pub identity: Option<SeenIdentity>,
}

/// An account at a provider to tie to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentity {
    /// Identifier.
    pub id: IdentityId,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider itself (`iss`).
    pub issuer: String,
    /// Who it is there (`sub`).
    pub subject: String,
    /// The email that the provider states.
    pub email: Option<Email>,
    /// Whether the provider vouches for it: it says that it is verified, and it is the authority on the domain.
    pub vouches: bool,
}

/// An account at a provider as it is seen at a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenIdentity {
    /// Which.
    pub id: IdentityId,
    /// The email that the provider states now.
    pub email: Option<Email>,
    /// Whether the provider vouches for it.
    pub vouches: bool,
    /// How the provider calls its session (`sid`), so that it can end ours with it.
    pub provider_session: Option<String>,
}

/// Ties an account at a provider to a user who is there.
#[derive(Clone, Debug)]
pub struct LinkIdentity {
    /// Whose.
    pub user: UserId,
    /// The `session_epoch` as of which it was decided.
    pub session_epoch: i64,
    /// The email that the user must still have, where the decision rests on it.
    pub email: Option<EmailKey>,
    /// What to tie.
    pub identity: NewIdentity,
}

/// Takes an account at a provider away from a user.
#[derive(Clone, Debug)]
pub struct UnlinkIdentity {
    /// Whose.
    pub user: UserId,
    /// The `session_epoch` as of which it was decided.
    pub session_epoch: i64,
    /// Which.
    pub identity: IdentityId,
    /// The providers (`iss`) by which one can sign in now: an account elsewhere is no way in.
    pub usable: Vec<String>,
}

/// Sessions that began by an account at a provider and that the provider ended (OpenID Connect Back-Channel Logout,
/// section 2.4): those of a subject, or that of a session of the provider's, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSessions {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: Option<String>,
    /// `sid`.
    pub session: Option<String>,
}

/// What became of a refresh.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// The session goes on.
    Granted {
        /// The session, its counter being that of the refresh token to give out.
        session: Box<StoredSession>,
        /// The user, read in the same act.
        standing: Box<Standing>,
    },
    /// Nothing happened.
    Refused(Refusal),
    /// The session was ended: theft, or a store that went back in time.
    Ended {
        /// Why.
        reason: EndReason,
        /// What must no longer be believed.
        changes: Vec<Change>,
    },
}

/// The one session that outlives a new password.
#[derive(Clone, Debug)]
pub struct KeptSession {
    /// Which.
    pub session: crate::id::SessionId,
    /// New salt: refresh tokens from before the new password are worth nothing.
    pub sealed_salt: Vec<u8>,
    /// New idle limit.
    pub idle_expires_at: Timestamp,
}

/// A new password.
#[derive(Clone)]
pub struct SetPassword {
    /// Whose.
    pub user: UserId,
    /// Its hash.
    pub password: StoredHash,
    /// The `session_epoch` as of which the old password was checked; none when nobody had to know it.
    pub session_epoch: Option<i64>,
    /// The session that goes on.
    pub keep: Option<KeptSession>,
    /// Audit event: [`PASSWORD_CHANGED`](crate::audit::kind::PASSWORD_CHANGED) or
    /// [`PASSWORD_SET`](crate::audit::kind::PASSWORD_SET).
    pub event: &'static str,
}

/// What to change of a user.
#[derive(Clone, Debug, Default)]
pub struct UserUpdate {
    /// New name.
    pub name: Option<DisplayName>,
    /// New email.
    pub email: Option<Email>,
    /// New roles.
    pub roles: Option<Vec<RoleName>>,
    /// New status.
    pub status: Option<UserStatus>,
    /// The `session_epoch` as of which the password was checked, where the change needed one.
    pub session_epoch: Option<i64>,
}

/// Who was deleted.
#[derive(Clone, Debug)]
pub struct DeletedUser {
    /// The user as it was.
    pub user: User,
}

/// The signing keys as stored.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// Raised by each replacement.
    pub version: i64,
    /// The keys.
    pub keys: Vec<StoredKey>,
}

/// One signing key as stored: words and sealed bytes, to which [`crate::key`] gives meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Identifier in token headers and the JWKS.
    pub kid: String,
    /// `ES256`, ..
    pub algorithm: String,
    /// `next`, `active` or `retiring`.
    pub state: String,
    /// The private key (PKCS#8), sealed with the master key.
    pub sealed_private: Vec<u8>,
    /// The public key, a JWK (RFC 7517).
    pub public_jwk: String,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// Until when a token signed with it can be valid, once it no longer signs.
    pub retire_at: Option<Timestamp>,
}
