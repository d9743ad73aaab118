//! The status of a tree: `GET /trees/<tree>` answers `{"result": {"tree", "status", "reason", …}}`.

use serde::Deserialize;
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

#[derive(Deserialize)]
struct Answer {
    result: Tree,
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

    /// How a tree stands.
    ///
    /// # Errors
    /// [`HttpError`]; [`Problem::NotFound`] for a tree that it does not know.
    pub async fn tree(&self, name: &str) -> Result<TreeStatus, HttpError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["trees", name]);
        } else {
            return Err(HttpError {
                problem: Problem::Connect("it is no URL that has a path".into()),
                method: "GET",
                url: self.base.to_string(),
            });
        }
        let Answer { result } = self.http.get(url).await?;
        let state = match result.status.as_str() {
            "open" => TreeState::Open,
            "approval required" => TreeState::ApprovalRequired,
            "closed" => TreeState::Closed,
            other => TreeState::Unknown(other.to_owned()),
        };
        let reason: String =
            result.reason.chars().filter(|c| !c.is_control()).take(REASON).collect();
        Ok(TreeStatus { state, reason })
    }
}
