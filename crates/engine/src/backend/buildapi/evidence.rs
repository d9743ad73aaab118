//! What a build left: the structured logs that it uploaded, else its text log.

use mozci_evidence::{Evidence, Format, is_settled};
use url::Url;

use crate::backend::buildapi::api::{BuildApi, Left};
use crate::flow::evidence::find::AskedRun;
use crate::flow::evidence::read::Read;
use crate::flow::evidence::wish::Wish;

/// Reads what a run left, as far as a dump told where that is.
pub(crate) async fn read(api: &BuildApi, run: &AskedRun, wish: &Wish) -> Read {
    let mut read = Read::begin();
    let Some(Left { log, uploaded }) = api.left(run.run.key) else {
        let why = "no dump tells where its log is".to_owned();
        return Read::failed(why);
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
    for (_, name, url, format) in sources {
        let told: Vec<&Evidence> = read.evidence.readings.iter().map(|r| &r.evidence).collect();
        if is_settled(wanted, wish.subject.as_ref(), &told, run.run.state.is_bad()) {
            break;
        }
        let Ok(parsed) = Url::parse(&url) else {
            read.evidence.pass_over(name, format!("{url:?} is not a URL"));
            continue;
        };
        let question = wish.question(format);
        let Some(left) = read.left(&name) else { continue };
        let reading = move |source| mozci_evidence::read(source, &question);
        let found = api.http.get_read(parsed, left, reading).await;
        read.take(name, Some(url), found);
    }
    read
}
