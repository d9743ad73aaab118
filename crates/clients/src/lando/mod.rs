//! Lando, which lands in Git and knows what its commits are called in Mercurial.

mod names;

pub use names::Lando;
