//! The CI itself: a folder of JSON files.
//!
//! `pushes.json` has the pushes, oldest first. A run is a file `runs/PUSH/JOB/N.json` with its state. One that is
//! pending ends once somebody looks.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use mozci_core::ids::{BuildRequestId, PushId, PushlogId, RequestId, Revision, Vcs};
use mozci_core::push::Push;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::At;
use serde_json::{Value, json};

/// Writes a file, whole or not at all: another process may read it or be killed at any time.
fn write(path: &Path, text: &str) {
    let new = path.with_extension(format!("{}-{}", std::process::id(), fastrand::u32(..)));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// The id of a run's request: no other run of the folder has it. Jobs are told apart by the number in their names.
pub(crate) fn request_id(push: u64, job: &str, number: u64) -> BuildRequestId {
    let of_job: u64 = job.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    BuildRequestId(of_job * 1_000_000 + push * 1000 + number)
}

/// The folder, and what its jobs do.
#[derive(Debug)]
pub(crate) struct Toy {
    folder: PathBuf,
    /// The first push on which the job fails, and on every later one.
    pub(crate) culprit: u64,
    /// Answers that get lost after the request arrived, one a request.
    pub(crate) lost_answers: Mutex<u32>,
    /// A push whose requests cannot be prepared, and how often that fails.
    pub(crate) broken: Mutex<Option<(u64, u32)>>,
}

impl Toy {
    /// A world with so many pushes and one job, which passed on the first push and failed on the last.
    pub(crate) fn new(folder: &Path, pushes: u64, culprit: u64) -> Self {
        let each: Vec<Value> = (1..=pushes).map(|id| json!({"id": id, "date": id * 60})).collect();
        let folder = folder.join("ci");
        std::fs::create_dir_all(&folder).unwrap();
        write(&folder.join("pushes.json"), &json!(each).to_string());
        let toy = Self { folder, culprit, lost_answers: Mutex::new(0), broken: Mutex::new(None) };
        toy.write_run(1, "job", 1, "passed");
        toy.write_run(pushes, "job", 1, "failed");
        toy
    }

    fn runs_folder(&self, push: u64, job: &str) -> PathBuf {
        self.folder.join("runs").join(push.to_string()).join(job)
    }

    pub(crate) fn write_run(&self, push: u64, job: &str, number: u64, state: &str) {
        let folder = self.runs_folder(push, job);
        std::fs::create_dir_all(&folder).unwrap();
        let body = json!({"state": state}).to_string();
        write(&folder.join(format!("{number}.json")), &body);
    }

    /// Every run of a job on a push. With `ends` what is pending ends now.
    pub(crate) fn runs_on(&self, push: u64, job: &str, ends: bool) -> Vec<Run> {
        let mut runs = Vec::new();
        for number in 1.. {
            let path = self.runs_folder(push, job).join(format!("{number}.json"));
            let Ok(text) = std::fs::read_to_string(path) else { break };
            let mut state = serde_json::from_str::<Value>(&text).unwrap()["state"].clone();
            if ends && state == "pending" {
                state = if push >= self.culprit { "failed" } else { "passed" }.into();
                self.write_run(push, job, number, state.as_str().unwrap());
            }
            let request = RequestId::BuildRequest(request_id(push, job, number));
            let state = match state.as_str() {
                Some("passed") => State::Passed,
                Some("failed") => State::Failed,
                _ => State::Pending,
            };
            runs.push(Run::new(RunKey { request, run: 0 }, state));
        }
        runs
    }

    pub(crate) fn pushes(&self) -> Vec<Push> {
        let text = std::fs::read_to_string(self.folder.join("pushes.json")).unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let push = |entry: &Value| {
            let id = entry["id"].as_u64().unwrap();
            Push {
                id: PushId::Pushlog(PushlogId(id)),
                revision: Revision::new(Vcs::Git, &format!("{id:040x}")).unwrap(),
                git: None,
                author: "somebody".into(),
                date: At(entry["date"].as_i64().unwrap()),
                changesets: Vec::new(),
                summary: None,
            }
        };
        all.iter().map(push).collect()
    }
}
