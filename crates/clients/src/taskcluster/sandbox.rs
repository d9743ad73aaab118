//! Rendering in a process of its own: a program of ours, started anew, with little memory and time.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::actions::{ActionError, Rendered};
use super::render::{LARGEST_RESULT, Rendering};

/// The argument by which a program is asked to render: it calls [`serve`].
pub const RENDER: &str = "render-action";

/// Memory that the process may write to, in bytes, and processor time in seconds. It
/// sets these limits itself before it reads anything.
pub const MEMORY: u64 = 256 << 20;
/// See [`MEMORY`].
pub const SECONDS: u64 = 3;

/// How long it may take as a whole.
const PATIENCE: Duration = Duration::from_secs(8);

/// The longest question that is read: schema, template and variables are bounded each.
const LONGEST_QUESTION: u64 = 2 << 20;

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Rendered(Value),
    Refused(String),
    Template(String),
}

impl Rendering {
    /// Renders here what is plain, and all else in a process of its own: `program` with the argument
    /// [`RENDER`]. Without a program what is not plain is refused.
    ///
    /// # Errors
    /// [`ActionError`]; [`ActionError::Template`] where it takes too much memory or time.
    pub async fn render(self, program: Option<&Path>) -> Result<Rendered, ActionError> {
        if self.is_plain() {
            return self.run();
        }
        let Some(program) = program else {
            let reason = "it computes more than is rendered without a process of its own";
            return self.rendered(Err(reason.to_owned()));
        };
        let name = self.action.clone();
        match tokio::time::timeout(PATIENCE, asked(program, &self)).await {
            Ok(Ok(Answer::Rendered(payload))) => self.rendered(Ok(payload)),
            Ok(Ok(Answer::Refused(reason))) => Err(ActionError::Refused { name, reason }),
            Ok(Ok(Answer::Template(reason)) | Err(reason)) => self.rendered(Err(reason)),
            Err(_) => self.rendered(Err(TOO_MUCH.to_owned())),
        }
    }
}

const TOO_MUCH: &str = "it takes more memory or time than rendering may";

async fn asked(program: &Path, rendering: &Rendering) -> Result<Answer, String> {
    let question = serde_json::to_vec(rendering).map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .arg(RENDER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What a process that overflows its stack says helps nobody.
        .stderr(Stdio::null())
        .env_clear()
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("no process to render it in: {error}"))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("no process to render it in".to_owned());
    };
    // One that ended before it read everything is told by what it answered.
    let asking = async move {
        let _ = input.write_all(&question).await;
    };
    let mut answer = Vec::new();
    let mut output = output.take(2 * LARGEST_RESULT as u64);
    let reading = output.read_to_end(&mut answer);
    let ((), read) = tokio::join!(asking, reading);
    read.map_err(|error| error.to_string())?;
    drop(output);
    let ended = child.wait().await.map_err(|error| error.to_string())?;
    match serde_json::from_slice(&answer) {
        Ok(answer) if ended.success() => Ok(answer),
        _ => Err(TOO_MUCH.to_owned()),
    }
}

/// Answers one question: the other side of [`Rendering::render`]. The caller has limited memory and
/// time before.
///
/// # Errors
/// An I/O error, or a question that is none.
pub fn serve(input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let rendering: Rendering = serde_json::from_reader(input.take(LONGEST_QUESTION))?;
    let answer = match rendering.run() {
        Ok(rendered) => Answer::Rendered(rendered.payload),
        Err(ActionError::Refused { reason, .. }) => Answer::Refused(reason),
        Err(ActionError::Template { reason, .. }) => Answer::Template(reason),
        Err(error) => Answer::Template(error.to_string()),
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}
