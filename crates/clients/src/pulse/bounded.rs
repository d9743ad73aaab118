//! A connection to a broker that brings no more than somebody takes: the AMQP library keeps a message
//! of any length, and any number of messages.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::{AsyncRead, AsyncWrite, Stream};

use crate::allowance::Allowance;

/// The runtime of the AMQP library, with connections that are bounded.
pub(super) type BoundedRuntime = Runtime<RuntimeParts<Tokio, BoundedReactor>>;

/// A runtime whose connections share an allowance.
pub(super) fn bounded(allowance: Allowance) -> BoundedRuntime {
    let reactor = BoundedReactor { inner: Tokio::current(), allowance };
    Runtime::new(RuntimeParts::new(Tokio::current(), reactor))
}

/// Tokio's own reactor, but for what connections bring.
#[derive(Debug, Clone)]
pub(super) struct BoundedReactor {
    inner: Tokio,
    allowance: Allowance,
}

/// A connection that ends where it brings too much.
pub(super) struct BoundedStream {
    inner: <Tokio as Reactor>::TcpStream,
    allowance: Allowance,
}

impl Reactor for BoundedReactor {
    type TcpStream = BoundedStream;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// Sockets of others are never registered here: connections are made by this reactor alone.
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<BoundedStream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.inner.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.inner.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let (connecting, allowance) =
            (self.inner.tcp_connect_addr(address), self.allowance.clone());
        async move {
            let inner = connecting.await?;
            allowance.renew();
            Ok(BoundedStream { inner, allowance })
        }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        Poll::Ready(self.allowance.take(read).map(|()| read))
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
