//! Hosts of which one takes writes: a primary and those that stand by to follow it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Notify,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use crate::{OpenError, dialect, pause::jittered};

/// How long one host may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks while something seems wrong.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks otherwise: a primary that was cut off from the others, but not from us, would go on answering.
const PERIOD: Duration = Duration::from_secs(10);

/// Where the database may be, and where it is.
pub(crate) struct Hosts {
    all: Vec<PgConnectOptions>,
    current: AtomicUsize,
    /// The newest timeline that was seen. Each promotion begins one (PostgreSQL, section 25.3.5): a host that takes writes on
    /// an older one is a primary that does not know yet that it is none.
    timeline: AtomicU32,
    doubts: Notify,
}

/// Why a host is none for us.
#[derive(Debug)]
enum No {
    Unreachable(sqlx::Error),
    Standby,
    Outdated,
}

impl Hosts {
    pub(crate) fn new(all: Vec<PgConnectOptions>) -> Self {
        Self {
            all: all
                .into_iter()
                .map(PgConnectOptions::disable_statement_logging)
                .collect(),
            current: AtomicUsize::new(0),
            timeline: AtomicU32::new(0),
            doubts: Notify::new(),
        }
    }

    /// How to connect to the host that took writes when it was last looked.
    pub(crate) fn current(&self) -> PgConnectOptions {
        self.all[self.current.load(Ordering::SeqCst)].clone()
    }

    /// Whether there is a choice.
    pub(super) fn are_many(&self) -> bool {
        self.all.len() > 1
    }

    /// Says that the host seems to be none any more: soon somebody looks.
    pub(super) fn doubt(&self) {
        self.doubts.notify_one();
    }

    /// For messages: hosts and ports, database.
    pub(crate) fn place(&self) -> String {
        let hosts: Vec<_> = self.all.iter().map(host).collect();
        let one = &self.all[0];
        format!(
            "{}/{}",
            hosts.join(","),
            one.get_database().unwrap_or_else(|| one.get_username())
        )
    }

    /// Finds the host that takes writes, for the first time. Waits for one that is starting, or being promoted, until
    /// `patience` is over.
    pub(crate) async fn first(&self, patience: Duration) -> Result<(), OpenError> {
        let mut last = None;
        let found = timeout(patience, async {
            loop {
                let Err(refusals) = self.find().await else {
                    return Ok(());
                };
                let may_come = refusals.iter().any(|(_, no)| match no {
                    No::Unreachable(error) => dialect::is_starting(error),
                    No::Standby => self.are_many(),
                    No::Outdated => false,
                });
                let error = self.refused(refusals);
                if !may_come {
                    return Err(error);
                }
                last = Some(error);
                sleep(jittered(PAUSE)).await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_over) => Err(last.unwrap_or_else(|| OpenError::Unreachable {
                place: self.place(),
                source: super::silent(),
            })),
        }
    }

    fn refused(&self, mut refusals: Vec<(usize, No)>) -> OpenError {
        if !self.are_many() {
            let place = self.place();
            return match refusals.pop() {
                Some((_, No::Unreachable(source))) => OpenError::Unreachable { place, source },
                _ => OpenError::Standby { place },
            };
        }
        let hosts = refusals.iter().map(|(at, no)| {
            let host = host(&self.all[*at]);
            match no {
                No::Unreachable(error) => format!("{host}: {error}"),
                No::Standby => format!("{host} is a standby"),
                No::Outdated => format!("{host} is a primary of the past"),
            }
        });
        OpenError::NoPrimary {
            hosts: hosts.collect::<Vec<_>>().join("; "),
        }
    }

    /// Looks at all hosts at once, and settles on the one that takes writes; on that of the newest timeline if there are two.
    /// Says why it is none of them.
    async fn find(&self) -> Result<(), Vec<(usize, No)>> {
        let mut looks = JoinSet::new();
        for (at, options) in self.all.iter().enumerate() {
            let (options, many) = (options.clone(), self.are_many());
            looks.spawn(async move { (at, look(&options, many).await) });
        }
        let mut looked = looks.join_all().await;
        looked.sort_unstable_by_key(|(at, _)| *at);
        let current = self.current.load(Ordering::SeqCst);
        let known = self.timeline.load(Ordering::SeqCst);
        let mut best: Option<(u32, usize)> = None;
        let mut refusals = Vec::new();
        for (at, look) in looked {
            match look {
                Ok(timeline) if timeline < known => {
                    tracing::error!(
                        host = host(&self.all[at]),
                        "a host of the database takes writes, and is the primary no longer: stop it"
                    );
                    refusals.push((at, No::Outdated));
                }
                Ok(timeline) => {
                    let better = best.is_none_or(|(newest, _)| timeline > newest)
                        || (at == current && best.is_some_and(|(newest, _)| timeline == newest));
                    if let Some((_, other)) = best {
                        tracing::error!(
                            hosts = format!("{}, {}", host(&self.all[other]), host(&self.all[at])),
                            "two hosts of the database take writes: stop the one that is no longer the primary"
                        );
                    }
                    if better {
                        best = Some((timeline, at));
                    }
                }
                Err(no) => refusals.push((at, no)),
            }
        }
        let (timeline, at) = best.ok_or(refusals)?;
        self.timeline.store(timeline, Ordering::SeqCst);
        self.current.store(at, Ordering::SeqCst);
        Ok(())
    }
}

/// The timeline of a host that takes writes; 0 where there is no choice, or none.
async fn look(options: &PgConnectOptions, many: bool) -> Result<u32, No> {
    let look = async {
        let mut connection = options.connect().await?;
        let looked = look_at(&mut connection, many).await;
        // All that was asked is known.
        let _ = connection.close().await;
        looked
    };
    match timeout(PATIENCE, look).await {
        Ok(Ok(timeline)) => timeline.ok_or(No::Standby),
        Ok(Err(error)) => Err(No::Unreachable(error)),
        Err(_) => Err(No::Unreachable(super::silent())),
    }
}

async fn look_at(connection: &mut PgConnection, many: bool) -> Result<Option<u32>, sqlx::Error> {
    let (read_only,): (String,) = sqlx::query_as("SHOW transaction_read_only")
        .fetch_one(&mut *connection)
        .await?;
    if read_only == "on" {
        return Ok(None);
    }
    if !many {
        return Ok(Some(0));
    }
    // What speaks the protocol and is something else has no timelines.
    let file: Result<String, _> = sqlx::query_scalar("SELECT pg_walfile_name(pg_current_wal_lsn())")
        .fetch_one(connection)
        .await;
    let timeline = file
        .ok()
        .and_then(|name| u32::from_str_radix(name.get(..8)?, 16).ok());
    Ok(Some(timeline.unwrap_or(0)))
}

fn host(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

/// Looks again whenever somebody doubts, and now and then. Ends when it is dropped.
pub(super) struct Scout(JoinHandle<()>);

impl Scout {
    /// Tells `moved` of each new host.
    pub(super) fn begin(hosts: Arc<Hosts>, moved: impl Fn(PgConnectOptions) + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = hosts.doubts.notified() => {}
                    () = sleep(jittered(PERIOD)) => {}
                }
                let before = hosts.current.load(Ordering::SeqCst);
                match hosts.find().await {
                    Ok(()) if hosts.current.load(Ordering::SeqCst) != before => {
                        let now = hosts.current();
                        tracing::warn!(host = host(&now), "the database is at another host now");
                        moved(now);
                    }
                    Ok(()) => {}
                    Err(refusals) => {
                        tracing::warn!(error = %hosts.refused(refusals), "the database is nowhere");
                        hosts.doubt();
                    }
                }
                sleep(jittered(PAUSE)).await;
            }
        }))
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        self.0.abort();
    }
}
