//! The config file that somebody begins with.

use crate::config::file::{CiKind, Config};
use crate::error::Error;

/// What is known of a CI that nobody configured yet.
#[derive(Debug, Clone)]
pub struct Starter {
    /// The kind, as the config writes it.
    pub kind: String,
    /// The root URL, or that of the master or of self-serve.
    pub url: String,
    /// The CI's name in the config.
    pub name: String,
    /// The repository's name in the config.
    pub repo: String,
    /// The branch, where it is called otherwise.
    pub branch: Option<String>,
    /// Treeherder, for the kinds that it shows.
    pub treeherder_url: Option<String>,
    /// The Mercurial repository whose pushlog has the pushes.
    pub pushlog_url: Option<String>,
}

impl Starter {
    /// The text of the file, with comments. It is read once, so that what it says can be used.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown kind, for something that the kind needs, and for what the config refuses.
    pub fn text(&self) -> Result<String, Error> {
        let kind: CiKind = serde_json::from_value(self.kind.as_str().into()).map_err(|_| {
            Error::Usage(format!(
                "{:?} is not a kind of CI: give taskcluster, buildbot or buildapi",
                self.kind
            ))
        })?;
        let Self { url, name, repo, .. } = self;
        let mut text = format!(
            "# Which CI is used where --ci names none. `mozci config list` shows all of them.\n\
             default_ci = {}\n\n[ci.{}]\nkind = {}\n",
            quoted(name),
            quoted(name),
            quoted(&self.kind)
        );
        let needs = |option: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| Error::Usage(format!("a {} CI needs {option}", self.kind)))
        };
        match kind {
            CiKind::Taskcluster => {
                let treeherder = needs("--treeherder-url URL", &self.treeherder_url)?;
                text.push_str(&format!(
                    "root_url = {}\ntreeherder_url = {}\n",
                    quoted(url),
                    quoted(&treeherder)
                ));
            }
            CiKind::Buildbot | CiKind::BuildApi => {
                text.push_str(&format!("url = {}\n", quoted(url)));
            }
        }
        text.push_str(
            "# A program that prints credentials as JSON; without one the environment has them.\n\
             # credentials_command = [\"pass\", \"mozci\"]\n",
        );
        text.push_str(&format!("\n[ci.{}.repos.{}]\n", quoted(name), quoted(repo)));
        match (kind, &self.pushlog_url) {
            (CiKind::Buildbot, _) => {
                text.push_str("# Pushes are the changes that the master knows of this branch.\n");
                text.push_str("pushlog = \"changes\"\n");
                let branch = self.branch.as_ref().unwrap_or(repo);
                text.push_str(&format!("branch = {}\n", quoted(branch)));
            }
            (CiKind::Taskcluster, None) => {
                text.push_str(&format!(
                    "pushlog = \"treeherder\"\ntreeherder_project = {}\n",
                    quoted(repo)
                ));
            }
            (CiKind::Taskcluster | CiKind::BuildApi, pushlog) => {
                let pushlog = needs("--pushlog-url URL", pushlog)?;
                text.push_str(&format!("pushlog = \"hg\"\nurl = {}\n", quoted(&pushlog)));
            }
        }
        let config = Config::parse(&text).map_err(|error| Error::Usage(error.to_string()))?;
        config.ci(Some(name))?;
        Ok(text)
    }
}

/// A text as TOML has it: the escapes of JSON are among those of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starter(kind: &str) -> Starter {
        Starter {
            kind: kind.into(),
            url: "https://ci.example.org/".into(),
            name: "my \"farm\"".into(),
            repo: "main".into(),
            branch: Some("release".into()),
            treeherder_url: None,
            pushlog_url: None,
        }
    }

    #[test]
    fn each_kind_is_a_config_that_can_be_used() {
        let text = starter("buildbot").text().unwrap();
        let config = Config::parse(&text).unwrap();
        let (name, ci) = config.ci(None).unwrap();
        assert_eq!(
            (name, ci.repo(None).unwrap().1.branch.as_deref()),
            ("my \"farm\"", Some("release"))
        );
        let taskcluster = Starter {
            treeherder_url: Some("https://treeherder.example.org".into()),
            ..starter("taskcluster")
        };
        assert!(taskcluster.text().unwrap().contains("treeherder_project = \"main\""));
        let era = Starter {
            pushlog_url: Some("https://hg.example.org/main".into()),
            ..starter("buildapi")
        };
        assert!(era.text().unwrap().contains("pushlog = \"hg\""));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |starter: Starter| starter.text().unwrap_err().to_string();
        assert!(error(starter("jenkins")).contains("is not a kind of CI"));
        assert!(error(starter("taskcluster")).contains("--treeherder-url"));
        assert!(error(starter("buildapi")).contains("--pushlog-url"));
    }
}
