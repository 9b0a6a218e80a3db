//! One connection, made anew when it breaks; no request waits for that.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use tokio::time::{sleep, timeout};

use super::{
    Away, PREFIX, Verdict,
    target::{Driver, Target},
};

const SCRIPT: &str = include_str!("count.lua");

/// How long to leave it alone after it went away: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection takes more round trips than a question: TLS, password, script.
const CONNECT: Duration = Duration::from_secs(2);
/// How many probes a second count; those beyond look as well, and write nothing.
const PROBES: u32 = 1000;
/// A connection that answered so often was a good one.
const GOOD: u64 = 100;

/// A connection on which the script is known.
#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    script: Arc<str>,
    answered: Arc<AtomicU64>,
    _driver: Arc<Driver>,
}

pub(super) struct Link {
    target: Target,
    patience: Duration,
    live: Mutex<Option<Live>>,
    connecting: AtomicBool,
    /// Connections in a row that soon broke.
    bad: AtomicU32,
    /// Whether the log has been told that it is away.
    said: AtomicBool,
}

impl Link {
    pub(super) fn new(target: Target, patience: Duration) -> Self {
        Self {
            target,
            patience,
            live: Mutex::new(None),
            connecting: AtomicBool::new(false),
            bad: AtomicU32::new(0),
            said: AtomicBool::new(false),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.lock().is_some()
    }

    /// What the script decides; `None` when it is away. Waits for one answer, and never for a connection.
    pub(super) async fn ask(self: &Arc<Self>, keys: &[String], quotas: &[(u32, u64)]) -> Option<Verdict> {
        let live = self.live();
        let answer = match &live {
            None => Err(None),
            Some(live) => self.evaluate(live, keys, quotas).await.map_err(Some),
        };
        match answer {
            Ok(verdict) => Some(verdict),
            Err(away) => {
                if let (Some(live), Some(away)) = (live, away) {
                    self.broke(&live, &away);
                }
                self.connect_soon();
                None
            }
        }
    }

    async fn evaluate(&self, live: &Live, keys: &[String], quotas: &[(u32, u64)]) -> Result<Verdict, Away> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&*live.script).arg(keys.len()).arg(keys);
        for (limit, window) in quotas {
            command.arg(*limit).arg(*window);
        }
        let mut connection = live.connection.clone();
        let numbers: Vec<i64> = timeout(self.patience, command.query_async(&mut connection))
            .await
            .map_err(|_| Away::Slow)?
            .map_err(Away::Failed)?;
        let verdict = Verdict::read(&numbers, keys.len()).ok_or(Away::Nonsense)?;
        live.answered.fetch_add(1, Relaxed);
        Ok(verdict)
    }

    fn live(&self) -> Option<Live> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Live>> {
        // Whole between statements.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection up. Of many requests that were on it, the first one says so.
    fn broke(&self, broken: &Live, away: &Away) {
        {
            let mut live = self.lock();
            if !live
                .as_ref()
                .is_some_and(|now| Arc::ptr_eq(&now.answered, &broken.answered))
            {
                return;
            }
            *live = None;
        }
        if broken.answered.load(Relaxed) >= GOOD {
            self.bad.store(0, Relaxed);
        } else {
            self.bad.fetch_add(1, Relaxed);
        }
        self.say_away(away);
    }

    fn say_away(&self, away: &Away) {
        if !self.said.swap(true, Relaxed) {
            tracing::warn!(error = %away, "limits.shared_away");
        }
    }

    /// Connects in the background, again and again until it works or nobody is left who wants it.
    pub(super) fn connect_soon(self: &Arc<Self>) {
        if !self.connecting.swap(true, Relaxed) {
            tokio::spawn(connect_until_done(Arc::downgrade(self)));
        }
    }

    /// One try to connect, for a start.
    pub(super) async fn connect_now(self: &Arc<Self>) {
        match self.connect().await {
            Ok(live) => self.take(live),
            Err(away) => {
                self.say_away(&away);
                self.connect_soon();
            }
        }
    }

    fn take(&self, live: Live) {
        *self.lock() = Some(live);
        if self.said.swap(false, Relaxed) {
            tracing::info!("limits.shared_again");
        }
    }

    /// Connects, and looks whether it can do what is asked of it: one that takes no writes is no good.
    async fn connect(&self) -> Result<Live, Away> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(CONNECT));
        let connecting = async {
            let (mut connection, driver) = self.target.connect(config).await?;
            let script: String = redis::cmd("SCRIPT")
                .arg("LOAD")
                .arg(SCRIPT)
                .query_async(&mut connection)
                .await?;
            Ok::<Live, Away>(Live {
                connection,
                script: script.into(),
                answered: Arc::default(),
                _driver: Arc::new(driver),
            })
        };
        let live = timeout(CONNECT, connecting).await.map_err(|_| Away::Slow)??;
        self.evaluate(&live, &[format!("{PREFIX}probe")], &[(PROBES, 1_000_000)])
            .await?;
        Ok(live)
    }

    /// Whether it can be connected to.
    pub(super) async fn probe(&self) -> Result<(), Away> {
        self.connect().await.map(drop)
    }
}

async fn connect_until_done(link: Weak<Link>) {
    let mut pause = FIRST_PAUSE;
    if let Some(link) = link.upgrade() {
        pause = (FIRST_PAUSE * 2_u32.pow(link.bad.load(Relaxed).min(6))).min(LONGEST_PAUSE);
    }
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let Some(link) = link.upgrade() else {
            return;
        };
        match link.connect().await {
            Ok(live) => {
                // First, so that whoever finds the connection broken can begin anew.
                link.connecting.store(false, Relaxed);
                link.take(live);
                return;
            }
            Err(away) => link.say_away(&away),
        }
    }
}
