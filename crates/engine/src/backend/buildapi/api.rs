//! A Buildbot farm of 2011 to 2017, as the configuration has it: self-serve BuildAPI, the dumps, and
//! allthethings.json, as far as each is there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use mozci_clients::buildapi::{Day, Dumps, SelfServe, Things, parse_things};
use mozci_clients::buildbot::BuildbotCredentials;
use mozci_clients::files;
use mozci_clients::http::Http;
use mozci_core::era::{DumpRow, EraFarm, Listed};
use mozci_core::ids::{BuildRequestId, RepoName};
use mozci_core::run::RunKey;
use tokio::sync::OnceCell;
use url::Url;

use crate::ci::parse;
use crate::config::{CiConfig, CredentialSource, Credentials, CredentialsCommand, RepoConfig};
use crate::error::Error;

/// Where what a build left is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left {
    pub(crate) log: Option<String>,
    /// Files by their names.
    pub(crate) uploaded: Vec<(String, String)>,
}

/// The farm, and one of its branches.
#[derive(Debug)]
pub(crate) struct BuildApi {
    pub(crate) self_serve: Option<SelfServe>,
    pub(crate) dumps: Dumps,
    /// Whether there are dumps at all.
    pub(crate) has_dumps: bool,
    pub(crate) branch: String,
    /// The branches of the other repositories, by their names in the configuration.
    pub(crate) branches: BTreeMap<String, String>,
    access: CredentialSource,
    /// Who is signed in.
    user: Arc<OnceCell<String>>,
    pub(crate) http: Http,
    things: Source,
    farm: OnceCell<Option<EraFarm>>,
    left: Mutex<HashMap<RunKey, Left>>,
    /// Whether files that builds uploaded are still there.
    files: Mutex<HashMap<String, bool>>,
    /// What was found in the dumps of days that are over.
    rows: Mutex<HashMap<Day, HashMap<BuildRequestId, Vec<DumpRow>>>>,
    /// The requests that were listed last, by revision and builder.
    listed: Mutex<HashMap<(String, String), BTreeSet<BuildRequestId>>>,
}

/// Entries of each of the maps in memory; at more it begins anew, which costs requests and no answer.
const MOST: usize = 50_000;

/// Makes room in a map that is full.
fn bounded<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= MOST {
        map.clear();
    }
    map
}

/// The largest allthethings.json that is read, in bytes: the real one has 50 MB.
const LARGEST_THINGS: u64 = 256 << 20;

/// Where allthethings.json is.
#[derive(Debug)]
enum Source {
    Nowhere,
    Served(Things),
    File(std::path::PathBuf),
}

impl BuildApi {
    /// By the configuration.
    pub(crate) fn new(
        config: &CiConfig,
        repo: &RepoName,
        own: &RepoConfig,
        http: &Http,
        access: CredentialSource,
    ) -> Result<Self, Error> {
        let branch = own.branch.clone().unwrap_or_else(|| repo.to_string());
        let self_serve = match config.root_url.as_str() {
            "" => None,
            url => Some(SelfServe::new(http.clone(), parse(url, "url")?, &branch)),
        };
        let url = config.buildjson_url.as_deref().map(|url| parse(url, "buildjson_url"));
        let url = url.transpose()?;
        let has_dumps = url.is_some() || config.buildjson_dir.is_some();
        let dumps = Dumps::new(http.clone(), url, config.buildjson_dir.clone());
        if self_serve.is_none() && !has_dumps {
            return Err(Error::Usage(
                "a BuildAPI in the config needs `url` (that of self-serve), `buildjson_dir`, or both".into(),
            ));
        }
        let things = match config.allthethings.as_deref() {
            None => Source::Nowhere,
            Some(place) if place.contains("://") => {
                Source::Served(Things::new(http.clone(), parse(place, "allthethings")?))
            }
            Some(place) => Source::File(place.into()),
        };
        let branches = config.repos.iter().map(|(name, repo)| {
            (name.clone(), repo.branch.clone().unwrap_or_else(|| name.clone()))
        });
        let api = Self {
            self_serve,
            dumps,
            has_dumps,
            branch,
            branches: branches.collect(),
            access,
            user: Arc::default(),
            http: http.clone(),
            things,
            farm: OnceCell::new(),
            left: Mutex::default(),
            files: Mutex::default(),
            rows: Mutex::default(),
            listed: Mutex::default(),
        };
        match (&api.access, &api.self_serve) {
            (CredentialSource::Given(given), Some(server)) => {
                sign_in_with(server, given, &api.user);
            }
            (CredentialSource::Command(command), Some(server)) => {
                let (server, command) = (server.clone(), command.clone());
                let (user, base) = (Arc::clone(&api.user), server.base().clone());
                api.http.when_refused(&base, move || {
                    let (server, command) = (server.clone(), command.clone());
                    let user = Arc::clone(&user);
                    async move {
                        fetch(&server, &command, &user).await.map_err(|error| error.to_string())
                    }
                });
            }
            _ => {}
        }
        Ok(api)
    }

    /// Who is signed in.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.get().map(String::as_str)
    }

    /// Signs in with what a command prints, where one is configured.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] where it prints nothing that can be used.
    pub(crate) async fn sign_in(&self) -> Result<(), Error> {
        match (&self.access, &self.self_serve) {
            (CredentialSource::Command(command), Some(server)) => {
                fetch(server, command, &self.user).await
            }
            _ => Ok(()),
        }
    }

    /// Builders and schedulers; none where the configuration does not say where they are told.
    pub(crate) async fn farm(&self) -> Result<Option<&EraFarm>, Error> {
        let read = async || match &self.things {
            Source::Nowhere => Ok(None),
            Source::Served(things) => {
                let read = things.read().await;
                read.map(Some).map_err(Error::service("cannot read allthethings.json"))
            }
            Source::File(path) => {
                let shown = path.display();
                let bytes = files::read(path, LARGEST_THINGS);
                let bytes = bytes.map_err(|e| Error::Usage(format!("cannot read {shown}: {e}")))?;
                let farm = parse_things(&bytes);
                farm.map(Some).map_err(|why| Error::Usage(format!("{shown} cannot be used: {why}")))
            }
        };
        Ok(self.farm.get_or_try_init(read).await?.as_ref())
    }

    /// Notes where what a build left is.
    pub(crate) fn note_left(&self, key: RunKey, row: &DumpRow) {
        let left = Left { log: row.log.clone(), uploaded: row.uploaded.clone() };
        let mut known = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        bounded(&mut known).insert(key, left);
    }

    /// What is known of requests from the dump of a day that is over, and which are not known.
    pub(crate) fn known_rows(
        &self,
        day: Day,
        ids: &HashSet<BuildRequestId>,
    ) -> (HashMap<BuildRequestId, Vec<DumpRow>>, HashSet<BuildRequestId>) {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let of_day = rows.get(&day);
        let known = |id: &BuildRequestId| Some((*id, of_day?.get(id)?.clone()));
        let found: HashMap<_, _> = ids.iter().filter_map(known).collect();
        let unknown = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        (found, unknown)
    }

    /// Keeps what the dump of a day that is over has of requests.
    pub(crate) fn keep_rows(&self, day: Day, found: &HashMap<BuildRequestId, Vec<DumpRow>>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        bounded(bounded(&mut rows).entry(day).or_default())
            .extend(found.iter().map(|(id, rows)| (*id, rows.clone())));
    }

    /// Notes what is listed for a revision.
    pub(crate) fn note_listed(&self, revision: &str, list: &[Listed]) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        for one in list {
            let key = (revision.to_owned(), one.builder.clone());
            bounded(&mut listed).entry(key).or_default().insert(one.request);
        }
    }

    /// The requests for a builder on a revision that were listed when it was last looked.
    pub(crate) fn listed(&self, revision: &str, builder: &str) -> Vec<BuildRequestId> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = listed.get(&(revision.to_owned(), builder.to_owned()));
        found.into_iter().flatten().copied().collect()
    }

    /// Where what a run left is, as far as a dump that was read tells.
    pub(crate) fn left(&self, key: RunKey) -> Option<Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Whether all of these files are still there; each is requested once.
    pub(crate) async fn are_there(&self, files: &[String]) -> Result<bool, Error> {
        for file in files {
            let known = |store: &Mutex<HashMap<String, bool>>| {
                store.lock().unwrap_or_else(PoisonError::into_inner).get(file).copied()
            };
            let there = match (known(&self.files), Url::parse(file)) {
                (Some(there), _) => there,
                (None, Err(_)) => false,
                (None, Ok(url)) => {
                    let requested = self.http.is_there(&url).await;
                    requested
                        .map_err(Error::service("cannot tell whether a build's files are there"))?
                }
            };
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            bounded(&mut files).insert(file.clone(), there);
            if !there {
                return Ok(false);
            }
        }
        Ok(!files.is_empty())
    }
}

/// Runs the command, once, and signs in with what it prints.
async fn fetch(
    server: &SelfServe,
    command: &CredentialsCommand,
    user: &OnceCell<String>,
) -> Result<(), Error> {
    let fetch = async || {
        let Credentials::Buildbot(BuildbotCredentials::Password { user, password }) =
            command.run().await?
        else {
            return Err(Error::Odd("credentials of another kind of CI".into()));
        };
        server.sign_in(&user, &password);
        Ok(user)
    };
    user.get_or_try_init(fetch).await.map(drop)
}

fn sign_in_with(server: &SelfServe, credentials: &Credentials, known: &OnceCell<String>) {
    if let Credentials::Buildbot(BuildbotCredentials::Password { user, password }) = credentials {
        server.sign_in(user, password);
        // Whoever signs in at the same moment is the same user.
        let _ = known.set(user.clone());
    }
}
