mod content;
mod files;

use std::{marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{Mutex, oneshot};

use self::files::Files;
use super::{Record, UserStore, UserStoreError};

/// How long to wait for others who write. What has begun is waited for, however long it takes: it can no longer be said that
/// it did not happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Users in a JSON file: a list, one user a line. For small tools: each call reads the file, each change writes all of it.
///
/// - A change is there entirely or not at all, whatever happens meanwhile: it is written to a file beside it, synced, and
///   renamed into place. When a call has returned, its change survives a power failure.
/// - Processes that write at once wait for each other, by a lock on `users.json.lock` beside the file. Readers wait for
///   nobody.
/// - File and lock are readable for their owner only (mode 0600). A file that others can read or write, or that belongs to
///   somebody else, is refused. Put the file on a local disk: locks over a network file
///   system are a matter of its settings.
/// - No file means no users yet. A file that is not understood is an error that names the line, and is never written over.
///
/// Clones share the place; so do several values for one path, and several processes.
///
/// ```
/// use portcullis::users::{JsonFile, Record, UserStoreError};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct User { name: String, logins: u32 }
///
/// impl Record for User {
///     fn key(&self) -> &str { &self.name }
/// }
///
/// async fn count(users: &JsonFile<User>, name: &str) -> Result<u32, UserStoreError> {
///     users.update(name, |user| { user.logins += 1; user.logins }).await
/// }
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("users.json");
/// let users = JsonFile::<User>::open(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonFile<U> {
    files: Arc<Files>,
    /// One of this process waits for the lock of the file, the others for their turn: a lock that is held for long costs
    /// one thread.
    turn: Arc<Mutex<()>>,
    users: PhantomData<fn() -> U>,
}

impl<U> Clone for JsonFile<U> {
    fn clone(&self) -> Self {
        Self {
            files: Arc::clone(&self.files),
            turn: Arc::clone(&self.turn),
            users: PhantomData,
        }
    }
}

impl<U: Record> JsonFile<U> {
    /// The file at `path`, which is read once, so that a start with a file that is not understood ends.
    ///
    /// # Errors
    /// When it is there and cannot be read or understood.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, UserStoreError> {
        let files = Arc::new(Files::new(path.into()));
        content::read::<U>(&files)?;
        Ok(Self {
            files,
            turn: Arc::default(),
            users: PhantomData,
        })
    }

    /// Changes one user while nobody else writes: of two who change the same user at once, none undoes what the other did,
    /// as [`UserStore::find`] and [`UserStore::save`] could. Gives what `change` gives.
    ///
    /// # Errors
    /// [`UserStoreError::NotFound`] when there is none; [`UserStoreError::AlreadyExists`] when the change makes its key that of
    /// another; when it cannot be written.
    pub async fn update<T: Send + 'static>(
        &self,
        key: &str,
        change: impl FnOnce(&mut U) -> T + Send + 'static,
    ) -> Result<T, UserStoreError> {
        let key = key.to_owned();
        self.write(move |users| {
            let at = position(users, &key)?;
            let done = change(&mut users[at]);
            let taken = |other: usize| other != at && users[other].key() == users[at].key();
            if (0..users.len()).any(taken) {
                return Err(UserStoreError::AlreadyExists);
            }
            Ok(done)
        })
        .await
    }

    /// Reads, decides and writes while nobody else writes.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Vec<U>) -> Result<T, UserStoreError> + Send + 'static,
    ) -> Result<T, UserStoreError> {
        let (files, turn) = (Arc::clone(&self.files), Arc::clone(&self.turn));
        let (start, mut begun) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let beginning = async {
            let turn = turn.lock_owned().await;
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let locked = files.lock();
                // Whoever asked for it has gone meanwhile, and believes that nothing happened.
                if start.send(()).is_err() {
                    return;
                }
                let result = locked.and_then(|_lock| {
                    let mut users = content::read(&files)?;
                    let done = change(&mut users)?;
                    files.replace(&content::write(&users)?)?;
                    Ok(done)
                });
                // An error means that the client went away while it was written.
                let _ = reply.send(result);
            });
            // An error means that it ended early, and the answer says how.
            let _ = (&mut begun).await;
        };
        if tokio::time::timeout(PATIENCE, beginning).await.is_err() {
            begun.close();
            // What began in this very moment is waited for, like all that has begun.
            if begun.try_recv().is_err() {
                return Err(self.files.held());
            }
        }
        answer.await.unwrap_or_else(|_| {
            Err(UserStoreError::unavailable(
                "the change panicked, nothing was written",
            ))
        })
    }
}

fn position<U: Record>(users: &[U], key: &str) -> Result<usize, UserStoreError> {
    users
        .iter()
        .position(|user| user.key() == key)
        .ok_or(UserStoreError::NotFound)
}

impl<U: Record> UserStore for JsonFile<U> {
    type User = U;

    async fn load(&self) -> Result<Vec<U>, UserStoreError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || content::read(&files))
            .await
            .unwrap_or_else(|error| Err(UserStoreError::unavailable(error)))
    }

    async fn save(&self, user: U) -> Result<(), UserStoreError> {
        self.write(move |users| {
            let at = position(users, user.key())?;
            users[at] = user;
            Ok(())
        })
        .await
    }

    async fn find(&self, key: &str) -> Result<Option<U>, UserStoreError> {
        let users = self.load().await?;
        Ok(users.into_iter().find(|user| user.key() == key))
    }

    async fn create(&self, user: U) -> Result<(), UserStoreError> {
        self.write(move |users| {
            if position(users, user.key()).is_ok() {
                return Err(UserStoreError::AlreadyExists);
            }
            users.push(user);
            Ok(())
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), UserStoreError> {
        let key = key.to_owned();
        self.write(move |users| {
            let at = position(users, &key)?;
            users.remove(at);
            Ok(())
        })
        .await
    }
}
