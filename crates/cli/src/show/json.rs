//! JSON out: one documented, versioned object.

use mozci_core::push::Push;
use serde_json::{Map, Value, json};

use crate::context::Context;

/// The version of the object's shape. It goes up when a key changes its meaning or goes away.
pub(crate) const VERSION: u32 = 2;

/// The top of every object.
pub(crate) fn top(command: &str, context: &Context) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("version".into(), json!(VERSION));
    object.insert("command".into(), json!(command));
    object.insert("ci".into(), json!(context.ci_name));
    object.insert("repo".into(), json!(context.ci.repo));
    if let Some(about) = context.ci.about() {
        object.insert("judged_by".into(), json!(about));
    }
    object
}

/// A push with everything that is known of it.
pub(crate) fn push_json(push: &Push) -> Value {
    json!({
        "id": push.id,
        "revision": push.revision.hash(),
        "vcs": push.revision.vcs(),
        "git": push.git.as_ref().map(|git| git.hash()),
        "author": push.author,
        "date": push.date,
        "changesets": push.changesets.iter().map(|c| json!({
            "revision": c.revision.hash(),
            "git": c.git.as_ref().map(|git| git.hash()),
        })).collect::<Vec<_>>(),
    })
}
