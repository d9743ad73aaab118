//! Where artifacts are stored: what the queue's 303 leads to.

use super::graph::content;
use super::reply::{Reply, Request};
use crate::world::World;

const GRAPH: &str = "full-task-graph.json";

/// Answers a request to the artifact store: `/public-bucket/<task>/<run>/<name>`.
pub(crate) fn storage(world: &World, request: &Request<'_>) -> Reply {
    let segments = request.segments();
    let missing = || Reply::new(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>");
    let [bucket, task, run, name @ ..] = segments.as_slice() else {
        return missing();
    };
    let found = (bucket == "public-bucket").then(|| task.parse().ok()).flatten().and_then(|id| {
        let dynamic = world.dynamic();
        let task = dynamic.task_of(world.seed(), id)?;
        let life = world.life(task, &dynamic)?;
        let number: usize = run.parse().ok()?;
        let of_run = (number, life.runs.get(number)?);
        content(world, task, of_run, &name.join("/"), &dynamic)
    });
    match found {
        Some((kind, _)) if world.config.task_graph.is_some() && name == ["public", GRAPH] => {
            // Stores give what was packed as it was put there.
            let file = world.config.task_graph.as_ref().map(std::fs::read);
            match file {
                Some(Ok(packed)) => {
                    Reply::new(200, kind, packed).with_header("content-encoding", "gzip".into())
                }
                _ => missing(),
            }
        }
        Some((kind, body)) => Reply::new(200, kind, body),
        None => missing(),
    }
}
