//! The configuration: which CIs there are, and how to get at them.

mod credentials;
mod file;
mod here;
mod lookup;
mod starter;

pub use credentials::{
    CredentialSource, Credentials, CredentialsCommand, credentials, credentials_missing, pulse,
};
pub use file::{
    CiConfig, CiKind, ClosedTree, Config, ConfigError, GroupRule, Guards, Names, Notify,
    PushlogKind, RepoConfig, VcsName,
};
pub use here::{Here, repo_of_clone};
pub use starter::Starter;
