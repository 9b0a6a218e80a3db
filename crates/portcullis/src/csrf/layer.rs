use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::{Csrf, token::Given};
use crate::gate::Run;

/// What [`Csrf`] makes of a service.
///
/// ```
/// use axum::Router;
/// use portcullis::csrf::Csrf;
///
/// fn protected(router: Router, csrf: Csrf) -> Router { router.layer(csrf) }
/// ```
#[derive(Clone)]
pub struct CsrfService<S> {
    csrf: Csrf,
    inner: S,
}

impl<S> fmt::Debug for CsrfService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsrfService").finish_non_exhaustive()
    }
}

impl Csrf {
    /// What `next` answers, if the request may go on.
    async fn answered<E>(
        self,
        request: Request,
        next: impl AsyncFnOnce(Request) -> Result<Response, E>,
    ) -> Result<Response, E> {
        let mut request = match self.check(request).await {
            Ok(request) => request,
            Err(problem) => return Ok(problem.into_response()),
        };
        let given = Given::new(self);
        request.extensions_mut().insert(given.clone());
        let mut response = next(request).await?;
        given.write(response.headers_mut());
        Ok(response)
    }

    /// The same around a handler, behind its guard.
    pub(crate) fn around<S: Send + 'static>(&self, run: Arc<Run<S>>) -> Arc<Run<S>> {
        let csrf = self.clone();
        Arc::new(move |request, state| {
            let (csrf, run) = (csrf.clone(), Arc::clone(&run));
            Box::pin(async move {
                let next = async move |request| Ok::<_, Infallible>(run(request, state).await);
                match csrf.answered(request, next).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            })
        })
    }
}

impl<S> Layer<S> for Csrf {
    type Service = CsrfService<S>;

    fn layer(&self, inner: S) -> CsrfService<S> {
        CsrfService {
            csrf: self.clone(),
            inner,
        }
    }
}

impl<S> Service<Request> for CsrfService<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let csrf = self.csrf.clone();
        // The one that was asked whether it is ready.
        let inner = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, inner);
        Box::pin(csrf.answered(request, async move |request| inner.call(request).await))
    }
}
