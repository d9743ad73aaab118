//! The list of backends: a kind of CI in the config opens one.

use std::sync::Arc;

use mozci_clients::hg::Pushlog;
use mozci_clients::http::Http;
use mozci_clients::taskcluster::{Taskcluster, TaskclusterAccess};
use mozci_clients::treeherder::Treeherder;
use mozci_core::ids::RepoName;
use url::Url;

use super::Backend;
use super::buildapi::BuildApi;
use super::buildbot::Farm;
use super::pushes::Pushes;
use super::pushes::git::GitPushes;
use super::taskcluster::{Parts, Plain, TaskclusterBackend, without_treeherder};
use crate::ci::{Opening, parse};
use crate::config::{CiConfig, CiKind, CredentialSource, Credentials, PushlogKind, RepoConfig};
use crate::error::Error;

/// Where results of a CI are shown, for whichever backend and source of pushes reads them.
pub(crate) struct Results {
    url: Url,
    treeherder: Treeherder,
}

impl Results {
    /// Where it is.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

/// Where results are shown; none where the config does not say.
pub(crate) fn results(
    config: &CiConfig,
    own: &RepoConfig,
    http: &Http,
    project: &str,
) -> Result<Option<Results>, Error> {
    let Some(text) = &config.treeherder_url else { return Ok(None) };
    let url = parse(text, "treeherder_url")?;
    let treeherder = Treeherder::new(http.clone(), url.clone(), project).of(own.vcs());
    Ok(Some(Results { url, treeherder }))
}

/// Opens where a repository's pushes are read.
pub(crate) fn open_pushes(
    opening: &Opening<'_>,
    repo: &RepoName,
    own: &RepoConfig,
    pushlog: Option<Pushlog>,
    results: &Option<Results>,
) -> Result<Pushes, Error> {
    let pushes = match (own.pushlog, pushlog, results) {
        (PushlogKind::Changes, ..) => Pushes::Changes,
        (PushlogKind::Dumps, ..) => Pushes::Dumps,
        (PushlogKind::Git, ..) => Pushes::Git(GitPushes::new(repo, own, &opening.place)?),
        (_, Some(pushlog), _) => Pushes::Hg(pushlog),
        (_, None, Some(results)) => Pushes::Treeherder(results.treeherder.clone()),
        (_, None, None) => return Err(without_treeherder(repo)),
    };
    fits(opening.config.kind, own.pushlog, repo)?;
    Ok(pushes)
}

/// Opens what runs the jobs.
pub(crate) fn open(
    opening: &mut Opening<'_>,
    http: &Http,
    root: &Url,
    repo: &RepoName,
    own: &RepoConfig,
    results: Option<Results>,
) -> Result<Arc<dyn Backend>, Error> {
    let config = opening.config;
    let access = std::mem::replace(&mut opening.credentials, CredentialSource::Nowhere);
    Ok(match config.kind {
        CiKind::Buildbot => Arc::new(Farm::new(http, root, repo, own, access)),
        CiKind::BuildApi => Arc::new(BuildApi::new(config, repo, own, http, access)?),
        CiKind::Taskcluster => {
            let plain = plain(own, repo, results.is_some())?;
            let access = taskcluster_access(access);
            let project = config.project(own, repo);
            Arc::new(TaskclusterBackend::new(Parts {
                taskcluster: Taskcluster::new(http.clone(), root.clone(), access),
                treeherder: results.map(|results| results.treeherder),
                plain,
                index: own.index.clone().unwrap_or_else(|| format!("gecko.v2.{project}")),
                decision_platform: own
                    .decision_platform
                    .clone()
                    .unwrap_or_else(|| "gecko-decision".to_owned()),
                sandbox: opening.sandbox.take(),
                pulse: opening.pulse.take(),
            }))
        }
    })
}

/// Where the tasks of a push are, on a Taskcluster without task graphs.
fn plain(own: &RepoConfig, repo: &RepoName, has_results: bool) -> Result<Option<Plain>, Error> {
    match &own.tasks_index {
        None if has_results => Ok(None),
        None => Err(without_treeherder(repo)),
        Some(index) if !(index.contains("{revision}") || index.contains("{push}")) => {
            Err(Error::Usage(format!(
                "`tasks_index` = {index:?} in the config names no push: put {{revision}} or {{push}} in it"
            )))
        }
        Some(index) => Ok(Some(Plain {
            index: index.clone(),
            group: own.group,
            label: own.label.clone().unwrap_or_else(|| "metadata.name".to_owned()),
        })),
    }
}

/// A pushlog must be one that its kind of CI has.
fn fits(kind: CiKind, pushlog: PushlogKind, repo: &RepoName) -> Result<(), Error> {
    use PushlogKind::{Changes, Dumps, Git, Hg, Treeherder};
    let (name, fitting, expected): (_, &[PushlogKind], _) = match kind {
        CiKind::Taskcluster => ("Taskcluster", &[Hg, Treeherder], "\"hg\" or \"treeherder\""),
        CiKind::Buildbot => ("Buildbot", &[Changes, Git], "\"changes\" or \"git\""),
        CiKind::BuildApi => ("BuildAPI", &[Hg, Dumps], "\"hg\" or \"dumps\""),
    };
    match fitting.contains(&pushlog) {
        true => Ok(()),
        false => Err(Error::Usage(format!(
            "the repository {repo} of a {name} CI needs pushlog = {expected} in the config"
        ))),
    }
}

fn taskcluster_access(access: CredentialSource) -> TaskclusterAccess {
    match access {
        CredentialSource::Given(Credentials::Taskcluster(given)) => TaskclusterAccess::Known(given),
        CredentialSource::Command(command) => TaskclusterAccess::Fetched(Arc::new(move || {
            let command = command.clone();
            Box::pin(async move {
                match command.run().await {
                    Ok(Credentials::Taskcluster(printed)) => Ok(printed),
                    Ok(Credentials::Buildbot(_)) => Err("credentials of a Buildbot master".into()),
                    Err(error) => Err(error.to_string()),
                }
            })
        })),
        CredentialSource::Proxy(proxy) => TaskclusterAccess::Proxied(proxy),
        CredentialSource::Given(_) | CredentialSource::Nowhere => TaskclusterAccess::Anonymous,
    }
}

/// What a CI is known by and told the time of.
pub(crate) fn root_of(config: &CiConfig) -> Result<Url, Error> {
    match (config.kind, config.root_url.as_str(), &config.buildjson_dir) {
        (CiKind::BuildApi, "", Some(folder)) => {
            let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            Url::from_directory_path(&whole).map_err(|()| {
                Error::Usage(format!("`buildjson_dir` = {folder:?} in the config is not a folder"))
            })
        }
        (CiKind::Taskcluster, url, _) => parse(url, "root_url"),
        (_, url, _) => parse(url, "url"),
    }
}
