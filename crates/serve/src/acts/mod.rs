//! What people do from pages: plans that they confirm, and searches.

mod chase;
mod host;
mod keeper;
mod plans;
mod searches;

pub(crate) use keeper::Acts;
pub(crate) use plans::{Planned, State, Wanted};
pub(crate) use searches::SearchWanted;
