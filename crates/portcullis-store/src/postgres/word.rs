//! Word of new rows in the feed, from node to node: LISTEN and NOTIFY (decision 0110). It makes nodes look sooner than they
//! would by themselves, and is needed for nothing else: it may be lost, late or not there at all.

use std::{sync::Arc, time::Duration};

use sqlx::{Executor as _, PgPool, postgres::PgListener};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{dialect, pause::jittered};

/// One for all schemas of a database: what comes from another one is a look for nothing.
const CHANNEL: &str = "portcullis_changes";
/// A transaction of its own, after the act's: PostgreSQL lets only one at a time commit that notifies. It is not waited for
/// until it is on disk, since nothing depends on it.
const NOTIFY: &str = "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY portcullis_changes; COMMIT";
/// How long the connection may be silent before it is asked whether it still lives: a firewall forgets, a cable breaks.
const SILENCE: Duration = Duration::from_secs(15);
/// How long the end waits for word that was not sent yet.
const FAREWELL: Duration = Duration::from_millis(500);
const LEAST_PAUSE: Duration = Duration::from_millis(100);
const MOST_PAUSE: Duration = Duration::from_secs(10);

/// What the one connection for it is wanted for. It is made when there is something.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    /// Somebody wants to hear.
    hear: bool,
    /// How often there was something to say.
    said: u64,
}

/// Passes word on, and hears it, on a connection of its own. Ends when it is dropped.
pub(crate) struct Word {
    wanted: watch::Sender<Wanted>,
    sent: watch::Receiver<u64>,
    heard: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Word {
    /// On connections that `connect` makes, each of them the only one of its pool.
    pub(super) fn begin(connect: impl Fn() -> PgPool + Send + Sync + 'static, patience: Duration) -> Self {
        let (wanted, wants) = watch::channel(Wanted::default());
        let (told, sent) = watch::channel(0);
        let heard = Arc::new(Notify::new());
        let mut wire = Wire {
            wants,
            told,
            heard: Arc::clone(&heard),
            patience,
            pause: LEAST_PAUSE,
        };
        let task = tokio::spawn(async move { wire.run(connect).await });
        Self {
            wanted,
            sent,
            heard,
            task,
        }
    }

    /// Tells the other nodes, soon. Many at once are one.
    pub(super) fn say(&self) {
        self.wanted.send_modify(|wanted| wanted.said += 1);
    }

    /// Resolves when another node, or this one, has said something.
    pub(crate) async fn heard(&self) {
        self.wanted
            .send_if_modified(|wanted| !std::mem::replace(&mut wanted.hear, true));
        self.heard.notified().await;
    }

    /// Sends what waits, if that goes quickly, and ends.
    pub(super) async fn end(&self) {
        let said = self.wanted.borrow().said;
        // Commands of the command line end right after their act.
        let mut sent = self.sent.clone();
        let _ = timeout(FAREWELL, sent.wait_for(|sent| *sent >= said)).await;
        self.task.abort();
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task has.
struct Wire {
    wants: watch::Receiver<Wanted>,
    told: watch::Sender<u64>,
    heard: Arc<Notify>,
    patience: Duration,
    pause: Duration,
}

impl Wire {
    async fn run(&mut self, connect: impl Fn() -> PgPool) {
        loop {
            let told = *self.told.borrow();
            let needed = self.wants.wait_for(|wanted| wanted.hear || wanted.said > told);
            if needed.await.is_err() {
                return;
            }
            // A new pool each time: what is left of a connection that hangs must not be in the way of the next.
            let Err(error) = self.talk(&connect()).await;
            if dialect::is_unknown_statement(&error) {
                tracing::info!(%error, "the database has no LISTEN: other nodes are heard of by polling alone");
                return;
            }
            tracing::debug!(%error, "no word from other nodes: connecting anew");
            tokio::time::sleep(jittered(self.pause)).await;
            self.pause = MOST_PAUSE.min(self.pause * 2);
        }
    }

    /// On one connection, until it breaks.
    async fn talk(&mut self, pool: &PgPool) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = self.within(PgListener::connect_with(pool)).await?;
        listener.eager_reconnect(false);
        self.within(listener.listen(CHANNEL)).await?;
        // What was said while nobody listened.
        self.heard.notify_one();
        loop {
            let told = *self.told.borrow();
            let said = self.wants.borrow_and_update().said;
            if said > told {
                self.within(listener.execute(NOTIFY)).await?;
                self.told.send_replace(said);
                self.pause = LEAST_PAUSE;
                continue;
            }
            tokio::select! {
                changed = self.wants.changed() => changed.map_err(|_| sqlx::Error::PoolClosed)?,
                received = timeout(SILENCE, listener.try_recv()) => match received {
                    Ok(Ok(Some(_))) => {
                        self.heard.notify_one();
                        self.pause = LEAST_PAUSE;
                    }
                    Ok(Ok(None)) => return Err(sqlx::Error::Protocol("the connection broke".to_owned())),
                    Ok(Err(error)) => return Err(error),
                    Err(_silence) => {
                        self.within(listener.execute("SELECT 1")).await?;
                    }
                },
            }
        }
    }

    async fn within<T>(&self, step: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        timeout(self.patience, step)
            .await
            .unwrap_or_else(|_| Err(super::silent()))
    }
}
