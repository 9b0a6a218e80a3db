use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_core::authority::Authority;
use portcullis_store::Database;
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::maintenance::Maintenance;

/// How long to wait before work that broke is begun anew.
const PAUSE: Duration = Duration::from_secs(1);

/// The work that goes on beside requests. Ends when it is told to, or when this is dropped.
pub(super) struct Work {
    stop: Mutex<Option<oneshot::Sender<()>>>,
    stage: watch::Receiver<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// It ended by itself at least once, and was begun anew.
    Broke,
    Over,
}

impl Work {
    /// Begins it. The database is closed at its end.
    pub(super) fn begin(maintenance: Maintenance, authority: Arc<Authority>, database: Database) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, stage) = watch::channel(Stage::Running);
        tokio::spawn(async move {
            work(&maintenance, &authority, stopped, &tell).await;
            authority.flush().await;
            database.close().await;
            tell.send_replace(Stage::Over);
        });
        Self {
            stop: Mutex::new(Some(stop)),
            stage,
        }
    }

    /// Ends it, and waits until the database is closed.
    pub(super) async fn end(&self) {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(stop);
        // Fails when the task is gone, with the runtime that it ran on.
        let _ = self.stage.clone().wait_for(|stage| *stage == Stage::Over).await;
    }

    /// Resolves when it ended by itself.
    pub(super) async fn broke(&self) {
        if self
            .stage
            .clone()
            .wait_for(|stage| *stage == Stage::Broke)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

async fn work(
    maintenance: &Maintenance,
    authority: &Arc<Authority>,
    mut stopped: oneshot::Receiver<()>,
    tell: &watch::Sender<Stage>,
) {
    loop {
        // In a task of its own: should it panic, it is begun anew. Nobody is believed meanwhile who was thrown out, since
        // each request asks for the lease.
        let mut running = JoinSet::new();
        let authority = Arc::clone(authority);
        running.spawn(async move { authority.run(std::future::pending()).await });
        let maintenance = maintenance.clone();
        running.spawn(async move { maintenance.keep_up().await });
        tokio::select! {
            // Dropped or told: both mean the end.
            _ = &mut stopped => {
                // Only once it is gone is all that it had taken up back where the end finds it.
                running.shutdown().await;
                return;
            }
            ended = running.join_next() => {
                let panicked = !matches!(ended, Some(Ok(())));
                tracing::error!(panicked, "background work ended by itself: it is begun anew");
                tell.send_replace(Stage::Broke);
                running.shutdown().await;
            }
        }
        tokio::select! {
            _ = &mut stopped => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
