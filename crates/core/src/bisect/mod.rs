//! Which push broke it, where failures come and go: a search under noise ([`Search`]).

mod bound;
mod choice;
mod counts;
mod fit;
mod floor;
mod gone;
mod pool;
mod posterior;
mod prior;
mod search;
mod since;
mod tells;
#[cfg(test)]
mod tests;
mod verdict;
mod world;

pub use bound::{Bound, bound};
pub use counts::{Counts, Outcome};
pub use floor::{Floor, floor};
pub use pool::Pool;
pub use posterior::Posterior;
pub use prior::{Backout, Before, History, Setup, Suspect};
pub use search::Search;
pub use since::After;
pub use tells::Tells;
pub use verdict::{Possibility, Verdict, Why};
pub use world::Drawn;
