use std::sync::Arc;

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures_util::future::BoxFuture;
use http::request::Parts;
use portcullis_core::limit::Decision;

use super::Limit;
use crate::{
    access::{Admitted, Caller},
    problem::{Problem, RateLimit},
};

/// The limits of one route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits(Vec<Limit>);

/// What has been decided so far: left in the request for its answer.
#[derive(Clone, Copy)]
struct Decided(Decision);

type Run<S> = dyn Fn(Request, S) -> BoxFuture<'static, Response> + Send + Sync;

impl Limits {
    pub(crate) fn add(&mut self, limit: Limit) {
        self.0.push(limit);
        // The shortest window first: who is refused by the minute uses up nothing of the day.
        self.0.sort_by_key(Limit::window);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that count before the guard decides.
    pub(crate) fn before(&self, parts: &mut Parts) -> Result<(), Problem> {
        self.count(parts, |limit| !limit.is_by_user(), None)
    }

    /// A handler behind the guard, with those that count there, and the fields on its answer.
    pub(crate) fn behind<S, U>(&self, run: Arc<Run<S>>) -> Arc<Run<S>>
    where
        S: 'static,
        U: Caller + Clone + Send + Sync + 'static,
    {
        if self.is_empty() {
            return run;
        }
        let limits = self.clone();
        Arc::new(move |request, state| {
            let (mut parts, body) = request.into_parts();
            let user = parts
                .extensions
                .get::<Admitted<U>>()
                .and_then(|admitted| admitted.user.as_ref())
                .map(Caller::id);
            if let Err(problem) = limits.count(&mut parts, Limit::is_by_user, user.as_deref()) {
                return Box::pin(std::future::ready(problem.into_response()));
            }
            let decided = parts.extensions.remove::<Decided>();
            let answer = run(Request::from_parts(parts, body), state);
            Box::pin(async move {
                let response = answer.await;
                match decided {
                    Some(Decided(decision)) if !response.headers().contains_key(RateLimit::STATE) => {
                        (RateLimit(decision), response).into_response()
                    }
                    _ => response,
                }
            })
        })
    }

    fn count(
        &self,
        parts: &mut Parts,
        of: impl Fn(&Limit) -> bool,
        user: Option<&str>,
    ) -> Result<(), Problem> {
        for limit in self.0.iter().filter(|limit| of(limit)) {
            let decision = limit.check(parts, user);
            if !decision.allowed {
                return Err(Problem::too_many_requests(decision));
            }
            // The one that leaves least.
            match parts.extensions.get::<Decided>() {
                Some(Decided(known)) if known.remaining <= decision.remaining => {}
                _ => {
                    parts.extensions.insert(Decided(decision));
                }
            }
        }
        Ok(())
    }
}
