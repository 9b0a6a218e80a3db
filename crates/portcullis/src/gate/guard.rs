use std::{
    any::TypeId,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, header, request::Parts};
use portcullis_core::access::Decision;

use crate::{
    access::{Access, Admitted, Caller, Checks, Credentials, PolicyRequest},
    csrf,
    problem::{Challenge, Lacking, Problem},
    provider::{AnyProvider, AuthError, SUBPROTOCOL, offers_bearer},
    rate_limit::Limits,
    traffic::RouteTraffic,
};

/// A handler without its type.
pub(crate) type Run<S> = dyn Fn(Request, S) -> BoxFuture<'static, Response> + Send + Sync;

/// What stands before one route.
pub(super) struct Guard<S, U> {
    pub(super) access: Access,
    pub(super) by: TypeId,
    pub(super) checks: Checks<S>,
    pub(super) limits: Limits,
    pub(super) traffic: Arc<RouteTraffic>,
    pub(super) provider: Arc<dyn AnyProvider<S, U>>,
    pub(super) realm: Arc<str>,
    /// Whether nobody else refuses requests that pages of others forge.
    pub(super) is_alone: bool,
}

/// Where a guard notes the route that answers, for whoever put it into the request: the access log and the metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct MatchedRoute(Arc<OnceLock<Arc<RouteTraffic>>>);

impl MatchedRoute {
    /// The path of the route, with its parameters in braces.
    pub(crate) fn path(&self) -> Option<&str> {
        self.traffic().map(|traffic| traffic.path())
    }

    /// What came for the route.
    pub(crate) fn traffic(&self) -> Option<&Arc<RouteTraffic>> {
        self.0.get()
    }
}

/// Notes whether a guard lets a request in, for a test that put it there.
#[cfg(feature = "test-util")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<std::sync::atomic::AtomicBool>);

#[cfg(feature = "test-util")]
impl Watch {
    pub(crate) fn has_let_in(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl<S, U> Guard<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    /// Tells the access log which route it is. Taken out, so that the user finds a place without making the map grow;
    /// a gate inside of this one has less of the path to tell.
    fn note(&self, parts: &mut Parts) {
        if let Some(matched) = parts.extensions.remove::<MatchedRoute>() {
            // Nobody else has set it: it was there.
            let _ = matched.0.set(Arc::clone(&self.traffic));
        }
    }

    /// Decides without waiting, where that is possible: with a token that is known, and no policy to ask.
    fn admit_now(&self, parts: &mut Parts, state: &S) -> Option<Result<(), Problem>> {
        if self.access.credentials == Credentials::Ignored {
            return Some(Ok(()));
        }
        let user = match self.identified(self.provider.identify_now(parts, state)?, parts) {
            Ok(user) => user,
            Err(problem) => return Some(Err(problem)),
        };
        if let Some(user) = &user {
            match self.access.requirement.decide(user, |_| None) {
                Decision::Met => {}
                Decision::Unmet => return Some(Err(self.denied(user, parts))),
                Decision::Ask(_) => return None,
            }
        }
        Some(self.let_in(user, parts))
    }

    /// Decides, before anything of the body is read.
    async fn admit(&self, parts: &mut Parts, state: &S) -> Result<(), Problem> {
        let identity = self.provider.identify(parts, state).await;
        let user = self.identified(identity, parts)?;
        if let Some(user) = &user
            && !self.meets(user, parts, state).await?
        {
            return Err(self.denied(user, parts));
        }
        self.let_in(user, parts)
    }

    fn identified(&self, identity: Result<U, AuthError>, parts: &Parts) -> Result<Option<U>, Problem> {
        match identity {
            Ok(user) => Ok(Some(user)),
            Err(AuthError::Missing) if self.access.credentials == Credentials::Optional => Ok(None),
            Err(error) => Err(self.refused(&error, parts)),
        }
    }

    async fn meets(&self, user: &U, parts: &Parts, state: &S) -> Result<bool, Problem> {
        let mut answers = Vec::new();
        let mut request = None;
        loop {
            let answer = |id| {
                answers
                    .iter()
                    .find(|(known, _)| *known == id)
                    .map(|(_, yes)| *yes)
            };
            let open = match self.access.requirement.decide(user, answer) {
                Decision::Met => return Ok(true),
                Decision::Unmet => return Ok(false),
                Decision::Ask(policy) => policy,
            };
            let request = request.get_or_insert_with(|| PolicyRequest::new(parts.clone()));
            answers.push((open, self.checks.ask(open, request, state, user).await?));
        }
    }

    fn let_in(&self, user: Option<U>, parts: &mut Parts) -> Result<(), Problem> {
        if self.is_alone && user.is_some() {
            csrf::check_unguarded(parts)?;
        }
        #[cfg(feature = "test-util")]
        if let Some(Watch(let_in)) = parts.extensions.get() {
            let_in.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        parts.extensions.insert(Admitted { user, by: self.by });
        Ok(())
    }

    fn refused(&self, error: &AuthError, parts: &Parts) -> Problem {
        if let AuthError::Denied { reason } = error {
            tracing::warn!(reason = %reason, method = %parts.method, route = self.traffic.path(), "auth.denied");
        }
        let scopes = self.access.requirement.denial().required_scopes;
        error.to_problem(Challenge::new(self.realm.to_string()).scopes(scopes))
    }

    fn denied(&self, user: &U, parts: &Parts) -> Problem {
        let roles = user.roles();
        tracing::warn!(
            user = %user.id(),
            has_roles = %roles.join(" "),
            has_scopes = %user.scopes().join(" "),
            needs = %self.access.requirement,
            method = %parts.method,
            route = self.traffic.path(),
            "auth.denied"
        );
        let lacking = Lacking {
            requirement: &self.access.requirement,
            roles: &roles,
            single_role: user.single_role(),
        };
        Problem::insufficient(&self.realm, lacking)
    }
}

/// A handler behind its guard.
pub(super) struct Guarded<S, U> {
    pub(super) run: Arc<Run<S>>,
    pub(super) guard: Arc<Guard<S, U>>,
}

impl<S, U> Clone for Guarded<S, U> {
    fn clone(&self) -> Self {
        Self {
            run: Arc::clone(&self.run),
            guard: Arc::clone(&self.guard),
        }
    }
}

/// Keeps the types of guarded handlers apart from those of axum's.
pub(super) enum Marker {}

impl<S, U> Handler<Marker, S> for Guarded<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    type Future = Admission;

    fn call(self, request: Request, state: S) -> Admission {
        let (mut parts, body) = request.into_parts();
        self.guard.note(&mut parts);
        if let Err(problem) = self.guard.limits.before(&mut parts) {
            return Admission(Step::Answered(Some(problem.into_response())));
        }
        let echo = offers_bearer(&parts);
        match self.guard.admit_now(&mut parts, &state) {
            Some(Ok(())) => Admission::running((self.run)(Request::from_parts(parts, body), state), echo),
            Some(Err(problem)) => Admission(Step::Answered(Some(problem.into_response()))),
            None => Admission::running(
                Box::pin(async move {
                    match self.guard.admit(&mut parts, &state).await {
                        Ok(()) => (self.run)(Request::from_parts(parts, body), state).await,
                        Err(problem) => problem.into_response(),
                    }
                }),
                echo,
            ),
        }
    }
}

/// A guarded call under way. Adds no allocation to the handler's own future where the guard need not wait.
pub(super) struct Admission(Step);

enum Step {
    Answered(Option<Response>),
    Running {
        future: BoxFuture<'static, Response>,
        echo: bool,
    },
}

impl Admission {
    fn running(future: BoxFuture<'static, Response>, echo: bool) -> Self {
        Self(Step::Running { future, echo })
    }
}

impl Future for Admission {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        match &mut self.0 {
            Step::Answered(response) => response.take().map_or(Poll::Pending, Poll::Ready),
            Step::Running { future, echo } => {
                let echo = *echo;
                future.as_mut().poll(context).map(|mut response| {
                    if echo {
                        choose_bearer(&mut response);
                    }
                    response
                })
            }
        }
    }
}

/// A browser that sent its token as a subprotocol hangs up unless the server chooses one of those that it offered
/// (RFC 6455, section 4.1). Never the token: the handler's own choice, else `bearer`.
fn choose_bearer(response: &mut Response) {
    // Over HTTP/2 a WebSocket is accepted by 200 (RFC 8441, section 4).
    if matches!(
        response.status(),
        StatusCode::SWITCHING_PROTOCOLS | StatusCode::OK
    ) {
        response
            .headers_mut()
            .entry(header::SEC_WEBSOCKET_PROTOCOL)
            .or_insert(HeaderValue::from_static(SUBPROTOCOL));
    }
}
