//! The life of a task: every run it will have, with its times. What can be seen of it depends on
//! when one looks.

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Completed,
    /// With a failure of its own.
    Failed,
    /// In an exception, for this reason in the queue's words.
    Exception(&'static str),
}

impl Outcome {
    /// The outcome in one word, for the truth file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Exception(reason) => reason,
        }
    }

    /// Whether the queue makes another run after it.
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Exception("worker-shutdown" | "claim-expired"))
    }
}

/// One run, with its times in simulated milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct RunLife {
    /// When it became pending.
    pub scheduled: i64,
    /// When a worker took it; never, for one that was cancelled or coalesced before.
    pub started: Option<i64>,
    /// When it ended.
    pub resolved: i64,
    /// How.
    pub outcome: Outcome,
}

/// A task's whole life.
#[derive(Debug, Clone)]
pub struct Life {
    /// When the task was created.
    pub created: i64,
    /// Its runs. Empty where it waits for something that never comes.
    pub runs: Vec<RunLife>,
    /// When it expires unless it has ended.
    pub deadline: i64,
}

/// The state of a task or a run in the queue's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Waits for its dependencies.
    Unscheduled,
    /// Waits for a worker.
    Pending,
    /// At work.
    Running,
    /// Ended.
    Resolved(Outcome),
}

impl TaskState {
    /// The queue's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Resolved(Outcome::Completed) => "completed",
            Self::Resolved(Outcome::Failed) => "failed",
            Self::Resolved(Outcome::Exception(_)) => "exception",
        }
    }
}

impl RunLife {
    /// The run's state at an instant.
    pub fn state_at(&self, now: i64) -> TaskState {
        if now >= self.resolved {
            TaskState::Resolved(self.outcome)
        } else if self.started.is_some_and(|started| now >= started) {
            TaskState::Running
        } else {
            TaskState::Pending
        }
    }
}

impl Life {
    /// The runs that can be seen at an instant, each with its state.
    pub fn runs_at(&self, now: i64) -> impl Iterator<Item = (&RunLife, TaskState)> {
        self.runs
            .iter()
            .take_while(move |run| run.scheduled <= now)
            .map(move |run| (run, run.state_at(now)))
    }

    /// The task's state at an instant.
    pub fn state_at(&self, now: i64) -> TaskState {
        match self.runs_at(now).last() {
            Some((_, state)) => state,
            None if now >= self.deadline => {
                TaskState::Resolved(Outcome::Exception("deadline-exceeded"))
            }
            None => TaskState::Unscheduled,
        }
    }

    /// Ends what has not ended at an instant, as somebody who takes the task back does.
    pub fn cancel(&mut self, at: i64) {
        let cancelled = Outcome::Exception("canceled");
        self.runs.retain(|run| run.scheduled <= at);
        match self.runs.last_mut() {
            Some(run) if run.resolved > at => {
                run.started = run.started.filter(|started| *started <= at);
                run.resolved = at;
                run.outcome = cancelled;
            }
            // What waits for another run of itself has not ended, either.
            Some(run) if !run.outcome.is_retried() => {}
            _ => {
                let run =
                    RunLife { scheduled: at, started: None, resolved: at, outcome: cancelled };
                self.runs.push(run);
            }
        }
    }

    /// When the last run ends, and how; `None` where it never does.
    pub fn end(&self) -> Option<(i64, Outcome)> {
        self.runs.last().map(|run| (run.resolved, run.outcome))
    }
}
