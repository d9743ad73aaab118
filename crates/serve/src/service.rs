//! Starting and ending the service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::acts::Acts;
use crate::error::ServeError;
use crate::options::Options;
use crate::watch::Watched;
use crate::web;

/// What every page works with.
pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) repos: BTreeMap<String, Arc<Watched>>,
    pub(crate) access: Access,
    pub(crate) acts: Acts,
    pub(crate) cancel: CancellationToken,
}

/// A service that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The link with the token that signs the first person in.
    pub link: String,
    serving: JoinHandle<std::io::Result<()>>,
    service: Arc<Service>,
    cancel: CancellationToken,
}

impl Running {
    /// Serves until it is cancelled. What is being sent is finished.
    ///
    /// # Errors
    /// [`ServeError::Serving`].
    pub async fn until(self, cancelled: impl Future<Output = ()>) -> Result<(), ServeError> {
        let cancel = self.cancel.clone();
        let mut serving = self.serving;
        tokio::select! {
            () = cancelled => cancel.cancel(),
            ended = &mut serving => {
                cancel.cancel();
                return Ok(ended.map_err(std::io::Error::other)??);
            }
        }
        // Open streams end with the token; requests under way have a while, and so has what is being sent: a
        // search finishes the request that it is at, and gives its lease back.
        let ended = tokio::time::timeout(PATIENCE, serving).await;
        if tokio::time::timeout(SENDING, self.service.acts.ended()).await.is_err() {
            tracing::warn!("what was being sent did not come to a stop; the ledger knows of it");
        }
        match ended {
            Ok(ended) => Ok(ended.map_err(std::io::Error::other)??),
            Err(_) => Ok(()),
        }
    }
}

/// How long requests under way may take once the service ends.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// How long what is being sent may take then.
const SENDING: std::time::Duration = std::time::Duration::from_secs(60);

/// Starts the service: it listens once this returns.
///
/// # Errors
/// [`ServeError`].
pub async fn start(options: Options) -> Result<Running, ServeError> {
    if !options.listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(options.listen));
    }
    let failed = |source| ServeError::Listen { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let cancel = CancellationToken::new();
    let access = Access::new(address)?;
    let link = access.link();
    let mut repos = BTreeMap::new();
    for name in &options.repos {
        let watched = Watched::start(options.open.open(name)?, &options, cancel.clone());
        repos.insert(name.clone(), watched);
    }
    let acts = Acts::new(Arc::clone(&options.open), cancel.clone());
    let service = Arc::new(Service { options, repos, access, acts, cancel: cancel.clone() });
    let (router, ended) = (web::router(Arc::clone(&service)), cancel.clone());
    let serving = tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { ended.cancelled().await })
            .await
    });
    Ok(Running { address, link, serving, service, cancel })
}
