//! The configuration: which CIs there are, and how to get at them.

mod credentials;
mod file;

pub use credentials::{Credentials, credentials, credentials_missing, pulse};
pub use file::{
    CiConfig, CiKind, ClosedTree, Config, ConfigError, GroupRule, Guards, Notify, PushlogKind,
    RepoConfig, VcsName,
};
