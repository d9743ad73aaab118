//! What a red job is chased for: a job can be red for several reasons, and runs that failed for another one prove
//! nothing.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::flow::{WhyRed, newest_red, why_red};

/// Has every run judged by the reason for which a job is red on the newest red one of some pushes. What that is, in
/// words; where it cannot be found, any failure of the job counts, and that is said.
///
/// # Errors
/// Those of reading the runs.
pub(super) async fn chase(ci: &Ci, job: &str, pushes: &[Push]) -> Result<String, Error> {
    let job = JobName::new(job);
    let red = newest_red(ci, pushes, &job).await?;
    let Some((push, runs)) = red else {
        return Ok("no run of the job failed there: any failure of the job counts".to_owned());
    };
    let id = push.id;
    let WhyRed { reasons, unread, .. } = why_red(ci, &job, &runs).await;
    Ok(match reasons.into_iter().next() {
        Some(first) => {
            let name = first.name().unwrap_or("a failure that belongs to no test").to_owned();
            ci.judge_by(first.about);
            format!("chasing {name}, which failed on push {id}")
        }
        None => {
            let why = unread.unwrap_or_else(|| "no reason was found".to_owned());
            format!(
                "why it failed on push {id} is not known ({why}): any failure of the job counts"
            )
        }
    })
}
