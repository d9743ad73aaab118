//! Logs and reports on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use mozci_engine::config::Config;
use mozci_engine::flow::{EvidenceWish, FileEvidence, FilesRead, read_files};
use mozci_engine::{Error, Kind};
use mozci_evidence::{Evidence, Question, Rules, together};
use serde_json::{Value, json};

use super::Args;
use crate::app::{Done, Global};
use crate::failure;
use crate::show::{Out, VERSION, plural, show_evidence, show_explained, show_same_files};

/// Reads logs and reports and shows what failed in them.
pub(super) fn run(args: &Args, wish: &EvidenceWish, global: &Global) -> Done {
    let mut out = Out::stdout(global);
    let question = Question {
        // Only text has lines around something.
        format: (wish.context > 0 || wish.pattern.is_some())
            .then_some(mozci_evidence::Format::Text),
        subject: wish.subject.clone(),
        pattern: wish.pattern.clone(),
        context: wish.context,
        rules: rules(global)?,
        explain: args.explain.is_some(),
        ..Question::default()
    };
    let named: Vec<&PathBuf> = args.file.iter().chain(&args.explain).collect();
    let FilesRead { files: read, is_one, left_out, notes } = read_files(&named, &question)?;
    for note in notes {
        failure::say(&format!("note: {note}"));
    }
    if out.json {
        out.object(&object(args, &read, is_one, left_out))?;
    } else {
        show(&mut out, args, &read, wish);
        if !is_one || args.group {
            out.line(&last_line(&read, left_out));
        }
    }
    out.finish()?;
    status(&read, global)
}

/// The exit status: whether anything failed, and whether that is open.
fn status(read: &[FileEvidence], global: &Global) -> Done {
    let void: Vec<&FileEvidence> = read.iter().filter(|file| file.evidence.is_void()).collect();
    if !read.is_empty() && void.len() == read.len() {
        for file in void {
            let why: Vec<String> = file.evidence.marks.iter().map(|mark| mark.words()).collect();
            failure::say(&format!("error: {}: {}", file.name, why.join("; ")));
        }
        return Ok(failure::exit_status(Kind::Usage));
    }
    Ok(match read {
        _ if !global.exit_status => 0,
        read if read.iter().any(|file| file.evidence.total > 0) => 1,
        read if read.iter().any(|file| file.evidence.is_unclear()) => failure::UNCLEAR,
        _ => 0,
    })
}

/// The rules of the config's `[[rules]]`, where it has any.
fn rules(global: &Global) -> Result<Option<Arc<Rules>>, Error> {
    if global.ci.as_deref() == Some("demo") {
        return Ok(None);
    }
    Config::load(global.config.as_deref())?.log_rules()
}

fn show(out: &mut Out, args: &Args, read: &[FileEvidence], wish: &EvidenceWish) {
    if args.group {
        let named: Vec<(&str, &Evidence)> =
            read.iter().map(|file| (file.name.as_str(), &file.evidence)).collect();
        return show_same_files(out, &named);
    }
    for file in read {
        show_evidence(out, &file.name, &file.evidence, wish);
        if args.explain.is_some() {
            show_explained(out, &file.evidence);
        }
    }
}

/// What was read, and what of it is bad or open.
fn last_line(read: &[FileEvidence], left_out: usize) -> String {
    let lines: u64 = read.iter().map(|file| file.evidence.lines).sum();
    let failures: u64 = read.iter().map(|file| file.evidence.total).sum();
    let bad = read.iter().filter(|file| file.evidence.total > 0).count();
    let open = read.iter().filter(|file| file.evidence.is_unclear()).count();
    let void = read.iter().filter(|file| file.evidence.is_void()).count();
    let mut text = format!(
        "read {} ({}): {} in {}",
        plural(read.len(), "file"),
        plural(lines as usize, "line"),
        plural(failures as usize, "failure"),
        plural(bad, "file")
    );
    if open > 0 {
        text.push_str(&format!("; in {} no failure was recognised", plural(open, "file")));
    }
    if void > 0 {
        text.push_str(&format!(
            "; {} no log",
            match void {
                1 => "1 is".to_owned(),
                _ => format!("{void} are"),
            }
        ));
    }
    if left_out > 0 {
        text.push_str(&format!("; {} more were not read", left_out));
    }
    text
}

fn object(args: &Args, read: &[FileEvidence], is_one: bool, left_out: usize) -> Value {
    let mut object = json!({"version": VERSION, "command": "failures"});
    let all: Vec<Value> = read
        .iter()
        .map(|file| {
            let mut value = json!({"file": file.name});
            if let (Some(value), Ok(Value::Object(told))) =
                (value.as_object_mut(), serde_json::to_value(&file.evidence))
            {
                value.extend(told);
            }
            value
        })
        .collect();
    let Some(fields) = object.as_object_mut() else { return object };
    if let (true, [Value::Object(only)]) = (is_one, all.as_slice()) {
        fields.extend(only.clone());
    } else {
        fields.insert("files".into(), all.into());
        fields.insert("left_out".into(), left_out.into());
    }
    if args.group {
        fields.insert("groups".into(), groups(read));
    }
    object
}

/// The failures put together by their signatures; guesses are none.
fn groups(read: &[FileEvidence]) -> Value {
    let failures = read
        .iter()
        .enumerate()
        .flat_map(|(place, file)| file.evidence.certain().map(move |failure| (place, failure)));
    let groups = together(failures).into_iter().map(|same| {
        let files: Vec<&str> = same.places.iter().map(|place| read[*place].name.as_str()).collect();
        json!({
            "signature": same.failure.signature,
            "kind": same.failure.kind,
            "test": same.failure.test,
            "message": same.failure.message,
            "example": same.failure,
            "files": files,
            "times": same.times,
            "known_intermittent": same.is_known,
        })
    });
    groups.collect()
}
