//! The status of a tree: `GET /trees/<tree>` answers `{"result": {"tree", "status", "reason", …}}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::http::{Http, HttpError, Problem};

/// A Treestatus service.
#[derive(Debug, Clone)]
pub struct Treestatus {
    http: Http,
    base: Url,
}

/// Whether a tree is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeState {
    /// Anybody lands.
    Open,
    /// Whoever has an approval lands.
    ApprovalRequired,
    /// Nobody lands.
    Closed,
    /// A word that this version does not know.
    Unknown(String),
}

impl TreeState {
    /// The state's one word.
    pub fn word(&self) -> &str {
        match self {
            Self::Open => "open",
            Self::ApprovalRequired => "approval required",
            Self::Closed => "closed",
            Self::Unknown(word) => word,
        }
    }
}

/// How a tree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeStatus {
    /// Whether it is open.
    pub state: TreeState,
    /// Why, in the words of whoever set it.
    pub reason: String,
}

impl TreeStatus {
    /// Whether nobody lands.
    pub fn is_closed(&self) -> bool {
        self.state == TreeState::Closed
    }
}

#[derive(Deserialize)]
struct Answer {
    result: Tree,
}

/// `GET /trees`: all trees by name.
#[derive(Deserialize)]
struct Trees {
    result: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Tree {
    status: String,
    #[serde(default)]
    reason: String,
}

/// A reason that is longer is cut.
const REASON: usize = 300;

impl Treestatus {
    /// The service at this URL.
    pub fn new(http: Http, base: Url) -> Self {
        Self { http, base }
    }

    /// How a tree stands; none where the service has no such tree. That is only believed of a service
    /// that lists trees: at a wrong address nothing is found, either.
    ///
    /// # Errors
    /// [`HttpError`]; [`Problem::NotFound`] where there is no such service.
    pub async fn tree(&self, name: &str) -> Result<Option<TreeStatus>, HttpError> {
        let result = match self.http.get::<Answer>(self.url(&["trees", name])?).await {
            Ok(answer) => answer.result,
            Err(error) if matches!(error.problem, Problem::NotFound(_)) => {
                let known = self.http.get::<Trees>(self.url(&["trees"])?).await;
                return match known {
                    Ok(trees) if !trees.result.contains_key(name) => Ok(None),
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let state = match result.status.as_str() {
            "open" => TreeState::Open,
            "approval required" => TreeState::ApprovalRequired,
            "closed" => TreeState::Closed,
            other => TreeState::Unknown(other.to_owned()),
        };
        let reason: String =
            result.reason.chars().filter(|c| !c.is_control()).take(REASON).collect();
        Ok(Some(TreeStatus { state, reason }))
    }

    fn url(&self, segments: &[&str]) -> Result<Url, HttpError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => {
                return Err(HttpError {
                    problem: Problem::Connect("it is not a URL that has a path".into()),
                    method: "GET",
                    url: self.base.to_string(),
                });
            }
        }
        Ok(url)
    }
}
