//! Whether the service and its sources are well: for people, for whoever restarts it, and for Prometheus.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_engine::flow::{Health, doctor};
use mozci_pages::plain;

use super::common::{first_watched, frame};
use crate::access::Session;
use crate::service::Service;

/// That it runs.
pub(in crate::web) async fn alive() -> &'static str {
    "ok\n"
}

/// That it can show something of each repository.
pub(in crate::web) async fn ready(State(service): State<Arc<Service>>) -> Response {
    let waiting: Vec<&str> = service
        .repos
        .iter()
        .filter(|(_, watched)| watched.snapshot().is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    match waiting.is_empty() {
        true => "ok\n".into_response(),
        false => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not read yet: {}\n", waiting.join(", ")))
                .into_response()
        }
    }
}

/// Checks each source, as `mozci doctor` does.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
) -> Response {
    let (repo, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    let checks = doctor(&watched.ci).await;
    let failed = checks.iter().filter(|check| check.health == Health::Fail).count();
    let body = html! {
        h1 { @if failed == 0 { "Every source answers" } @else { (failed) " checks fail" } }
        section class="box mt" { div class="scroll" role="region" aria-label="Checks" tabindex="0" { table {
            thead { tr { th scope="col" { "State" } th scope="col" { "Service" } th scope="col" { "Check" } th scope="col" class="num c3" { "Took" } th scope="col" { "Detail" } } }
            tbody { @for check in &checks { tr {
                td { @match check.health { Health::Ok => "ok", Health::Warn => { b { "warning" } }, Health::Fail => { b { "fails" } }, Health::Skipped => "not checked" } }
                td { (check.source) } td { (check.check) } td class="num c3" { (check.ms) " ms" } td class="wrap" { (plain(&check.detail)) }
            } } }
        } } }
    };
    frame(&service, &session, repo, "Health", "Health").page(&body).into_response()
}

/// Figures in the text format of Prometheus.
pub(in crate::web) async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let mut text = String::new();
    let mut figure =
        |name: &str, kind: &str, help: &str, of: &dyn Fn(&crate::watch::Watched) -> f64| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (repo, watched) in &service.repos {
                let _ = writeln!(
                    text,
                    "{name}{{repo=\"{}\"}} {}",
                    repo.replace(['"', '\\', '\n'], "_"),
                    of(watched)
                );
            }
        };
    figure(
        "mozci_snapshot_age_seconds",
        "gauge",
        "Age of what pages show; -1 where nothing was read yet.",
        &|watched| watched.snapshot().map_or(-1.0, |read| watched.ci.now().since(read.at) as f64),
    );
    figure("mozci_pushes", "gauge", "Pushes that are watched.", &|watched| {
        watched.snapshot().map_or(0.0, |read| read.pushes.len() as f64)
    });
    figure("mozci_runs", "gauge", "Runs of these pushes.", &|watched| {
        watched
            .snapshot()
            .map_or(0.0, |read| read.matrix.rows.iter().map(Vec::len).sum::<usize>() as f64)
    });
    figure("mozci_failures", "gauge", "Different failures in these runs.", &|watched| {
        watched.snapshot().map_or(0.0, |read| read.groups.len() as f64)
    });
    figure(
        "mozci_ci_unreadable",
        "gauge",
        "1 where the CI could not be read the last time.",
        &|watched| f64::from(u8::from(watched.problem().is_some())),
    );
    figure(
        "mozci_ci_requests_total",
        "counter",
        "Requests sent to the CI for what pages show.",
        &|watched| watched.ci.usage().requests as f64,
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
