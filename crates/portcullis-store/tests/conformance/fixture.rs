//! What the tests need around the store.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use portcullis_core::{
    access::{Role, RoleName},
    audit::{ActContext, Actor, AuditEvent},
    clock::{Clock, MovableClock, Timestamp},
    id::{AuditId, SessionId, UserId},
    key::{MasterKey, Vault},
    password::StoredHash,
    revocation::{Change, ChangeKind},
    rng::{self, SystemRng},
    session::{
        NewSession, PresentedRefresh, RefreshAct, RefreshToken, SessionKeys, SessionRules, StoredSession,
    },
    store::{
        AuditFilter, Expired, NewUser, OpenSession, Opened, Purged, RefreshOutcome, Store, StoreError,
        UserActError,
    },
    user::{EmailKey, Standing, UserStatus},
};
use portcullis_store::Database;
use portcullis_testkit::database::{Engine, TestDatabase};
use secrecy::ExposeSecret as _;
use sqlx::{Executor as _, PgConnection};
use tokio::sync::Barrier;
use uuid::Builder;

/// For how long changes are kept.
pub(crate) const DENY: Duration = Duration::from_secs(1_000);

/// A store, a clock that the test moves, and the server's keys.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Database,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) keys: Arc<SessionKeys>,
    acts: Arc<AtomicU64>,
}

impl World {
    /// Deletes all that nothing needs, batch after batch.
    pub(crate) async fn purge(
        &self,
        now: Timestamp,
        audit_before: Option<Timestamp>,
    ) -> Result<Purged, StoreError> {
        let all = async |expired| {
            let mut gone = 0;
            loop {
                match self.store.purge(expired, now).await? {
                    0 => return Ok::<u64, StoreError>(gone),
                    batch => gone += batch,
                }
            }
        };
        Ok(Purged {
            sessions: all(Expired::Sessions).await?,
            changes: all(Expired::Changes).await?,
            attempts: all(Expired::Attempts).await?,
            audit: match audit_before {
                Some(before) => all(Expired::Audit { before }).await?,
                None => 0,
            },
        })
    }

    pub(crate) fn new(store: Database) -> Self {
        let vault = Arc::new(Vault::new(&MasterKey::generate(&SystemRng)));
        Self {
            store,
            clock: Arc::new(MovableClock::default()),
            keys: Arc::new(SessionKeys::new(vault)),
            acts: Arc::default(),
        }
    }

    /// The same world on another store of the same database.
    pub(crate) fn on(&self, store: Database) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn context(&self) -> ActContext {
        ActContext {
            now: self.now(),
            deny_until: self.now() + DENY,
            audit_id: self.audit_id(),
            tag: i64::from_be_bytes(rng::bytes(&SystemRng)),
            actor: Actor::Operator,
            address: Some([192, 0, 2, 7].into()),
            request_id: Some("request-1".to_owned()),
        }
    }

    /// In the order in which it is asked for, within a millisecond too: the newest event is the last act's.
    fn audit_id(&self) -> AuditId {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.acts.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let millis = u64::try_from(self.now().millis()).unwrap();
        AuditId::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    pub(crate) fn new_user(&self, email: &str, roles: &[&str]) -> NewUser {
        NewUser {
            id: UserId::generate(self.now(), &SystemRng),
            email: email.parse().unwrap(),
            name: "Ada Lovelace".parse().unwrap(),
            password: Some(hash("first")),
            roles: names(roles),
            status: UserStatus::Active,
            session: None,
            identity: None,
            event: portcullis_core::audit::kind::USER_CREATED,
        }
    }

    pub(crate) async fn create(&self, user: NewUser) -> Result<Opened, UserActError> {
        self.store.create_user(&self.context(), user).await
    }

    /// An active user with these roles.
    pub(crate) async fn user(&self, email: &str, roles: &[&str]) -> UserId {
        let opened = self.create(self.new_user(email, roles)).await.unwrap();
        opened.standing.user.id
    }

    pub(crate) async fn standing(&self, user: UserId) -> Standing {
        self.store.user(user).await.unwrap().expect("the user is there")
    }

    pub(crate) fn new_session(&self) -> NewSession {
        let id = SessionId::generate(self.now(), &SystemRng);
        NewSession {
            id,
            sealed_salt: self.keys.seal_salt(id, &SystemRng),
            narrowed: None,
            address: Some("2001:db8::1".parse().unwrap()),
            agent: Some("a browser".to_owned()),
            created_at: self.now(),
            idle_expires_at: self.now() + SessionRules::default().idle,
            expires_at: self.now() + SessionRules::default().absolute,
        }
    }

    pub(crate) fn open_act(&self, user: UserId, session_epoch: i64) -> OpenSession {
        OpenSession {
            user,
            session_epoch,
            session: self.new_session(),
            clear: Vec::new(),
            upgrade: None,
            identity: None,
        }
    }

    /// A login.
    pub(crate) async fn login(&self, user: UserId) -> StoredSession {
        let epoch = self.standing(user).await.session_epoch;
        let act = self.open_act(user, epoch);
        let opened = self.store.open_session(&self.context(), act).await.unwrap();
        assert_eq!(opened.changes, []);
        opened.session.unwrap()
    }

    pub(crate) fn token(&self, session: &StoredSession) -> String {
        let token = RefreshToken::issue(session, &self.keys).unwrap();
        token.secret().expose_secret().to_owned()
    }

    pub(crate) fn refresh_act(&self, token: &str) -> RefreshAct {
        RefreshAct {
            context: self.context(),
            presented: PresentedRefresh::read(token, &self.keys).unwrap(),
            rules: SessionRules::default(),
            keys: Arc::clone(&self.keys),
        }
    }

    pub(crate) async fn refresh(&self, token: &str) -> RefreshOutcome {
        self.store.refresh(&self.refresh_act(token)).await.unwrap()
    }

    /// A refresh that must succeed.
    pub(crate) async fn carry_on(&self, token: &str) -> (StoredSession, Standing) {
        match self.refresh(token).await {
            RefreshOutcome::Granted { session, standing } => (*session, *standing),
            other => panic!("refused: {other:?}"),
        }
    }

    /// The newest audit event.
    pub(crate) async fn last_event(&self) -> AuditEvent {
        let filter = AuditFilter {
            limit: 1,
            ..AuditFilter::default()
        };
        self.store.audit(&filter).await.unwrap().remove(0)
    }

    pub(crate) async fn events(&self) -> usize {
        let filter = AuditFilter {
            limit: 10_000,
            ..AuditFilter::default()
        };
        self.store.audit(&filter).await.unwrap().len()
    }

    pub(crate) async fn put_role(&self, name: &str, scopes: &[&str], implies: &[&str]) -> Vec<Change> {
        let written = self
            .store
            .put_role(&self.context(), role(name, scopes, implies))
            .await
            .unwrap();
        written.changes
    }
}

pub(crate) fn role(name: &str, scopes: &[&str], implies: &[&str]) -> Role {
    Role {
        name: name.parse().unwrap(),
        description: format!("The {name}.").parse().unwrap(),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        implies: implies
            .iter()
            .map(|role| role.parse().unwrap())
            .collect::<BTreeSet<_>>(),
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A stored hash; the store never looks inside.
pub(crate) fn hash(of: &str) -> StoredHash {
    StoredHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${of}"))
}

pub(crate) fn key(email: &str) -> EmailKey {
    EmailKey::of(email)
}

/// Connections of a store: so many acts can be under way.
const CONNECTIONS: usize = 10;

/// Lets `count` acts collide: none can write before all have read what there is (as far as there are connections). Their
/// results, in the order of their numbers.
pub(crate) async fn collide<T, F>(db: &TestDatabase, count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (sqlite, postgres) = match db.engine() {
        Engine::Sqlite => {
            let mut connection = db.sqlite_connection().await;
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            (Some(connection), None)
        }
        Engine::Postgres => {
            let mut connection = db.postgres_connection().await;
            connection
                .execute(
                    "BEGIN; LOCK TABLE portcullis_counters, portcullis_users, portcullis_user_roles,
                     portcullis_roles, portcullis_sessions, portcullis_attempts, portcullis_leases,
                     portcullis_meta IN EXCLUSIVE MODE",
                )
                .await
                .unwrap();
            (None, Some(connection))
        }
    };
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(make(number))).collect();
    if let Some(mut connection) = sqlite {
        // One writer: it is enough that all have queued up.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        connection.execute("ROLLBACK").await.unwrap();
    }
    if let Some(mut connection) = postgres {
        loop {
            let waiting = waiting(&mut connection).await;
            let finished = tasks.iter().filter(|task| task.is_finished()).count();
            if waiting + finished >= count.min(CONNECTIONS) {
                break;
            }
        }
        connection.execute("COMMIT").await.unwrap();
    }
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// How many acts wait for a lock of PostgreSQL.
pub(crate) async fn waiting(connection: &mut PgConnection) -> usize {
    // Else a transaction sees the same activity for all its time.
    connection
        .execute("SELECT pg_stat_clear_snapshot()")
        .await
        .unwrap();
    let (waiting,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    .fetch_one(connection)
    .await
    .unwrap();
    usize::try_from(waiting).unwrap()
}

/// Runs `count` futures at once; their results in the order of their numbers.
pub(crate) async fn at_once<T, F>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    // All start together, or the first would be done before the last begins.
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (start, future) = (Arc::clone(&start), make(number));
            tokio::spawn(async move {
                start.wait().await;
                future.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// The kinds of some changes.
pub(crate) fn kinds(changes: &[Change]) -> Vec<ChangeKind> {
    changes.iter().map(|change| change.kind.clone()).collect()
}
