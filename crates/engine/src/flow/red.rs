//! The newest push on which a job is red.

use mozci_clients::treeherder::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;

use super::history::{in_order, read_jobs, reading_jobs, treeherder_ids};
use crate::ci::Ci;
use crate::error::Error;

/// The newest of some pushes, newest first, on which runs of a job failed, with the job's runs there.
/// Where Treeherder shows runs this costs one question, whatever the number of pushes.
///
/// # Errors
/// [`Error::Service`]. A job that no push has is red nowhere.
pub async fn newest_red<'a>(
    ci: &Ci,
    pushes: &'a [Push],
    job: &JobName,
) -> Result<Option<(&'a Push, Vec<Run>)>, Error> {
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); pushes.len()];
    if ci.has_graphs() {
        let ids = treeherder_ids(ci, pushes).await?;
        let filter = JobFilter::Job(job.clone());
        let rows = ci.treeherder()?.jobs(&in_order(&ids), &filter).await.map_err(reading_jobs)?;
        for row in rows.rows {
            if let Some(place) = ids.get(&row.push) {
                runs[*place].push(row.run);
            }
        }
    } else {
        match read_jobs(ci, None, pushes, std::slice::from_ref(job), None).await {
            Ok(mut histories) => {
                let facts = histories.pop().map_or_else(Vec::new, |history| history.facts);
                runs = facts.into_iter().map(|facts| facts.runs).collect();
            }
            Err(Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let red = pushes.iter().zip(runs).find(|(_, runs)| runs.iter().any(|run| run.state.is_bad()));
    Ok(red)
}
