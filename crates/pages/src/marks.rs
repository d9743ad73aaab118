//! Marks of runs: told apart by their shapes, with a word for who does not see them.

use maud::{Markup, html};
use mozci_core::flakiness::Told;
use mozci_core::run::Run;

/// A run's mark, its class in the style sheet, and its word.
fn of(run: &Run) -> (&'static str, &'static str, &'static str) {
    match Told::of(run) {
        Told::Failed => ("f", "✗", "failed"),
        Told::Passed => ("p", "✓", "passed"),
        Told::Open => ("r", "▸", "not ended"),
        Told::NotRun => ("n", "○", "ran without it"),
        _ => ("x", "!", "no evidence"),
    }
}

/// A run's mark, with a link to it where there is one.
pub fn mark(run: &Run, link: Option<String>) -> Markup {
    let (class, sign, word) = of(run);
    let sign = html! { i class={ "m " (class) } aria-hidden="true" { (sign) } span class="vh" { (word) " " } };
    match link {
        Some(link) => html! { a href=(link) title=(word) { (sign) } },
        None => sign,
    }
}

/// What the marks mean.
pub fn legend() -> Markup {
    html! {
        p class="legend" {
            span { i class="m f" aria-hidden="true" { "✗" } "failed" }
            span { i class="m p" aria-hidden="true" { "✓" } "passed" }
            span { i class="m r" aria-hidden="true" { "▸" } "not ended" }
            span { i class="m n" aria-hidden="true" { "○" } "ran without it" }
            span { i class="m x" aria-hidden="true" { "!" } "no evidence" }
        }
    }
}
