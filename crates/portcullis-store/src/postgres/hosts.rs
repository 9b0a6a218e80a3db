//! Hosts of which one takes writes: a primary and those that stand by to follow it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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
    /// What was wrong when it was last said: each look finds it again.
    said: Mutex<Amiss>,
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
            said: Mutex::default(),
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
        let found = weigh(looked, current, known);
        self.report(found.amiss);
        let (timeline, at) = found.best.ok_or(found.refusals)?;
        self.timeline.store(timeline, Ordering::SeqCst);
        self.current.store(at, Ordering::SeqCst);
        Ok(())
    }

    /// Says what is amiss once, until something else is.
    fn report(&self, amiss: Amiss) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said == amiss {
            return;
        }
        for at in amiss.outdated.iter().filter(|at| !said.outdated.contains(at)) {
            tracing::error!(
                host = host(&self.all[*at]),
                "database.old_primary: a host of the database takes writes, and is the primary no longer: stop it"
            );
        }
        if amiss.writers.len() > 1 && amiss.writers != said.writers {
            let hosts: Vec<_> = amiss.writers.iter().map(|at| host(&self.all[*at])).collect();
            tracing::error!(
                hosts = hosts.join(", "),
                "database.several_primaries: several hosts of the database take writes: stop the one that is no longer the primary"
            );
        }
        *said = amiss;
    }
}

/// What an operator has to do something about, as places in the list of hosts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Amiss {
    /// They take writes, on a timeline that is over.
    outdated: Vec<usize>,
    /// They take writes, each on a timeline. What has no timelines may well have many that write.
    writers: Vec<usize>,
}

/// What came of a look at all hosts.
struct Found {
    /// Timeline and place of the host to use.
    best: Option<(u32, usize)>,
    refusals: Vec<(usize, No)>,
    amiss: Amiss,
}

/// The host of the newest timeline that takes writes; of several the `current` one, else the first.
fn weigh(looked: Vec<(usize, Result<u32, No>)>, current: usize, known: u32) -> Found {
    let mut found = Found {
        best: None,
        refusals: Vec::new(),
        amiss: Amiss::default(),
    };
    for (at, look) in looked {
        match look {
            Ok(timeline) if timeline < known => {
                found.amiss.outdated.push(at);
                found.refusals.push((at, No::Outdated));
            }
            Ok(timeline) => {
                let better = found
                    .best
                    .is_none_or(|(newest, _)| timeline > newest || (at == current && timeline == newest));
                if better {
                    found.best = Some((timeline, at));
                }
                if timeline > 0 {
                    found.amiss.writers.push(at);
                }
            }
            Err(no) => found.refusals.push((at, no)),
        }
    }
    found
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
    let file: Result<String, _> = sqlx::query_scalar("SELECT pg_walfile_name(pg_current_wal_lsn())")
        .fetch_one(connection)
        .await;
    let timeline = match file {
        Ok(name) => name
            .get(..8)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok()),
        Err(error) if dialect::has_no_function(&error) => None,
        // Not to know the timeline is not to be on an old one: the true primary was slow, or is being shut down.
        Err(error) => return Err(error),
    };
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
            let mut nowhere = None;
            loop {
                tokio::select! {
                    () = hosts.doubts.notified() => {}
                    () = sleep(jittered(PERIOD)) => {}
                }
                let before = hosts.current.load(Ordering::SeqCst);
                match hosts.find().await {
                    Ok(()) => {
                        let now = hosts.current();
                        let lost = nowhere.take().is_some();
                        if hosts.current.load(Ordering::SeqCst) != before {
                            tracing::warn!(
                                host = host(&now),
                                "database.moved: the database is at another host now"
                            );
                            moved(now);
                        } else if lost {
                            tracing::info!(host = host(&now), "database.back: the database is where it was");
                        }
                    }
                    Err(refusals) => {
                        let error = hosts.refused(refusals).to_string();
                        // Up to five times a second otherwise.
                        if nowhere.as_ref() != Some(&error) {
                            tracing::warn!(%error, "database.nowhere: the database is nowhere");
                            nowhere = Some(error);
                        }
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

#[cfg(test)]
mod tests {
    use portcullis_testkit::database::TestDatabase;
    use sqlx::{AssertSqlSafe, Executor as _};

    use super::*;

    fn standby() -> Result<u32, No> {
        Err(No::Standby)
    }

    #[test]
    fn the_newest_timeline_is_taken_and_the_others_are_told_of() {
        let found = weigh(vec![(0, Ok(3)), (1, standby()), (2, Ok(4))], 0, 3);
        assert_eq!(found.best, Some((4, 2)));
        assert_eq!(found.amiss.writers, [0, 2]);
        assert_eq!(found.refusals.len(), 1);

        let found = weigh(vec![(0, Ok(3)), (1, standby())], 0, 4);
        assert_eq!(found.best, None, "a primary of the past is none");
        assert_eq!(found.amiss.outdated, [0]);
    }

    #[test]
    fn a_database_in_which_many_hosts_write_is_as_it_should_be() {
        let found = weigh(vec![(0, Ok(0)), (1, Ok(0)), (2, Ok(0))], 1, 0);
        assert_eq!(
            found.best,
            Some((0, 1)),
            "no reason to leave the host that it has"
        );
        assert_eq!(found.amiss, Amiss::default());
    }

    #[test]
    fn what_is_amiss_is_remembered_as_said() {
        let options = PgConnectOptions::new_without_pgpass();
        let hosts = Hosts::new(vec![options.clone(), options]);
        let said = |hosts: &Hosts| hosts.said.lock().unwrap().outdated.clone();
        let amiss = |outdated: &[usize]| Amiss {
            outdated: outdated.to_vec(),
            writers: Vec::new(),
        };
        hosts.report(amiss(&[1]));
        assert_eq!(said(&hosts), [1]);
        hosts.report(amiss(&[]));
        assert_eq!(said(&hosts), [0; 0], "when it comes again it is said again");
    }

    /// A host whose timeline cannot be read at present would be taken for one of the past, and its operator be told to stop
    /// the true primary.
    #[tokio::test]
    async fn a_timeline_that_cannot_be_read_is_none_and_not_an_old_one() {
        let db = TestDatabase::postgres().await;
        let mut connection = db.postgres_connection().await;
        assert!(look_at(&mut connection, true).await.unwrap() > Some(0));
        connection
            .execute("CREATE SCHEMA before; SET search_path = before, pg_catalog, public")
            .await
            .unwrap();
        for (code, known) in [
            ("57014", false),
            ("53200", false),
            ("42501", true),
            ("0A000", true),
        ] {
            let fail = format!(
                "CREATE OR REPLACE FUNCTION before.pg_walfile_name(pg_lsn) RETURNS text LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION USING ERRCODE = ''{code}''; END'"
            );
            connection.execute(AssertSqlSafe(fail)).await.unwrap();
            let looked = look_at(&mut connection, true).await;
            assert_eq!(looked.ok(), known.then_some(Some(0)), "{code}");
        }
    }
}
