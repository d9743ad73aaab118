//! Identifiers. Each is a type of its own and is parsed where it enters the program.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};

/// An identifier that could not be read, with what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct IdError {
    /// What was given.
    pub text: String,
    /// What it should have been, with its article.
    pub expected: &'static str,
}

impl IdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the name as it stands.
            pub fn new(name: impl AsRef<str>) -> Self {
                Self(Arc::from(name.as_ref()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// A branch that lands pushes, by the name the configuration gives it: `autoland`.
    RepoName
}
name! {
    /// What can be run on a push: a Taskcluster label, a Buildbot builder. Cheap to clone.
    JobName
}

name! {
    /// A scheduler of a Buildbot master.
    SchedulerName
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A self-serve BuildAPI's number for a trigger request that it took on: its job request, which is not the
    /// build request that comes of it.
    SelfServeId
}

number! {
    /// A push's number in its Mercurial repository's pushlog. Each repository counts on its own.
    PushlogId
}
number! {
    /// A Buildbot change's number. Of several changes of one revision the first is the push's.
    ChangeId
}
number! {
    /// How many commits lead to a commit along first parents, itself counted: a branch's own
    /// numbering where nobody else numbers its pushes.
    CommitNumber
}
number! {
    /// A build request's number on a Buildbot master.
    BuildRequestId
}
number! {
    /// A build's number on a Buildbot master, over all its builders.
    BuildId
}
number! {
    /// A push's number in Treeherder, one sequence over all repositories; not the pushlog's.
    TreeherderPushId
}

/// A push's id together with whose id it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushId {
    /// The Mercurial pushlog's.
    Pushlog(PushlogId),
    /// Treeherder's, where a repository has no pushlog of its own.
    Treeherder(TreeherderPushId),
    /// A Buildbot master's.
    Change(ChangeId),
    /// Its place on its branch.
    Commit(CommitNumber),
}

impl PushId {
    /// The bare number.
    pub fn number(self) -> u64 {
        match self {
            Self::Pushlog(id) => id.0,
            Self::Treeherder(id) => id.0,
            Self::Change(id) => id.0,
            Self::Commit(id) => id.0,
        }
    }
}

impl fmt::Display for PushId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl Serialize for PushId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.number())
    }
}

/// A Taskcluster task's id: the 16 bytes behind a version 4 slugid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId([u8; 16]);

impl TaskId {
    /// Takes 16 bytes and sets the bits which make them a version 4 UUID.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The bytes behind the slug.
    pub fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::new(text, "a Taskcluster task id (22 characters)");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| error())?;
        let bytes: [u8; 16] = bytes.try_into().map_err(|_| error())?;
        // The queue itself refuses slugids of other versions with 400.
        if bytes[6] >> 4 != 4 || bytes[8] >> 6 != 2 {
            return Err(error());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A request's id, together with whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestId {
    /// A Taskcluster task.
    Task(TaskId),
    /// A Buildbot build request.
    BuildRequest(BuildRequestId),
    /// A trigger request that a self-serve BuildAPI took on, under its own number.
    SelfServe(SelfServeId),
}

/// What stands before a self-serve BuildAPI's number where requests of several kinds may stand.
const SELF_SERVE: &str = "self-serve/";

impl RequestId {
    /// The task, where it is one.
    pub fn task(self) -> Option<TaskId> {
        match self {
            Self::Task(task) => Some(task),
            Self::BuildRequest(_) | Self::SelfServe(_) => None,
        }
    }

    /// The build request, where it is one.
    pub fn build_request(self) -> Option<BuildRequestId> {
        match self {
            Self::BuildRequest(id) => Some(id),
            Self::Task(_) | Self::SelfServe(_) => None,
        }
    }
}

impl From<SelfServeId> for RequestId {
    fn from(id: SelfServeId) -> Self {
        Self::SelfServe(id)
    }
}

impl From<TaskId> for RequestId {
    fn from(task: TaskId) -> Self {
        Self::Task(task)
    }
}

impl From<BuildRequestId> for RequestId {
    fn from(id: BuildRequestId) -> Self {
        Self::BuildRequest(id)
    }
}

impl FromStr for RequestId {
    type Err = IdError;

    /// Digits alone are a build request: no task id is made of digits.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let own = text.strip_prefix(SELF_SERVE).and_then(|number| number.parse().ok());
        match (own, text.parse()) {
            (Some(number), _) => Ok(Self::SelfServe(SelfServeId(number))),
            (None, Ok(number)) => Ok(Self::BuildRequest(BuildRequestId(number))),
            (None, Err(_)) => text.parse().map(Self::Task),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => task.fmt(f),
            Self::BuildRequest(id) => id.fmt(f),
            Self::SelfServe(id) => write!(f, "{SELF_SERVE}{id}"),
        }
    }
}

/// The version control system that a revision belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Vcs {
    /// Mercurial.
    Hg,
    /// Git.
    Git,
    /// Subversion, whose revisions are numbers.
    Svn,
}

/// A full commit id together with its version control system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    vcs: Vcs,
    hash: Arc<str>,
}

impl Revision {
    /// Reads a full hash of 40 hexadecimal digits, of Subversion a number.
    ///
    /// # Errors
    /// [`IdError`] for anything else, a shortened hash included.
    pub fn new(vcs: Vcs, hash: &str) -> Result<Self, IdError> {
        if vcs == Vcs::Svn {
            let number = hash.strip_prefix('r').unwrap_or(hash);
            let fits =
                (1..=12).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            return match fits {
                true => Ok(Self { vcs, hash: Arc::from(number) }),
                false => Err(IdError::new(hash, "a revision of Subversion (a number)")),
            };
        }
        if hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self { vcs, hash: Arc::from(hash.to_ascii_lowercase()) })
        } else {
            Err(IdError::new(hash, "a full revision (40 hexadecimal digits)"))
        }
    }

    /// Whose revision this is.
    pub fn vcs(&self) -> Vcs {
        self.vcs
    }

    /// The full hash, in lower case.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The first twelve digits, the way these systems show a revision to people.
    pub fn short(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.hash)
    }
}

impl JobName {
    /// Whether it is a decision or an action task, as taskgraph names them: it makes or changes the graph of
    /// its own push, and is nothing to run on another one.
    pub fn is_of_decision(&self) -> bool {
        self.as_str().ends_with("Decision Task") || self.as_str().starts_with("Action: ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_round_trip_and_refuse_what_the_queue_refuses() {
        let id: TaskId = "ElYTlGDVRui7j4JtKcd8-Q".parse().unwrap();
        assert_eq!(id.to_string(), "ElYTlGDVRui7j4JtKcd8-Q");
        assert_eq!(TaskId::from_bytes(id.bytes()), id);
        for bad in ["", "not-a-task-id", "ElYTlGDVRui7j4JtKcd8-", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
        for text in ["ElYTlGDVRui7j4JtKcd8-Q", "4711"] {
            assert_eq!(text.parse::<RequestId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn revisions_are_full_and_lower_case() {
        let full = "DE9B0E960CED72F6416B8526B9C99D4FEAF363CE";
        let revision = Revision::new(Vcs::Hg, full).unwrap();
        assert_eq!(revision.short(), "de9b0e960ced");
        assert!(Revision::new(Vcs::Hg, "de9b0e960ced").is_err());
        let number = Revision::new(Vcs::Svn, "r1234").unwrap();
        assert_eq!((number.hash(), number.short()), ("1234", "1234"));
        assert!(Revision::new(Vcs::Svn, full).is_err() && Revision::new(Vcs::Svn, "").is_err());
    }
}
