use std::{any::TypeId, pin::Pin, sync::Arc};

use axum::{
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    access::{Access, Admitted, Caller, Credentials},
    problem::{Challenge, Lacking, Problem},
    provider::{AnyProvider, AuthError},
};

/// What stands before one route.
pub(super) struct Guard<U> {
    pub(super) access: Access,
    pub(super) by: TypeId,
    pub(super) path: Arc<str>,
    pub(super) provider: Arc<dyn AnyProvider<U>>,
    pub(super) realm: Arc<str>,
}

/// The route that answered, for the access log: left in the extensions of the answer.
#[derive(Clone, Debug)]
pub(crate) struct MatchedRoute(pub(crate) Arc<str>);

impl<U: Caller + Clone + Send + Sync + 'static> Guard<U> {
    /// Decides, before anything of the body is read.
    async fn admit(&self, parts: &mut Parts) -> Result<(), Problem> {
        if self.access.credentials == Credentials::Ignored {
            return Ok(());
        }
        let user = match self.provider.authenticate(parts).await {
            Ok(user) => Some(user),
            Err(AuthError::Missing) if self.access.credentials == Credentials::Optional => None,
            Err(error) => return Err(self.refused(&error, parts)),
        };
        if let Some(user) = &user
            && !self.access.requirement.met_by(user)
        {
            return Err(self.denied(user, parts));
        }
        parts.extensions.insert(Admitted { user, by: self.by });
        Ok(())
    }

    fn refused(&self, error: &AuthError, parts: &Parts) -> Problem {
        if let AuthError::Denied { reason } = error {
            tracing::warn!(reason = %reason, method = %parts.method, route = %self.path, "auth.denied");
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
            route = %self.path,
            "auth.denied"
        );
        let lacking = Lacking {
            requirement: &self.access.requirement,
            roles: &roles,
        };
        Problem::insufficient(&self.realm, lacking)
    }
}

/// A handler behind its guard.
pub(super) struct Guarded<H, U> {
    pub(super) handler: H,
    pub(super) guard: Arc<Guard<U>>,
}

impl<H: Clone, U> Clone for Guarded<H, U> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            guard: Arc::clone(&self.guard),
        }
    }
}

/// Keeps the types of guarded handlers apart from those of axum's.
pub(super) enum Marker {}

impl<H, T, S, U> Handler<(Marker, T), S> for Guarded<H, U>
where
    H: Handler<T, S>,
    S: Send + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let mut response = match self.guard.admit(&mut parts).await {
                Ok(()) => self.handler.call(Request::from_parts(parts, body), state).await,
                Err(problem) => problem.into_response(),
            };
            response
                .extensions_mut()
                .insert(MatchedRoute(Arc::clone(&self.guard.path)));
            response
        })
    }
}
