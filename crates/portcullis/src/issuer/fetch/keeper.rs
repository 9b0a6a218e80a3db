use std::{sync::Arc, time::Duration};

use portcullis_core::{issuer::IssuerKeys, key::JwkSet};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Client, FetchError, cache_control, discovery::Places, target::Target};
use crate::issuer::{Issuer, trusted::Source};

/// Between two looks at the clock: timers do not count the time for which a machine was suspended.
const LOOK: Duration = Duration::from_secs(30);
/// For how long a request waits for a fetch.
const WAIT: Duration = Duration::from_secs(3);
/// For the first fetch of all: a description by either name, and the keys.
const FIRST: Duration = Duration::from_secs(20);

/// Where the keys of one issuer are.
pub(in crate::issuer) struct KeySource {
    client: Client,
    issuer: Arc<str>,
    place: Place,
}

enum Place {
    Known(Target),
    /// Asked for anew with each fetch: a description that somebody else has put there for a moment must not be believed for
    /// longer than its keys are, and an issuer may move.
    Discovered(Box<Places>),
}

impl KeySource {
    /// None for fixed keys.
    pub(in crate::issuer) fn of(issuer: &Issuer) -> Result<Option<Self>, FetchError> {
        let name = issuer.trust.issuer();
        let place = match &issuer.source {
            Source::Fixed(_) | Source::None => return Ok(None),
            Source::Url(url) => Place::Known(Target::parse(url)?),
            Source::Discovered => Place::Discovered(Box::new(Places::of(name)?)),
        };
        Ok(Some(Self {
            client: Client::new(&issuer.network)?,
            issuer: Arc::clone(name),
            place,
        }))
    }

    /// Where it says what it is, if that is where its keys are found.
    pub(in crate::issuer) fn configuration(&self) -> Option<String> {
        match self.place {
            Place::Known(_) => None,
            Place::Discovered(_) => Some(Places::openid(&self.issuer)),
        }
    }

    async fn fetch(&self) -> Result<(JwkSet, Option<Duration>), FetchError> {
        let answer = match &self.place {
            Place::Known(target) => self.client.get(target).await?,
            Place::Discovered(places) => {
                let target = places.keys(&self.client, &self.issuer).await?;
                self.client.get(&target).await?
            }
        };
        let set = JwkSet::published(&answer.body)?;
        Ok((set, cache_control::lifetime(&answer.headers)))
    }
}

/// How the last fetch ended, and how many there were.
#[derive(Clone, Default)]
struct End {
    count: u64,
    error: Option<Arc<FetchError>>,
}

/// Keeps the keys of one issuer: the one task that fetches them. It ends with this.
pub(in crate::issuer) struct Keeper {
    task: JoinHandle<()>,
    wake: Arc<Notify>,
    ends: watch::Receiver<End>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The end of a fetch that is yet to come.
pub(in crate::issuer) struct NextEnd(watch::Receiver<End>);

impl NextEnd {
    /// Waits for it, for as long as a request may.
    pub(in crate::issuer) async fn wait(mut self) {
        // Whoever looks at the keys afterwards sees what came of it.
        let _came = timeout(WAIT, self.0.changed()).await;
    }
}

impl Keeper {
    /// None outside of a runtime.
    pub(in crate::issuer) fn start(name: Arc<str>, keys: Arc<IssuerKeys>, source: KeySource) -> Option<Self> {
        let wake = Arc::new(Notify::new());
        let (sender, ends) = watch::channel(End::default());
        let keeping = keep(name, keys, source, Arc::clone(&wake), sender);
        Some(Self {
            task: Handle::try_current().ok()?.spawn(keeping),
            wake,
            ends,
        })
    }

    /// Looks now whether a fetch is due.
    pub(in crate::issuer) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(in crate::issuer) fn next_end(&self) -> NextEnd {
        let mut ends = self.ends.clone();
        ends.mark_unchanged();
        NextEnd(ends)
    }

    /// What came of the first fetch.
    pub(in crate::issuer) async fn first(&self) -> Result<(), Arc<FetchError>> {
        let mut ends = self.ends.clone();
        match timeout(FIRST, ends.wait_for(|end| end.count > 0)).await {
            Ok(Ok(end)) => end.error.clone().map_or(Ok(()), Err),
            Ok(Err(_)) | Err(_) => Err(Arc::new(FetchError::Time)),
        }
    }
}

async fn keep(
    name: Arc<str>,
    keys: Arc<IssuerKeys>,
    source: KeySource,
    wake: Arc<Notify>,
    ends: watch::Sender<End>,
) {
    let mut failing = false;
    loop {
        if let Some(attempt) = keys.begin() {
            let error = match source.fetch().await {
                Ok((set, age)) => {
                    attempt.succeeded(set, age);
                    if failing {
                        tracing::info!(issuer = %name, "issuer.keys_back");
                    }
                    None
                }
                Err(error) => {
                    drop(attempt);
                    if !failing {
                        tracing::warn!(
                            issuer = %name,
                            %error,
                            "issuer.keys_unavailable: the last keys are believed for a while, then its tokens get 503"
                        );
                    }
                    Some(Arc::new(error))
                }
            };
            failing = error.is_some();
            ends.send_modify(|end| {
                end.count += 1;
                end.error = error;
            });
        }
        let next = keys.next_fetch().unwrap_or(LOOK);
        tokio::select! {
            () = sleep(next.min(LOOK)) => {}
            () = wake.notified() => {}
        }
    }
}
