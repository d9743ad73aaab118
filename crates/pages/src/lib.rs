//! Pages of HTML. What comes from servers, logs and commits is untrusted: maud escapes it, and nothing that a
//! terminal or a browser obeys is left in it.

mod chart;
mod layout;
mod marks;
mod report;
mod words;

pub use chart::{probability, strip, two_rates};
pub use layout::STYLE;
pub use marks::{legend, mark};
pub use report::{About, report};
pub use words::{age, instant, plain, plural, rate};
