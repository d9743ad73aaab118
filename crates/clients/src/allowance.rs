//! Bytes that a peer may send before somebody has taken what came: a bound for protocols whose libraries
//! have none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much may come. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    left: Arc<AtomicU64>,
    whole: u64,
}

impl Allowance {
    /// So many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { left: Arc::new(AtomicU64::new(bytes)), whole: bytes }
    }

    /// What came was taken: as much may come again.
    pub(crate) fn renew(&self) {
        self.left.store(self.whole, Ordering::Relaxed);
    }

    /// Counts bytes that came.
    ///
    /// # Errors
    /// Where more came than may.
    pub(crate) fn take(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| {
            io::Error::other(format!(
                "the server sends more than {} KiB without an end",
                self.whole >> 10
            ))
        })
    }
}

/// A connection that brings no more than is allowed.
#[derive(Debug)]
pub(crate) struct Bounded<S> {
    pub(crate) stream: S,
    pub(crate) allowance: Allowance,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.allowance.take(buffer.filled().len() - before))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn no_more_comes_than_is_allowed_until_it_is_renewed() {
        let allowance = Allowance::new(10);
        let mut bounded = Bounded { stream: tokio::io::repeat(7), allowance: allowance.clone() };
        let mut buffer = [0; 6];
        bounded.read_exact(&mut buffer).await.unwrap();
        assert!(bounded.read_exact(&mut buffer).await.is_err());
        allowance.renew();
        bounded.read_exact(&mut buffer).await.unwrap();
    }
}
