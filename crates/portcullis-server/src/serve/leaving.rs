//! Whether the server is about to end, for all who have to do with it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use portcullis::Portcullis;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    begun: AtomicBool,
    portcullis: OnceLock<Portcullis>,
}

impl Leaving {
    /// It ends from now on: the server is no longer ready, and connections end with their next answer.
    pub(super) fn begin(&self) {
        self.inner.begun.store(true, Ordering::SeqCst);
        self.pass_on();
    }

    /// Who says at `/readyz` that it ends. A signal may have come before there was anybody.
    pub(super) fn tell(&self, portcullis: &Portcullis) {
        let _ = self.inner.portcullis.set(portcullis.clone());
        self.pass_on();
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.inner.begun.load(Ordering::SeqCst)
    }

    fn pass_on(&self) {
        if let Some(portcullis) = self.inner.portcullis.get()
            && self.has_begun()
        {
            portcullis.drain();
        }
    }
}
