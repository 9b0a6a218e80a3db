use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;

use crate::{
    id::UserId,
    revocation::{Change, ChangeKind, ChangeListener},
    store::{Store, StoreError},
    user::User,
};

/// What `/me` shows, remembered until the feed says that it changed.
pub(super) struct Profiles {
    cache: Cache<UserId, Arc<User>>,
    // Raised by each invalidation, so that a profile read before one is not remembered after it.
    generation: AtomicU64,
}

impl Profiles {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            cache: Cache::new(capacity),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) async fn get(
        &self,
        store: &Arc<dyn Store>,
        id: UserId,
    ) -> Result<Option<Arc<User>>, StoreError> {
        if let Some(user) = self.cache.get(&id) {
            return Ok(Some(user));
        }
        let before = self.generation.load(Ordering::SeqCst);
        let Some(standing) = store.user(id).await? else {
            return Ok(None);
        };
        let user = Arc::new(standing.user);
        self.cache.insert(id, user.clone());
        if self.generation.load(Ordering::SeqCst) != before {
            self.cache.remove(&id);
        }
        Ok(Some(user))
    }
}

impl ChangeListener for Profiles {
    fn changed(&self, change: &Change) {
        match &change.kind {
            ChangeKind::UserEpochs { user, .. } | ChangeKind::ProfileChanged { user } => {
                self.generation.fetch_add(1, Ordering::SeqCst);
                self.cache.remove(user);
            }
            ChangeKind::RoleEdited { .. } => self.reloaded(),
            ChangeKind::SessionEnded { .. } | ChangeKind::KeyRevoked { .. } | ChangeKind::KeysChanged => {}
        }
    }

    fn reloaded(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.cache.clear();
    }
}
