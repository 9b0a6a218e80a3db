//! Bounds on connections: whoever opens too many finds the door shut, rather than the server out of files. And only so
//! many may wait for another request; who comes when there are more gets one answer, since connections that wait are
//! what most of the memory of a flood would go to (decision 0053).

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::response::Response;
use axum_server::accept::Accept;
use futures_util::{FutureExt as _, future::Map};
use hyper::{
    Request, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::Service;

use super::leaving::Leaving;

/// Accepts connections as long as there are not too many.
#[derive(Clone, Debug)]
pub(super) struct Bounded {
    places: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    leaving: Leaving,
}

/// A connection that holds its place.
#[derive(Debug)]
pub(super) struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    _kept: Option<OwnedSemaphorePermit>,
}

impl Bounded {
    /// `most` at a time, of which `kept` may stay for more than one request, until the server is `leaving`.
    pub(super) fn new(most: u32, kept: u32, leaving: Leaving) -> Self {
        let count = |number| {
            let number = usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(number))
        };
        Self {
            places: count(most),
            kept: count(kept),
            leaving,
        }
    }
}

/// The service of a connection, which may end with its first answer.
#[derive(Clone, Debug)]
pub(super) struct Parting<S> {
    inner: S,
    parts: bool,
    leaving: Leaving,
}

type Answer<E> = Result<Response, E>;

impl<S> Service<Request<Incoming>> for Parting<S>
where
    S: Service<Request<Incoming>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Map<S::Future, fn(Answer<S::Error>) -> Answer<S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        // HTTP/2 has no such header, and carries many requests at once.
        let parts = (self.parts || self.leaving.has_begun()) && request.version() < Version::HTTP_2;
        self.inner
            .call(request)
            .map(if parts { last } else { |answer| answer })
    }
}

/// The last answer of its connection (RFC 9112, section 9.6).
fn last<E>(answer: Answer<E>) -> Answer<E> {
    answer.map(|mut response| {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

impl Placed {
    /// What has come, without taking it.
    pub(super) fn poll_peek(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_peek(cx, buf)
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Placed;
    type Service = Parting<S>;
    type Future = Ready<io::Result<(Placed, Parting<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return ready(Err(io::Error::other("too many connections")));
        };
        let kept = Arc::clone(&self.kept).try_acquire_owned().ok();
        let service = Parting {
            inner: service,
            parts: kept.is_none(),
            leaving: self.leaving.clone(),
        };
        let placed = Placed {
            stream,
            _place: place,
            _kept: kept,
        };
        // Answers are small and each is one write: waiting to fill a packet only delays them.
        ready(placed.stream.set_nodelay(true).map(|()| (placed, service)))
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
