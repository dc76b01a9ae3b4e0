//! Metrics as text, in the format `OpenMetrics` 1.0.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text::encode};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// What a sample belongs to: names and values.
pub type Labels = Vec<(&'static str, String)>;

/// A metric and its samples.
#[derive(Debug)]
pub struct Metric {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, f64)>,
}

impl Metric {
    /// A number that only grows. Its samples are called `name` with `_total`.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, samples: Vec<(Labels, f64)>) -> Self {
        Self { name, help, kind: MetricType::Counter, samples }
    }

    /// A number that comes and goes.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, samples: Vec<(Labels, f64)>) -> Self {
        Self { name, help, kind: MetricType::Gauge, samples }
    }
}

/// The metrics of one moment.
#[derive(Debug)]
struct Moment(Vec<Metric>);

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        // A metric without any sample is left out, such as the goal of a study that has none.
        for metric in self.0.iter().filter(|metric| !metric.samples.is_empty()) {
            let Metric { name, help, kind, samples } = metric;
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            match &samples[..] {
                [(labels, value)] if labels.is_empty() => write(family, *kind, *value)?,
                samples => {
                    for (labels, value) in samples {
                        write(family.encode_family(labels)?, *kind, *value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn write(sample: MetricEncoder<'_>, kind: MetricType, value: f64) -> std::fmt::Result {
    match kind {
        MetricType::Counter => ConstCounter::new(value).encode(sample),
        _ => ConstGauge::new(value).encode(sample),
    }
}

/// The metrics as text.
#[must_use]
pub fn text(metrics: Vec<Metric>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Moment(metrics)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes any text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_with_their_kind_and_their_labels() {
        let labels = vec![("study", "a".to_owned()), ("host", "odd\"\\\nname".to_owned())];
        let metrics = vec![
            Metric::counter("optimize_trials", "Trials.", vec![(labels, 3.0)]),
            Metric::gauge("optimize_goal", "Nothing known.", Vec::new()),
            Metric::gauge("optimize_speed", "Speed.", vec![(Vec::new(), 0.5)]),
        ];
        let expected = "# HELP optimize_trials Trials.\n# TYPE optimize_trials counter\n\
             optimize_trials_total{study=\"a\",host=\"odd\\\"\\\\\\nname\"} 3.0\n\
             # HELP optimize_speed Speed.\n# TYPE optimize_speed gauge\noptimize_speed 0.5\n# EOF\n";
        assert_eq!(text(metrics), expected);
    }
}
