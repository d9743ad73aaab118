//! What the program says of its work on stderr, by `tracing`.
//!
//! News that make a command take its time are warnings, and shown unless `-q`. Requests are `info` (`-v`), what is
//! done about them `debug` (`-vv`). `MOZCI_LOG` sets levels by target: `debug`, or `mozci_store=trace,mozci_clients=info`.
//! Only events and spans of mozci's own crates are shown: what other crates log may hold credentials. With -vv a line
//! begins with its spans: which search or request it belongs to.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::app::Global;
use crate::failure;

/// The variable that sets levels by target.
const VARIABLE: &str = "MOZCI_LOG";

/// Starts to log, as the options and the environment say.
pub(crate) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let usual = Targets::new().with_default(level);
    let (levels, problem) = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => match text.parse::<Targets>() {
            Ok(levels) => (levels, None),
            Err(error) => (usual, Some(format!("{VARIABLE}={text:?}: {error}; it is ignored"))),
        },
        _ => (usual, None),
    };
    let own = FilterFn::new(is_own as fn(&Metadata<'_>) -> bool);
    let layer = Stderr.with_filter(levels).with_filter(own);
    // Another one is there already in a test alone.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Whether an event is of one of mozci's crates.
fn is_own(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    crate_name == "mozci" || crate_name.starts_with("mozci_")
}

/// Writes events to stderr, as text that a terminal can be shown.
struct Stderr;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stderr {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut text = Text::default();
        attributes.record(&mut text);
        span.extensions_mut().insert(text);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(text) = span.extensions_mut().get_mut::<Text>() {
            values.record(text);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let Text { message, fields } = text;
        let level = *event.metadata().level();
        // News are for everybody and stand for themselves. Spans are there with -vv alone.
        let spans = if level <= Level::WARN { String::new() } else { spans_of(event, &context) };
        match level {
            Level::DEBUG | Level::TRACE => {
                failure::say(&format!("{spans}{}: {message}{fields}", event.metadata().target()));
            }
            _ => failure::say(&format!("{spans}{message}{fields}")),
        }
    }
}

/// The spans of an event, from the outermost on, each with its fields.
fn spans_of<S: Subscriber + for<'a> LookupSpan<'a>>(
    event: &Event<'_>,
    context: &Context<'_, S>,
) -> String {
    let mut line = String::new();
    for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
        let extensions = span.extensions();
        let fields = extensions.get::<Text>().map_or("", |text| text.fields.trim_start());
        // Writing into a text cannot fail.
        let _ = write!(line, "{}{{{fields}}}: ", span.name());
    }
    line
}

/// An event or a span as text: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Keeps what would be shown.
    struct Kept(&'static Mutex<Vec<String>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().unwrap().push(format!("{}{}", text.message, text.fields));
        }
    }

    #[test]
    fn only_what_is_ours_is_shown() {
        static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let own = FilterFn::new(is_own as fn(&Metadata<'_>) -> bool);
        let layers = tracing_subscriber::registry().with(Kept(&SEEN).with_filter(own));
        tracing::subscriber::with_default(layers, || {
            tracing::info!(target: "mozci_store::sqlite", runs = 3, "booked");
            tracing::info!(target: "hyper::client", "authorization: secret");
            tracing::info!(target: "mozcix", "not ours");
        });
        assert_eq!(*SEEN.lock().unwrap(), ["booked runs=3"]);
    }
}
