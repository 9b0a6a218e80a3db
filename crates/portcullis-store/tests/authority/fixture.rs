//! An authority without rate limits on a test's database, and a clock that the test moves.

use std::sync::Arc;

use portcullis_core::{
    access::{Principal, Scope},
    audit::{Actor, AuditEvent},
    authority::{
        Authority, AuthorityConfig, Caller, LoginError, LoginRequest, Ports, RateLimits, Registration,
        TokenPair,
    },
    clock::MovableClock,
    key::{MasterKey, Vault},
    password::{Argon2Params, Password, pool::HashPoolConfig},
    rng::SystemRng,
    store::AuditFilter,
    user::User,
};
use portcullis_testkit::database::TestDatabase;
use secrecy::{ExposeSecret as _, SecretString};

/// The password of everyone here.
pub(crate) const PASSWORD: &str = "correct horse 5 battery";

/// Wrong passwords in a row that are borne.
pub(crate) const FAILURES: u32 = 3;

pub(crate) struct World {
    pub(crate) authority: Arc<Authority>,
    pub(crate) clock: Arc<MovableClock>,
}

pub(crate) fn config() -> AuthorityConfig {
    AuthorityConfig {
        hashing: HashPoolConfig {
            threads: 1,
            params: Argon2Params::weak_for_tests(),
            ..HashPoolConfig::default()
        },
        limits: RateLimits {
            enabled: false,
            ..RateLimits::default()
        },
        max_failures: FAILURES,
        token_cache: 100,
        profile_cache: 100,
        audit_retention: None,
        ..AuthorityConfig::new("https://auth.example.test")
    }
}

impl World {
    pub(crate) async fn new(database: &TestDatabase, config: AuthorityConfig) -> Self {
        let clock = Arc::new(MovableClock::default());
        let ports = Ports {
            store: Arc::new(database.store()),
            clock: clock.clone(),
            rng: Arc::new(SystemRng),
            vault: Arc::new(Vault::new(&MasterKey::generate(&SystemRng))),
        };
        Self {
            authority: Authority::open(ports, config).await.unwrap(),
            clock,
        }
    }

    pub(crate) async fn register(&self, email: &str) -> (User, TokenPair) {
        let registration = Registration {
            email: email.parse().unwrap(),
            password: Password::new(PASSWORD),
            name: "Ada".parse().unwrap(),
        };
        self.authority.register(&anyone(), registration).await.unwrap()
    }

    pub(crate) async fn login(
        &self,
        email: &str,
        password: &str,
        scope: Option<&str>,
        device: Option<&TokenPair>,
    ) -> Result<TokenPair, LoginError> {
        let request = LoginRequest {
            identifier: email.to_owned(),
            password: Password::new(password),
            scopes: scope.map(|scope| vec![scope.parse::<Scope>().unwrap()]),
            device: device.map(|pair| SecretString::from(pair.device.secret().expose_secret())),
        };
        self.authority.login(&anyone(), request).await
    }

    /// Who presents the access token of `pair`.
    pub(crate) async fn principal(&self, pair: &TokenPair) -> Principal {
        let token = pair.access.secret().expose_secret();
        let verified = self.authority.authenticate(token).await.unwrap();
        (*verified.principal).clone()
    }

    /// Audit events of a kind, newest first.
    pub(crate) async fn events(&self, kind: &str) -> Vec<AuditEvent> {
        let filter = AuditFilter {
            kind: Some(kind.to_owned()),
            ..AuditFilter::default()
        };
        self.authority.audit(&filter).await.unwrap()
    }
}

/// Someone from the network.
pub(crate) fn anyone() -> Caller {
    Caller::new(Some([192, 0, 2, 1].into()), None, None)
}

/// The user of a token.
pub(crate) fn by(principal: &Principal) -> Caller {
    let caller = anyone();
    caller.identify(Actor::User(principal.user));
    caller
}
