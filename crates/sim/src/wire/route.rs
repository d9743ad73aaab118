//! Which of two worlds a request is for: both speak from the same hosts, as the repositories of one
//! deployment do.

use mozci_core::ids::TaskId;

use super::reply::Request;
use crate::world::{TaskRef, World};

/// Whether a request is for this world: it names its repository, one of its pushes or its tasks.
pub(crate) fn is_for(world: &World, request: &Request<'_>) -> bool {
    let name = &world.autoland.name;
    let is_ours = |id: TaskId| TaskRef::read(world.seed(), id).is_some();
    let has_task = |text: &str| {
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let words = text.split(|c: char| !is_id(c)).filter(|word| word.len() == 22);
        words.filter_map(|word| word.parse().ok()).any(is_ours)
    };
    let pushes = ["push_id", "push_id__in", "push_ids"].iter().filter_map(|key| request.get(key));
    let mut ids = pushes.flat_map(|list| list.split(',')).filter_map(|id| id.parse::<u64>().ok());
    let body = String::from_utf8_lossy(request.body);
    let index = format!("gecko.v2.{name}.");
    request.path.contains(&format!("/project/{name}/"))
        || ids.any(|id| world.autoland.pushes.iter().any(|push| push.treeherder_id == id))
        || request.path.contains(&index)
        || body.contains(&index)
        || has_task(request.path)
        || request.get("task_id").is_some_and(has_task)
        || has_task(&body)
}
