//! Treestatus: whether a tree takes landings, and so whether anybody should request more runs there.

mod status;

pub use status::{TreeState, TreeStatus, Treestatus};
