//! What is written to standard error: lines for people, or a JSON object per line for programs.
//!
//! Both are events of `tracing`. What people are told has the target `optimize` and reads as it
//! is; everything else that rooms know has the target of its module. As text, that is shown from
//! level `warn` on, as JSON from `info` on, unless the levels are named.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use clap::ValueEnum;
use indicatif::ProgressBar;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// The target of what people are told.
const PEOPLE: &str = "optimize";

/// How standard error is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object per line; progress is not shown.
    Json,
}

/// Which events are written.
#[derive(Clone, Debug)]
pub struct Levels(Option<Targets>);

impl Levels {
    /// Reads levels such as `debug` or `info,jobs=debug`; nothing means the usual ones.
    ///
    /// # Errors
    /// A part of it is no level; says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let is_level = |level: &str| ["error", "warn", "info", "debug"].contains(&level);
        let is_target = |target: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            !target.is_empty() && target.chars().all(is_part)
        };
        let is_right = |part: &str| match part.split_once('=') {
            None => is_level(part),
            Some((target, level)) => is_target(target) && is_level(level),
        };
        let targets = text.parse().ok().filter(|_| text.split(',').all(is_right));
        let allowed = "allowed: error, warn, info or debug, and TARGET=LEVEL for a part of the \
                       program, divided by commas, such as info,jobs=debug";
        targets.map(|targets| Self(Some(targets))).ok_or_else(|| allowed.to_owned())
    }
}

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Whether standard error is for programs.
#[must_use]
pub fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Begins to write events; what comes before is not written. Only the first call counts.
pub fn init(format: LogFormat, levels: Option<&Levels>) {
    if FORMAT.set(format).is_err() {
        return;
    }
    let usual = match format {
        LogFormat::Text => {
            Targets::new().with_default(LevelFilter::WARN).with_target(PEOPLE, LevelFilter::INFO)
        }
        LogFormat::Json => Targets::new().with_default(LevelFilter::INFO),
    };
    let levels = levels.and_then(|levels| levels.0.clone()).unwrap_or(usual);
    let layer = tracing_subscriber::fmt::layer().with_writer(StandardError).with_ansi(false);
    // Nobody reading it is no reason to say so where nobody reads.
    let layer = layer.log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(levels);
    let set = match format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(registry.with(layer.event_format(ForPeople)))
        }
        LogFormat::Json => {
            let layer = layer.json().flatten_event(true);
            let layer = layer.with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(registry.with(layer))
        }
    };
    set.expect("nobody else sets it");
}

/// The bar that lines have to be written above.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes lines above this bar from now on, or above none.
pub fn write_above(shown: Option<ProgressBar>) {
    *bar() = shown;
}

struct StandardError;

impl MakeWriter<'_> for StandardError {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let write = || std::io::stderr().lock().write_all(bytes);
        match bar().as_ref() {
            Some(bar) => bar.suspend(write)?,
            None => write()?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The text format.
struct ForPeople;

impl<S, N> FormatEvent<S, N> for ForPeople
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let Line { message, fields } = line;
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        match (level, target == PEOPLE) {
            (Level::ERROR, _) => writeln!(writer, "error: {message}"),
            (_, true) => writeln!(writer, "{message}"),
            (Level::WARN, _) => writeln!(writer, "warning: {message}"),
            (level, _) => {
                let level = if level == Level::INFO { "info" } else { "debug" };
                writeln!(writer, "{level}: {message}{fields} [{target}]")
            }
        }
    }
}

/// An event in words.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name} {value:?}"),
        };
        written.expect("a string takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_misspelt_ones_are_refused() {
        for text in ["", "error", "debug", "info,jobs=debug", "warn,jobs::redis_queue=info"] {
            assert!(Levels::parse(text).is_ok(), "{text}");
        }
        // A filter's own reader would take the first for the name of a target.
        for text in ["verbose", "jobs", "info,jobs", "=debug", "jobs=", "info;jobs=debug", "INFO,"]
        {
            let error = Levels::parse(text).expect_err(text);
            assert!(error.starts_with("allowed: error, warn, info or debug"), "{error}");
        }
    }
}
