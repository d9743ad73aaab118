//! Several futures at once.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt, stream};

/// Drives futures, `at_once` of them at a time, and gives what comes of them in their own order.
///
/// Each is boxed, and the iterator is used up before the first await. So the caller's own future can be sent to
/// another thread: the compiler cannot tell that of an iterator over references that lives across an await.
pub fn side_by_side<'a, T: Send + 'a>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'a>,
    at_once: usize,
) -> impl Stream<Item = T> + Send + Unpin + 'a {
    let boxed: Vec<BoxFuture<'a, T>> = futures.into_iter().map(FutureExt::boxed).collect();
    stream::iter(boxed).buffered(at_once)
}
