//! What a build left: the structured logs that it uploaded, else its text log.

use std::time::Instant;

use mozci_evidence::{Evidence, Format, is_settled};
use url::Url;

use super::find::AskedRun;
use super::read::{BUDGET, OVER_BUDGET, Read};
use super::wish::{RunEvidence, Wish};
use crate::buildapi::{BuildApi, Left};

/// Reads what a run left, as far as a dump told where that is.
pub(super) async fn read(api: &BuildApi, run: &AskedRun, wish: &Wish) -> Read {
    let mut read = Read { evidence: RunEvidence::default(), settled: true };
    let Some(Left { log, uploaded }) = api.left(run.run.key) else {
        let why = "no dump tells where its log is".to_owned();
        let evidence = RunEvidence { failed: Some(why), ..RunEvidence::default() };
        return Read { evidence, settled: false };
    };
    let mut sources: Vec<(u8, String, String, Format)> = uploaded
        .into_iter()
        .filter_map(|(name, url)| {
            let (order, format) = match name.as_str() {
                name if name.ends_with("_errorsummary.log") => (0, Format::Errorsummary),
                name if name.ends_with("_raw.log") => (1, Format::Structured),
                _ => return None,
            };
            Some((order, name, url, format))
        })
        .collect();
    sources.sort();
    sources.extend(log.map(|url| (2, "the log".to_owned(), url, Format::Text)));
    let wanted = wish.wanted();
    let until = Instant::now() + BUDGET;
    for (_, name, url, format) in sources {
        let told: Vec<&Evidence> = read.evidence.readings.iter().map(|r| &r.evidence).collect();
        if is_settled(wanted, wish.subject.as_ref(), &told, run.run.state.is_bad()) {
            break;
        }
        let Ok(parsed) = Url::parse(&url) else {
            read.evidence.pass_over(name, format!("{url:?} is no URL"));
            continue;
        };
        let question = wish.question(format);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            read.settled = false;
            read.evidence.pass_over(name, OVER_BUDGET);
            continue;
        }
        let reading = move |source| mozci_evidence::read(source, &question);
        let found = api.http.get_read(parsed, left, reading).await;
        read.take(name, Some(url), found);
    }
    read
}
