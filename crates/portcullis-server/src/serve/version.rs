//! Finds out whether HTTP/1 or HTTP/2 is spoken, without taking anything from the stream.
//!
//! hyper-util finds out by reading up to 24 bytes, and hands them to hyper as a first, short read. hyper wants 8 KiB
//! free before each read, so those few bytes make it double its buffer, for as long as the connection lives: 8 KiB for
//! everyone who connects (decision 0053). Here the bytes are only looked at. Where they are not HTTP/2's, the first
//! read gives nothing at all, which hyper-util takes for HTTP/1 with nothing read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::connections::Placed;

/// The begin of every HTTP/2 connection (RFC 9113, section 3.4), as far as no method of HTTP/1 shares it.
const PREFACE: &[u8; 3] = b"PRI";

/// A stream that can tell what is spoken before anything is read.
pub(super) trait Foretell {
    /// Whether it is HTTP/1 for certain.
    fn poll_http1(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>>;
}

impl Foretell for Placed {
    fn poll_http1(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut first = [0; PREFACE.len()];
        let mut first = ReadBuf::new(&mut first);
        ready!(self.poll_peek(cx, &mut first))?;
        // Of too few bytes, or none at an end, hyper-util has to make something.
        Poll::Ready(Ok(!PREFACE.starts_with(first.filled())))
    }
}

impl<S> Foretell for TlsStream<S> {
    /// The handshake has said it: HTTP/2 needs ALPN (RFC 9113, section 3.2).
    fn poll_http1(&mut self, _: &mut Context<'_>) -> Poll<io::Result<bool>> {
        Poll::Ready(Ok(self.get_ref().1.alpn_protocol() != Some(b"h2")))
    }
}

/// A stream as hyper-util is to see it.
#[derive(Debug)]
pub(super) struct Told<S> {
    stream: S,
    told: bool,
}

impl<S: Foretell + AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.told {
            let http1 = ready!(self.stream.poll_http1(cx))?;
            self.told = true;
            if http1 {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Told<S> {
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

/// Accepts what another accepts, and tells the version.
#[derive(Clone, Debug)]
pub(super) struct Telling<A>(pub(super) A);

impl<A, I, S> Accept<I, S> for Telling<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = Told<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, A::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Told { stream, told: false }, service))
        })
    }
}
