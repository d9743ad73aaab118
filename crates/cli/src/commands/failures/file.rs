//! A log on this machine.

use std::path::Path;

use mozci_clients::files;
use mozci_engine::Error;
use mozci_engine::flow::EvidenceWish;
use mozci_evidence::{Evidence, Question, read};
use serde_json::{Value, json};

use super::usage;
use crate::app::{Done, Global};
use crate::failure;
use crate::show::{Out, VERSION, show_evidence};

/// Reads a log and shows what failed in it.
pub(super) fn run(path: &Path, wish: &EvidenceWish, global: &Global) -> Done {
    let mut out = Out::stdout(global);
    let question = Question {
        // Only text has lines around something.
        format: (wish.context > 0 || wish.pattern.is_some())
            .then_some(mozci_evidence::Format::Text),
        subject: wish.subject.clone(),
        pattern: wish.pattern.clone(),
        context: wish.context,
        ..Question::default()
    };
    let name = path.display().to_string();
    let evidence = if name == "-" {
        read(std::io::stdin(), &question)
    } else {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound(format!("there is no file {name}")),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::TimedOut => {
                usage(format!("{name} cannot be read, {error}: give a log, or `-` for stdin"))
            }
            _ => Error::Odd(format!("{name} cannot be read: {error}")),
        };
        read(files::open(path).map_err(failed)?, &question)
    };
    if out.json {
        out.object(&object(&name, &evidence))?;
    } else {
        show_evidence(&mut out, &name, &evidence, wish);
    }
    out.finish()?;
    if evidence.is_void() {
        let why: Vec<String> = evidence.marks.iter().map(|mark| mark.words()).collect();
        failure::say(&format!("error: {name}: {}", why.join("; ")));
        return Ok(failure::status(mozci_engine::Kind::Usage));
    }
    Ok(u8::from(global.exit_status && evidence.total > 0))
}

fn object(name: &str, evidence: &Evidence) -> Value {
    let mut object = json!({"version": VERSION, "command": "failures", "file": name});
    if let (Some(object), Ok(Value::Object(told))) =
        (object.as_object_mut(), serde_json::to_value(evidence))
    {
        object.extend(told);
    }
    object
}
