//! Whose pushes are meant on a command line.

use std::process::Command;

use mozci_core::push::Push;
use mozci_core::range::Reach;
use mozci_engine::Error;

use crate::context::Context;

/// Pushes that are looked through for somebody's where no range is given.
const LOOKED_THROUGH: u32 = 99;

/// Whose pushes are meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct AuthorArgs {
    /// Only pushes by this person: a part of the name or address; `@me` is whoever Git or Mercurial
    /// is set up for here
    #[arg(long, value_name = "WHO")]
    author: Option<String>,
}

impl AuthorArgs {
    /// How far a range goes where nothing is said: further where somebody's pushes are looked for.
    pub(crate) fn reach(&self, otherwise: u32) -> Reach {
        Reach::Back(if self.author.is_some() { LOOKED_THROUGH } else { otherwise })
    }

    /// The pushes of whoever is meant.
    ///
    /// # Errors
    /// [`Error::Usage`] where nobody knows who `@me` is, [`Error::NotFound`] where no push is theirs.
    pub(crate) fn keep(&self, pushes: Vec<Push>, context: &Context) -> Result<Vec<Push>, Error> {
        let Some(author) = &self.author else { return Ok(pushes) };
        let who = match author.as_str() {
            "@me" => me(context)?,
            other => other.to_lowercase(),
        };
        let looked = pushes.len();
        let is_theirs = |push: &Push| push.author.to_lowercase().contains(&who);
        let theirs: Vec<Push> = pushes.into_iter().filter(is_theirs).collect();
        if theirs.is_empty() {
            return Err(Error::NotFound(format!(
                "none of the {looked} pushes that were read is by {who:?}; --back-revisions or --since reads more"
            )));
        }
        Ok(theirs)
    }
}

/// The address of whoever runs the command, as Git or Mercurial has it.
fn me(context: &Context) -> Result<String, Error> {
    let folder = context.global.clone.clone().unwrap_or_else(|| ".".into());
    let ask = |program: &str, arguments: &[&str]| {
        let answer = Command::new(program).args(arguments).current_dir(&folder).output().ok()?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_lowercase();
        (answer.status.success() && !text.is_empty()).then(|| address(&text))
    };
    ask("git", &["config", "user.email"])
        .or_else(|| ask("hg", &["config", "ui.username"]))
        .ok_or_else(|| {
            Error::Usage(
                "neither Git nor Mercurial knows who you are here: set `git config user.email`, or name yourself with --author".into(),
            )
        })
}

/// The address within `Name <address>`, else the text as it is.
fn address(text: &str) -> String {
    let within = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    within.map_or(text, |(address, _)| address).to_owned()
}
