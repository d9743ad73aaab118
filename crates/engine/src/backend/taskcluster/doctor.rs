//! The doctor: is each source there, may we do what we want, do the answers have the shape that is
//! needed, do the clocks agree, how far is Treeherder behind. A handful of requests.

mod buttons;
mod hidden;
mod pulse;

use crate::flow::Check;
use crate::flow::Health;
use crate::flow::health::clock;
use std::time::Instant;

use mozci_clients::contract::{Finding, Sample};
use mozci_clients::http::HttpError;
use mozci_clients::taskcluster::{Taskcluster, satisfies};
use mozci_core::ids::{TaskId, TreeherderPushId};
use mozci_core::push::Push;
use serde_json::Value;

use crate::backend::pushes::Pushes;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested::statuses;
use crate::ci::Ci;

/// Runs whose states are compared between Treeherder and the queue.
const COMPARED: usize = 100;

/// Looks at every source of a repository. Nothing here is an error: what fails is told.
pub(crate) async fn doctor(ci: &Ci) -> Vec<Check> {
    let Ok(taskcluster) = ci.taskcluster() else { return Vec::new() };
    let mut examined = Examination { ci, taskcluster, checks: Vec::new() };
    examined.pushlog().await;
    let rows = examined.treeherder().await;
    examined.taskcluster(rows.as_ref()).await;
    examined.checks.push(clock(ci, "clock"));
    examined.checks.extend(pulse::checks(ci).await);
    examined.checks
}

struct Examination<'a> {
    ci: &'a Ci,
    taskcluster: &'a Taskcluster,
    checks: Vec<Check>,
}

impl Examination<'_> {
    fn add(
        &mut self,
        (source, check): (&'static str, &'static str),
        started: Instant,
        health: Health,
        detail: impl Into<String>,
    ) {
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (detail, findings) = (detail.into(), Vec::new());
        self.checks.push(Check { source, check, health, detail, findings, ms });
    }

    /// Takes in what came of requesting a kind of answer, and gives the body where it can be used.
    fn answered(
        &mut self,
        what: (&'static str, &'static str),
        started: Instant,
        answer: Result<Sample, HttpError>,
    ) -> Option<Value> {
        let sample = match answer {
            Ok(sample) => sample,
            Err(error) => {
                self.add(what, started, Health::Fail, error.to_string());
                return None;
            }
        };
        let health = match sample.findings.iter().map(Finding::is_broken).max() {
            Some(true) => Health::Fail,
            Some(false) => Health::Warn,
            None => Health::Ok,
        };
        let told: Vec<String> = sample.findings.iter().map(ToString::to_string).collect();
        let detail = match told.as_slice() {
            [] => "reachable, response valid".to_owned(),
            told => told.join("; "),
        };
        self.add(what, started, health, detail);
        if let Some(check) = self.checks.last_mut() {
            check.findings = sample.findings;
        }
        Some(sample.body)
    }

    async fn pushlog(&mut self) {
        let what = ("pushlog", "json-pushes");
        let started = Instant::now();
        match &self.ci.pushes {
            Pushes::Hg(pushlog) => {
                let answer = pushlog.sample().await;
                self.answered(what, started, answer);
            }
            Pushes::Treeherder(_)
            | Pushes::Changes
            | Pushes::Git(_)
            | Pushes::Dumps
            | Pushes::Own(_) => {
                self.add(what, started, Health::Skipped, "pushes are read from Treeherder");
            }
        }
    }

    /// The rows of the newest push that has any.
    async fn treeherder(&mut self) -> Option<Value> {
        let started = Instant::now();
        let Ok(treeherder) = self.ci.treeherder() else {
            let what = ("treeherder", "jobs");
            self.add(what, started, Health::Skipped, "runs are read from task groups");
            return None;
        };
        let pushes = treeherder.sample_push().await;
        let pushes = self.answered(("treeherder", "push"), started, pushes)?;
        let ids = pushes["results"].as_array().into_iter().flatten();
        // The newest push may have nothing yet.
        let ids: Vec<u64> = ids.filter_map(|push| push["id"].as_u64()).collect();
        let Some(id) = ids.get(1).or(ids.first()) else {
            let text = format!("Treeherder has no push of {}", treeherder.project());
            self.add(("treeherder", "jobs"), started, Health::Fail, text);
            return None;
        };
        let started = Instant::now();
        let jobs = treeherder.sample_jobs(TreeherderPushId(*id)).await;
        self.answered(("treeherder", "jobs"), started, jobs)
    }

    async fn taskcluster(&mut self, rows: Option<&Value>) {
        let decision = self.decision().await;
        if let Some((decision, push)) = decision {
            let started = Instant::now();
            let task = self.taskcluster.sample_task(decision).await;
            self.answered(("taskcluster", "task"), started, task);
            if self.ci.backend().capabilities().graphs {
                let started = Instant::now();
                let actions = self.taskcluster.sample_actions(decision).await;
                let actions = self.answered(("taskcluster", "actions"), started, actions);
                self.acts(actions.as_ref(), decision).await;
                self.trusted(actions.as_ref(), decision).await;
                self.buttons(actions.as_ref(), decision).await;
                self.unseen(&push, decision).await;
            } else {
                self.acts(None, decision).await;
            }
        } else {
            let text = "no task of a push is known to look at: tasks, actions and scopes";
            self.add(("taskcluster", "task"), Instant::now(), Health::Skipped, text);
        }
        if let Some(rows) = rows {
            self.compare(rows).await;
        }
    }

    /// A decision task, or a task of a push's group, that has ended well, by the index.
    async fn decision(&mut self) -> Option<(TaskId, Push)> {
        let what = ("taskcluster", "index");
        let started = Instant::now();
        let pushes: Vec<Push> = match &self.ci.pushes {
            Pushes::Hg(pushlog) => {
                // One of the newest few, whose task has ended by now.
                let tip = pushlog.push_of("tip").await.ok()?.1.id.number();
                pushlog.between(tip.saturating_sub(6), tip).await.ok()?.pushes
            }
            Pushes::Treeherder(treeherder) => {
                let newest = treeherder.newest_pushes(6).await.ok()?;
                newest.into_iter().map(|push| push.push).collect()
            }
            Pushes::Changes | Pushes::Git(_) | Pushes::Dumps | Pushes::Own(_) => Vec::new(),
        };
        let path = |push: &Push| match self.ci.tc().ok().and_then(|tc| tc.plain.as_ref()) {
            Some(plain) => plain.path(push),
            None => self.ci.decision_path(push.revision.hash()).unwrap_or_default(),
        };
        let paths: Vec<String> = pushes.iter().map(path).collect();
        let found = match self.taskcluster.find_tasks(&paths).await {
            Ok(found) => found,
            Err(error) => {
                self.add(what, started, Health::Fail, error.to_string());
                return None;
            }
        };
        let mut indexed = paths.iter().zip(&pushes).filter(|(path, _)| found.contains_key(*path));
        let Some((path, push)) = indexed.next() else {
            let text = format!(
                "none of {} pushes is indexed as {}: check `index` in the config",
                paths.len(),
                paths.first().map_or("", String::as_str)
            );
            self.add(what, started, Health::Fail, text);
            return None;
        };
        let task = found.get(path).copied();
        let sample = self.taskcluster.sample_indexed(path).await;
        self.answered(what, started, sample);
        Some((task?, push.clone()))
    }

    /// Which acts the credentials allow.
    async fn acts(&mut self, actions: Option<&Value>, decision: TaskId) {
        let started = Instant::now();
        let what = ("taskcluster", "scopes");
        if !self.taskcluster.has_credentials() {
            let text = "no credentials: reading works, requesting jobs does not";
            return self.add(what, started, Health::Warn, text);
        }
        let scopes = match self.taskcluster.current_scopes().await {
            Ok(scopes) => scopes,
            Err(error) => return self.add(what, started, Health::Fail, error.to_string()),
        };
        let hook = actions.and_then(|actions| {
            let list = actions["actions"].as_array()?;
            let add = list
                .iter()
                .find(|action| action["name"] == crate::backend::taskcluster::by_action::ACTION)?;
            Some(format!("{}/{}", add["hookGroupId"].as_str()?, add["hookId"].as_str()?))
        });
        let mut acts = Vec::new();
        match (&hook, self.ci.backend().capabilities().graphs) {
            (Some(hook), _) => {
                let scope = format!("hooks:trigger-hook:{hook}");
                acts.push(("trigger, backfill, fill, retrigger", scope));
            }
            // What could not be read was said where it was read.
            (None, true) if actions.is_none() => {}
            (None, true) => {
                let text = format!("the decision task {decision} offers no `add-new-jobs`");
                self.add(("taskcluster", "add-new-jobs"), started, Health::Fail, text);
            }
            (None, false) => {
                acts.push(("trigger, backfill, retrigger", "queue:create-task:".to_owned()));
            }
        }
        acts.push(("cancel", format!("queue:cancel-task:any/{decision}/any")));
        for (act, scope) in acts {
            let begins = |held: &String| held.trim_end_matches('*').starts_with(&scope);
            // Which queue and priority a clone needs differs from task to task.
            let allowed =
                satisfies(&scopes, &scope) || (scope.ends_with(':') && scopes.iter().any(begins));
            let (health, text) = match allowed {
                true => (Health::Ok, format!("{act}: allowed")),
                false => (Health::Warn, format!("{act}: not allowed, for lack of {scope}")),
            };
            self.add(what, started, health, text);
        }
    }

    /// Compares what Treeherder shows with what the queue knows.
    async fn compare(&mut self, rows: &Value) {
        let started = Instant::now();
        let rows = rows["results"].as_array().into_iter().flatten().take(COMPARED);
        let shown: Vec<(TaskId, &Value)> =
            rows.filter_map(|row| Some((row["task_id"].as_str()?.parse().ok()?, row))).collect();
        let tasks: Vec<TaskId> = shown.iter().map(|(task, _)| *task).collect();
        let samples = self.taskcluster.sample_statuses(&tasks[..tasks.len().min(3)]).await;
        match samples {
            Ok(samples) => {
                let mut worst = None::<Sample>;
                for sample in samples {
                    if worst.as_ref().is_none_or(|w| sample.findings.len() > w.findings.len()) {
                        worst = Some(sample);
                    }
                }
                if let Some(sample) = worst {
                    self.answered(("taskcluster", "status"), started, Ok(sample));
                }
            }
            Err(error) => {
                return self.add(
                    ("taskcluster", "status"),
                    started,
                    Health::Fail,
                    error.to_string(),
                );
            }
        }
        let started = Instant::now();
        let what = ("treeherder", "lag");
        let known = match statuses(self.ci, &tasks).await {
            Ok(known) => known,
            Err(error) => return self.add(what, started, Health::Fail, error.to_string()),
        };
        let mut behind = 0;
        for (task, row) in &shown {
            let ended = known.get(task).is_some_and(|status| status.state.is_final());
            let run = row["retry_id"].as_u64().unwrap_or(0) as usize;
            let last = known.get(task).is_some_and(|status| run + 1 >= status.runs.len());
            behind += usize::from(ended && last && row["state"] != "completed");
        }
        let (health, text) = match behind {
            0 if shown.is_empty() => {
                (Health::Warn, "shows no run of the newest push that it has".to_owned())
            }
            0 => {
                (Health::Ok, format!("shows the {} newest runs as the queue has them", shown.len()))
            }
            count => (
                Health::Warn,
                format!(
                    "{count} of {} runs have ended that it does not show as ended: it is behind, and the queue is read as well",
                    shown.len()
                ),
            ),
        };
        self.add(what, started, health, text);
    }
}
