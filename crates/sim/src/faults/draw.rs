//! Which request meets which fault: a function of the seed, the request, and how often it came.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::world::{hash, unit};

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// 429, with how long to stay away.
    TooMany,
    /// 500, in the service's own words.
    ServerError,
    /// A proxy's 502 in HTML.
    BadGateway,
    /// The connection is reset before there is an answer.
    Reset,
    /// Nothing comes for long.
    Stall,
    /// The connection is reset in the middle of the body.
    HalfBody,
    /// The body is JSON, and is called something else.
    WrongType,
    /// A state or a result has a word that nobody knew yet.
    UnknownWord,
    /// A field is not there.
    MissingField,
    /// A field is there that nobody knew yet.
    ExtraField,
    /// A row moved to a page that has been read already.
    ShiftedPage,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::TooMany,
        Self::ServerError,
        Self::BadGateway,
        Self::Reset,
        Self::Stall,
        Self::HalfBody,
        Self::WrongType,
        Self::UnknownWord,
        Self::MissingField,
        Self::ExtraField,
        Self::ShiftedPage,
    ];

    /// Those that pass: whoever asks again may have an answer.
    pub const PASSING: [Self; 6] = [
        Self::TooMany,
        Self::ServerError,
        Self::BadGateway,
        Self::Reset,
        Self::HalfBody,
        Self::ShiftedPage,
    ];

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooMany => "too-many",
            Self::ServerError => "server-error",
            Self::BadGateway => "bad-gateway",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::HalfBody => "half-body",
            Self::WrongType => "wrong-type",
            Self::UnknownWord => "unknown-word",
            Self::MissingField => "missing-field",
            Self::ExtraField => "extra-field",
            Self::ShiftedPage => "shifted-page",
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!("no fault is called {text:?}; there are {}", names.join(", "))
        })
    }
}

/// What goes wrong, and how often.
#[derive(Debug, Clone)]
pub struct Faults {
    /// The draws depend on it.
    pub seed: u64,
    /// The share of requests that meet a fault, from 0 to 1.
    pub rate: f64,
    /// The kinds that occur, all as likely.
    pub kinds: Vec<Fault>,
    /// How long a stall lasts.
    pub stall: Duration,
    /// What `Retry-After` names, in seconds.
    pub retry_after: u64,
}

/// A fault that a request meets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn {
    pub(crate) fault: Fault,
    /// For the fault's own choices.
    pub(crate) seed: u64,
    /// Whether what the request requests happens all the same.
    pub(crate) happens: bool,
    pub(crate) stall: Duration,
    pub(crate) retry_after: u64,
}

/// The faults that are given out now, and those that have been.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    faults: Option<Faults>,
    /// How often each question came since the faults were set.
    asked: HashMap<u64, u64>,
    given: BTreeMap<Fault, u64>,
}

impl Schedule {
    pub(crate) fn set(&self, faults: Option<Faults>) {
        let mut inner = self.inner();
        inner.faults = faults;
        inner.asked.clear();
    }

    /// How many faults of each kind were given out so far.
    pub(crate) fn given(&self) -> BTreeMap<Fault, u64> {
        self.inner().given.clone()
    }

    /// The fault that a request to a service meets, if any. The same question meets another fate
    /// each time that it comes.
    pub(crate) fn draw(&self, service: usize, method: &str, target: &str) -> Option<Drawn> {
        let mut inner = self.inner();
        let faults = inner.faults.clone()?;
        let mut hasher = DefaultHasher::new();
        (service, method, target).hash(&mut hasher);
        let question = hasher.finish();
        let times = inner.asked.entry(question).or_default();
        *times += 1;
        let parts = [question, *times];
        if faults.kinds.is_empty() || unit(faults.seed, &parts) >= faults.rate {
            return None;
        }
        let seed = hash(faults.seed ^ 0x51ed, &parts);
        let fault = faults.kinds[(seed % faults.kinds.len() as u64) as usize];
        *inner.given.entry(fault).or_default() += 1;
        Some(Drawn {
            fault,
            seed,
            happens: (seed >> 32) & 1 == 1,
            stall: faults.stall,
            retry_after: faults.retry_after,
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
