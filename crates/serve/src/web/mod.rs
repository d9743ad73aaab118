//! Pages and what they need.

mod events;
mod frame;
mod headers;
mod marks;
mod pages;
mod problem;
mod router;
mod signed_in;

pub(crate) use router::router;
