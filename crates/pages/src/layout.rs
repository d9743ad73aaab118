//! What all pages have in common.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The one style sheet.
pub const STYLE: &str = include_str!("../assets/mozci.css");

/// A page that is one file: the style sheet within it, nothing from elsewhere, no script.
pub(crate) fn one_file(title: &str, main: &Markup, foot: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main id="main" { (main) }
                footer class="foot" { (foot) }
            }
        }
    }
}
