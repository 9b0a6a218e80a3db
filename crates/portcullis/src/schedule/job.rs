use std::{fmt::Display, panic::AssertUnwindSafe};

use futures_util::{FutureExt as _, future::BoxFuture};

/// What a job gives: nothing, or a `Result`.
///
/// ```
/// use portcullis::schedule::Outcome;
///
/// assert_eq!(().failure(), None);
/// assert_eq!(Err::<(), _>("no room").failure(), Some("no room".into()));
/// ```
pub trait Outcome: Send {
    /// Why it failed, if it did.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T: Send, E: Display + Send> Outcome for Result<T, E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// One run, which gives why it failed, if it did.
pub(super) type Job = Box<dyn Fn() -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// A panic is a failure like any other.
pub(super) fn boxed<F, R>(job: F) -> Job
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output: Outcome> + Send + 'static,
{
    Box::new(move || {
        let Ok(run) = std::panic::catch_unwind(AssertUnwindSafe(&job)) else {
            return Box::pin(async { Some("it panicked".to_owned()) });
        };
        Box::pin(async {
            match AssertUnwindSafe(run).catch_unwind().await {
                Ok(outcome) => outcome.failure(),
                Err(_) => Some("it panicked".to_owned()),
            }
        })
    })
}
