//! What runs are judged by on a command line, where it is not how they ended.

use mozci_core::run_spec::{RunError, RunSpec};
use mozci_engine::Error;
use mozci_engine::flow::{SameAs, Subjects, judge_by};
use mozci_evidence::Signature;

use crate::context::Context;
use crate::show::{Out, shell_word};

/// What runs are judged by.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Judged by")]
pub(crate) struct SubjectArgs {
    /// A run is bad if this test failed in it, good if the test ran and passed, else unknown
    #[arg(long, value_name = "TEST", conflicts_with = "group")]
    test: Option<String>,
    /// The same of a group: a manifest
    #[arg(long, value_name = "MANIFEST")]
    group: Option<String>,
    /// A run is bad if it has the failure of this run: a task id, a link to a task, job or build; or
    /// a signature that `mozci failures` shows. Of several failures --test says which
    #[arg(long, value_name = "RUN")]
    same_failure_as: Option<String>,
}

impl SubjectArgs {
    /// The arguments again, for a command that is suggested.
    pub(crate) fn again(&self) -> String {
        let given = [
            ("test", &self.test),
            ("group", &self.group),
            ("same-failure-as", &self.same_failure_as),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        given.map(|(name, value)| format!(" --{name} {}", shell_word(value))).collect()
    }

    /// The run whose failure is meant, where one is named.
    ///
    /// # Errors
    /// [`Error::Usage`] for what names no run.
    pub(crate) fn run(&self) -> Result<Option<RunSpec>, Error> {
        Ok(match self.same()? {
            Some(SameAs::Run(run)) => Some(run),
            Some(SameAs::Signature(_)) | None => None,
        })
    }

    /// The failure that is meant, where one is named.
    fn same(&self) -> Result<Option<SameAs>, Error> {
        let Some(text) = self.same_failure_as.as_deref().map(str::trim) else { return Ok(None) };
        if Signature::is_id(text) {
            return Ok(Some(SameAs::Signature(text.to_owned())));
        }
        let run = text.parse().map_err(|error: RunError| Error::Usage(error.to_string()))?;
        Ok(Some(SameAs::Run(run)))
    }

    /// Has every run that the command reads from here on judged so, and says by what.
    pub(crate) async fn apply(&self, context: &Context, out: &mut Out) -> Result<(), Error> {
        let same_failure_as = self.same()?;
        let Self { test, group, .. } = self.clone();
        if same_failure_as.is_some() {
            context.progress("reading the failure");
        }
        judge_by(&context.ci, &Subjects { test, group, same_failure_as }).await?;
        if let Some(about) = context.ci.about() {
            let subject = about.subject.as_ref().map(|subject| subject.name());
            let line = match (subject, about.signatures.len()) {
                (Some(subject), 0) => format!("judged by {subject}"),
                (Some(subject), ways) => {
                    let ways =
                        if ways > 1 { format!(" in any of {ways} ways") } else { String::new() };
                    format!("judged by the same failure of {subject}{ways}")
                }
                (None, _) => "judged by the same failure".to_owned(),
            };
            out.line(&line);
        }
        Ok(())
    }
}
