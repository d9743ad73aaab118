//! Charts, drawn here as SVG.

use maud::{Markup, html};
use mozci_core::rate::{Rate, percent};
use mozci_core::standing::Seen;

/// The width of a chart's scale, from the left edge to 100 %.
const SCALE: (f64, f64) = (8.0, 292.0);

fn at(share: f64) -> f64 {
    let (left, right) = SCALE;
    left + share.clamp(0.0, 1.0) * (right - left)
}

fn x(share: f64) -> String {
    format!("{:.1}", at(share))
}

/// Two rates with their intervals on one scale: before and since.
pub fn two_rates(before: &Rate, since: &Rate) -> Markup {
    let told = |rate: &Rate| match rate.runs {
        0 => "no run".to_owned(),
        _ => format!(
            "{} (95 %: {} to {})",
            percent(rate.rate),
            percent(rate.low),
            percent(rate.high)
        ),
    };
    let label = format!("before {}; since {}", told(before), told(since));
    html! {
        svg class="chart" width="300" height="86" viewBox="0 0 300 86" role="img" aria-label=(label) {
            @for (share, text, anchor) in [
                (0.0, "0 %", "start"), (0.25, "25 %", "middle"), (0.5, "50 %", "middle"),
                (0.75, "75 %", "middle"), (1.0, "100 %", "end"),
            ] {
                line class="ax" x1=(x(share)) x2=(x(share)) y1="4" y2="64" {}
                text x=(x(share)) y="80" text-anchor=(anchor) { (text) }
            }
            @if before.runs > 0 {
                line class="ciA" x1=(x(before.low)) x2=(x(before.high)) y1="20" y2="20" {}
                circle class="pA" cx=(x(before.rate)) cy="20" r="4.5" {}
            }
            @if since.runs > 0 {
                line class="ciB" x1=(x(since.low)) x2=(x(since.high)) y1="46" y2="46" {}
                rect class="pB" x=(format!("{:.1}", at(since.rate) - 4.5)) y="41.5" width="9" height="9" {}
            }
        }
    }
}

/// A probability as a bar with its number.
pub fn probability(share: f64, text: &str) -> Markup {
    let width = format!("{:.1}", share.clamp(0.0, 1.0) * 100.0);
    html! {
        div class="pbar" {
            svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true" {
                rect class="bg" width="100" height="14" {}
                rect width=(width) height="14" {}
            }
            span { @if share >= 0.02 { b { (text) } } @else { (text) } }
        }
    }
}

/// What the runs of a failure's jobs said on each push, oldest left: tall where it failed, low where it passed, a dot
/// where nothing ran. `seen` is newest first.
pub fn strip(seen: &[Seen]) -> Markup {
    const STEP: usize = 6;
    let width = seen.len() * STEP;
    let failed = seen.iter().filter(|seen| seen.failed > 0).count();
    let label = format!("{} pushes, oldest left; it failed on {failed} of them", seen.len());
    html! {
        svg class="strip" width=(width) height="30" viewBox={ "0 0 " (width) " 30" } role="img" aria-label=(label) {
            @for (place, seen) in seen.iter().rev().enumerate() {
                @let x = place * STEP;
                @match (seen.failed, seen.passed) {
                    (0, 0) if seen.unclear > 0 => rect class="x" x=(x) y="14" width="4" height="14" {},
                    (0, 0) => rect class="h" x=(x + 2) y="26" width="1.5" height="1.5" {},
                    (0, _) => rect class="p" x=(x) y="20" width="4" height="8" {},
                    (_, 0) => rect class="f" x=(x) y="4" width="4" height="24" {},
                    _ => { rect class="f" x=(x) y="4" width="4" height="14" {} rect class="p" x=(x) y="20" width="4" height="8" {} },
                }
            }
        }
    }
}
