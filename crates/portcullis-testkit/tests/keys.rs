//! The life of signing keys in a database, seen by two nodes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_core::{
    access::Principal,
    audit::{ActContext, Actor},
    clock::{Clock, MovableClock},
    id::{AuditId, SessionId, TokenId, UserId},
    key::{ImportOptions, KeyConfig, KeyError, Keys, MasterKey, SigningKey, Vault},
    revocation::ChangeKind,
    rng::SystemRng,
    store::{Store, StoreError, StoredKey},
    token::{AccessClaims, Algorithm, DEFAULT_LEEWAY, Signer, TokenError, Verifier, VerifierConfig},
};
use portcullis_testkit::database::{Engine, TestDatabase};
use secrecy::ExposeSecret;

const TTL: Duration = Duration::from_secs(900);

struct Bench {
    _database: TestDatabase,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Arc<MovableClock>,
}

impl Bench {
    async fn new() -> Self {
        let database = TestDatabase::open(Engine::Sqlite).await;
        Self {
            store: Arc::new(database.store()),
            _database: database,
            vault: Arc::new(Vault::new(&MasterKey::generate(&SystemRng))),
            clock: Arc::new(MovableClock::default()),
        }
    }

    fn context(&self) -> ActContext {
        let now = self.clock.now();
        ActContext {
            now,
            deny_until: now + TTL,
            audit_id: AuditId::generate(now, &SystemRng),
            tag: 1,
            actor: Actor::System,
            address: None,
            request_id: None,
        }
    }

    async fn try_open(&self, config: KeyConfig) -> Result<Node, KeyError> {
        let keys = Keys::open(
            Arc::clone(&self.store),
            Arc::clone(&self.vault),
            config,
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::new(SystemRng),
            &self.context(),
        )
        .await?;
        let config = VerifierConfig {
            issuer: "https://auth.example.com".into(),
            audience: "api".into(),
            leeway: DEFAULT_LEEWAY,
            cache_capacity: 100,
        };
        Ok(Node {
            signer: Signer::new(keys.ring()),
            verifier: Verifier::new(config, keys.ring()),
            clock: Arc::clone(&self.clock),
            keys,
        })
    }

    async fn open(&self, algorithm: Option<Algorithm>) -> Node {
        self.try_open(config(algorithm)).await.unwrap()
    }

    async fn stored(&self) -> Vec<StoredKey> {
        self.store.keys().await.unwrap().keys
    }

    /// Writes to the database as somebody would who has it, but not the master key.
    async fn tamper(&self, change: impl FnOnce(&mut Vec<StoredKey>)) {
        let mut set = self.store.keys().await.unwrap();
        change(&mut set.keys);
        let context = self.context();
        let event = context.event("test", None, serde_json::Value::Null);
        let written = self
            .store
            .replace_keys(&context, set.version, set.keys, ChangeKind::KeysChanged, event)
            .await;
        assert!(written.is_ok());
    }
}

fn config(algorithm: Option<Algorithm>) -> KeyConfig {
    KeyConfig {
        algorithm,
        secret: None,
        previous_secrets: Vec::new(),
        access_ttl: TTL,
    }
}

struct Node {
    keys: Arc<Keys>,
    signer: Signer,
    verifier: Verifier,
    clock: Arc<MovableClock>,
}

impl Node {
    fn token(&self) -> String {
        let now = self.clock.now();
        let principal = Principal {
            user: UserId::generate(now, &SystemRng),
            session: SessionId::generate(now, &SystemRng),
            token: TokenId::generate(now, &SystemRng),
            roles: Vec::new(),
            scopes: Vec::new(),
            narrowed: false,
            issued_at: now,
            expires_at: now + TTL,
            token_epoch: 0,
            session_epoch: 0,
            roles_epoch: 0,
        };
        let claims = AccessClaims {
            issuer: "https://auth.example.com",
            audience: "api",
            client_id: "portcullis",
            principal: &principal,
        };
        self.signer
            .sign(&claims)
            .unwrap()
            .secret()
            .expose_secret()
            .to_owned()
    }

    fn verify(&self, token: &str) -> Result<String, TokenError> {
        let verified = self.verifier.verify(token, self.clock.now())?;
        Ok(verified.kid.to_string())
    }

    fn active(&self) -> String {
        self.keys.ring().current().active().unwrap().kid().to_string()
    }

    async fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for key in self.keys.list().await.unwrap() {
            *states.entry(key.state).or_default() += 1;
        }
        states
    }
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(state, count)| (state.to_owned(), count)).into()
}

#[tokio::test]
async fn nodes_that_start_together_agree_on_the_first_keys() {
    let bench = Bench::new().await;
    let nodes = futures_util::future::join_all((0..8).map(|_| bench.open(None))).await;
    let token = nodes[0].token();
    for node in &nodes {
        assert_eq!(node.active(), nodes[0].active());
        assert!(node.verify(&token).is_ok());
    }
    assert_eq!(nodes[0].states().await, counts([("active", 1), ("next", 1)]));
    assert_eq!(nodes[0].keys.algorithm(), Algorithm::ES256);
}

#[tokio::test]
async fn a_rotation_breaks_no_live_token() {
    let bench = Bench::new().await;
    let (one, two) = (bench.open(None).await, bench.open(None).await);
    let (old, first) = (one.token(), one.active());
    let written = one.keys.rotate(&bench.context()).await.unwrap();
    assert_eq!(written.changes[0].kind, ChangeKind::KeysChanged);
    assert_ne!(one.active(), first);

    // The other node knows the new key already: it was published as the next one.
    assert!(two.verify(&one.token()).is_ok());
    assert!(
        one.verify(&two.token()).is_ok(),
        "it still signs with the old one"
    );
    two.keys.reload().await.unwrap();
    assert_eq!(two.active(), one.active());

    bench.clock.advance(Duration::from_secs(899));
    assert_eq!(one.verify(&old), Ok(first.clone()), "to the last second");
    one.keys.reload().await.unwrap();
    assert_eq!(one.verify(&old), Ok(first.clone()), "whatever is reloaded");
    assert_eq!(one.keys.prune(&bench.context()).await.unwrap().value, 0);

    bench.clock.advance(Duration::from_secs(120));
    let pruned = one.keys.prune(&bench.context()).await.unwrap();
    assert_eq!((pruned.value, pruned.changes.len()), (1, 1));
    assert_eq!(one.states().await, counts([("active", 1), ("next", 1)]));
    assert_eq!(one.keys.ring().current().keys().len(), 2);
}

#[tokio::test]
async fn a_revocation_breaks_all_of_that_key_at_once() {
    let bench = Bench::new().await;
    let (one, two) = (bench.open(None).await, bench.open(None).await);
    let (old, first) = (one.token(), one.active());
    assert!(
        one.verify(&old).is_ok() && two.verify(&old).is_ok(),
        "both remember it"
    );
    let written = one.keys.revoke(&first, &bench.context()).await.unwrap();
    assert_eq!(
        written.changes[0].kind,
        ChangeKind::KeyRevoked { kid: first.clone() }
    );
    assert_eq!(one.verify(&old), Err(TokenError::UnknownKey));
    assert!(two.verify(&one.token()).is_ok(), "the next key took over");
    two.keys.reload().await.unwrap();
    assert_eq!(two.verify(&old), Err(TokenError::UnknownKey));
    let jwks = String::from_utf8(two.keys.ring().current().jwks().to_vec()).unwrap();
    assert!(!jwks.contains(&first));
    assert_eq!(one.states().await, counts([("active", 1), ("next", 1)]));
    assert!(matches!(
        one.keys.revoke(&first, &bench.context()).await,
        Err(KeyError::Unknown(kid)) if kid == first
    ));
}

#[tokio::test]
async fn parallel_rotations_all_happen() {
    let bench = Bench::new().await;
    let nodes = futures_util::future::join_all((0..4).map(|_| bench.open(None))).await;
    let rotations = nodes.iter().map(|node| async {
        let context = bench.context();
        node.keys.rotate(&context).await
    });
    let done = futures_util::future::join_all(rotations).await;
    let happened = done.iter().filter(|result| result.is_ok()).count();
    assert!(
        done.iter()
            .all(|result| matches!(result, Ok(_) | Err(KeyError::Contended)))
    );
    assert_eq!(nodes[0].states().await["retiring"], happened);
}

#[tokio::test]
async fn another_algorithm_takes_over_and_back_only_when_configured() {
    let bench = Bench::new().await;
    let es256 = bench.open(None).await;
    let old = es256.token();
    let eddsa = bench.open(Some(Algorithm::EdDSA)).await;
    assert_eq!(eddsa.keys.algorithm(), Algorithm::EdDSA);
    assert!(eddsa.verify(&old).is_ok(), "what was signed stays valid");
    es256.keys.reload().await.unwrap();
    assert_eq!(es256.active(), eddsa.active());
    let before = bench.stored().await;
    let unconfigured = bench.open(None).await;
    assert_eq!(unconfigured.keys.algorithm(), Algorithm::EdDSA);
    assert_eq!(bench.stored().await, before, "nothing was changed");
}

#[tokio::test]
async fn an_imported_key_waits_or_signs() {
    let bench = Bench::new().await;
    let node = bench.open(Some(Algorithm::ES256)).await;
    let old = node.token();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(key.to_pkcs8().unwrap().as_slice())
    );
    let import = |activate| {
        let options = ImportOptions {
            activate,
            ..ImportOptions::default()
        };
        let (node, pem, context) = (&node, pem.clone(), bench.context());
        async move { node.keys.import(pem.as_bytes(), options, &context).await }
    };
    assert_eq!(import(false).await.unwrap().value, **key.kid());
    assert_eq!(node.states().await, counts([("active", 1), ("next", 1)]));
    assert!(matches!(import(true).await, Err(KeyError::Exists(_))));
    assert_eq!(node.keys.rotate(&bench.context()).await.unwrap().changes.len(), 1);
    assert_eq!(node.active(), **key.kid());
    assert!(node.verify(&old).is_ok());

    let other = SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .to_pkcs8()
        .unwrap();
    let refused = node
        .keys
        .import(&other, ImportOptions::default(), &bench.context())
        .await;
    assert!(matches!(refused, Err(KeyError::OtherAlgorithm { .. })));
}

#[tokio::test]
async fn who_can_write_to_the_database_cannot_add_a_key() {
    let bench = Bench::new().await;
    let node = bench.open(None).await;
    let good = node.token();
    let evil = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwk = serde_json::Value::Object(evil.public_jwk().unwrap()).to_string();

    // Another public key beside the sealed private one: not believed.
    bench.tamper(|keys| keys[0].public_jwk.clone_from(&jwk)).await;
    node.keys.reload().await.unwrap();
    assert!(node.verify(&good).is_ok());
    let published = String::from_utf8(node.keys.ring().current().jwks().to_vec()).unwrap();
    assert!(!published.contains(&**evil.kid()));

    // A key that was not sealed: nothing is loaded, and what was loaded stays.
    bench
        .tamper(|keys| {
            let mut added = keys[0].clone();
            added.kid = evil.kid().to_string();
            added.state = "retiring".into();
            added.retire_at = Some(bench.clock.now() + TTL);
            keys.push(added);
        })
        .await;
    assert!(matches!(node.keys.reload().await, Err(KeyError::Sealed(kid)) if *kid == **evil.kid()));
    assert!(node.verify(&good).is_ok());
    assert!(bench.try_open(config(None)).await.is_err());
}

#[tokio::test]
async fn another_master_key_and_nonsense_are_refused() {
    let mut bench = Bench::new().await;
    let node = bench.open(None).await;
    bench.vault = Arc::new(Vault::new(&MasterKey::generate(&SystemRng)));
    assert!(matches!(
        bench.try_open(config(None)).await,
        Err(KeyError::Sealed(_))
    ));
    bench
        .tamper(|keys| keys.iter_mut().for_each(|key| key.state = "active".into()))
        .await;
    let refused = node.keys.rotate(&bench.context()).await;
    assert!(matches!(refused, Err(KeyError::Store(StoreError::Corrupt(_)))));
}

#[tokio::test]
async fn a_shared_secret_needs_no_keys_in_the_store() {
    let bench = Bench::new().await;
    let with = |secret: &str, previous: &[&str]| KeyConfig {
        secret: Some(secret.into()),
        previous_secrets: previous.iter().map(|secret| (*secret).into()).collect(),
        ..config(None)
    };
    let (first, second) = (
        "the first secret, of 32 bytes....",
        "the second secret, of 32 bytes...",
    );
    let before = bench.try_open(with(first, &[])).await.unwrap();
    let token = before.token();
    let after = bench.try_open(with(second, &[first])).await.unwrap();
    assert!(after.verify(&token).is_ok(), "an earlier secret still verifies");
    assert_ne!(after.active(), before.active());
    assert_eq!(before.verify(&after.token()), Err(TokenError::UnknownKey));
    let alone = bench.try_open(with(second, &[])).await.unwrap();
    assert_eq!(alone.verify(&token), Err(TokenError::UnknownKey));
    assert_eq!(&**alone.keys.ring().current().jwks(), br#"{"keys":[]}"#);
    assert!(matches!(
        alone.keys.rotate(&bench.context()).await,
        Err(KeyError::SharedSecret)
    ));
    assert!(alone.keys.reload().await.is_ok());
    assert_eq!(after.states().await, counts([("active", 1), ("retiring", 1)]));
    assert!(bench.stored().await.is_empty());
    let short = bench.try_open(with("short", &[])).await.err().unwrap();
    assert!(
        short.to_string().contains("at least 32 bytes, this one has 5"),
        "{short}"
    );
}
