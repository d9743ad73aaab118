//! Tables of pushes by jobs.

mod cells;
mod choose;
mod coalesced;
mod counts;
mod grid;
mod long;
mod rows;

pub(crate) use choose::show_matrix;
