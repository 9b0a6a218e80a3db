use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::{Csrf, token::Given};

/// What [`Csrf`] makes of a service.
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
        Box::pin(async move {
            let mut request = match csrf.check(request).await {
                Ok(request) => request,
                Err(problem) => return Ok(problem.into_response()),
            };
            let given = Given::new(csrf);
            request.extensions_mut().insert(given.clone());
            let mut response = inner.call(request).await?;
            given.write(response.headers_mut());
            Ok(response)
        })
    }
}
