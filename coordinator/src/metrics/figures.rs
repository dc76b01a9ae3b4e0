//! Which metrics there are, from what is known of a study and of a worker.
//!
//! Those of a study come from its status, the one that `status.json` holds, so that the two agree
//! and no scrape asks the study for anything. docs/operations.md lists them for people.

use std::time::SystemTime;

use results::StudyStatus;
use worker::Reading;

use super::page::{Labels, Metric};

/// A sample without labels.
fn only(value: f64) -> Vec<(Labels, f64)> {
    vec![(Labels::new(), value)]
}

/// The metrics of a study, at its coordinator.
#[must_use]
pub fn of_study(status: &StudyStatus) -> Vec<Metric> {
    let labels = |more: &[(&'static str, &str)]| -> Labels {
        let study = [("study", status.name.as_str())];
        study.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let one = |value: f64| vec![(labels(&[]), value)];
    let count = |value: u64| one(value as f64);
    let counts = &status.counts;
    let outcomes = [
        ("complete", counts.complete()),
        ("failed", counts.failed - counts.timed_out),
        ("timed_out", counts.timed_out),
        ("pruned", counts.pruned),
        ("infeasible", counts.infeasible),
    ];
    let outcomes = outcomes.map(|(name, count)| (labels(&[("outcome", name)]), count as f64));
    let goal = status.total.map(count).unwrap_or_default();
    let left = status.total.map(|total| count(total.saturating_sub(status.done)));
    let silence = status.fleet.iter().map(|worker| worker.silent_seconds).reduce(f64::max);
    let best = status.best.iter().map(|best| {
        let more = [("metric", best.metric.as_str()), ("direction", best.direction.as_str())];
        (labels(&more), best.value)
    });
    vec![
        Metric::counter(
            "optimize_trials",
            "Trials in the results table, by how they ended.",
            outcomes.into(),
        ),
        Metric::counter(
            "optimize_numbers_skipped",
            "Numbers of the plan that hold no point.",
            count(counts.skipped),
        ),
        Metric::gauge(
            "optimize_trials_done",
            "How much of the goal is done: trials, or numbers of the plan.",
            count(status.done),
        ),
        Metric::gauge("optimize_trials_goal", "What is aimed at, where that is known.", goal),
        Metric::gauge(
            "optimize_trials_left",
            "What is left of the goal, where that is known.",
            left.unwrap_or_default(),
        ),
        Metric::gauge(
            "optimize_trials_per_second",
            "Trials per second, lately.",
            one(Some(status.trials_per_second).filter(|rate| rate.is_finite()).unwrap_or(0.0)),
        ),
        Metric::counter(
            "optimize_trials_audited",
            "Trials that were run a second time to compare.",
            count(status.audited),
        ),
        Metric::counter(
            "optimize_trials_contradicted",
            "Trials that gave two different results, counted up to a hundred.",
            count(status.contradictions.len() as u64),
        ),
        Metric::gauge(
            "optimize_frontier_points",
            "Different points on the Pareto frontier.",
            count(status.frontier),
        ),
        Metric::gauge("optimize_best", "The best value of an objective.", best.collect()),
        Metric::gauge(
            "optimize_view_lag_trials",
            "Trials of the results table that the DuckDB view lacks.",
            count(status.view_lag),
        ),
        Metric::gauge(
            "optimize_jobs_in_flight",
            "Jobs pushed and not answered.",
            count(status.jobs_in_flight),
        ),
        Metric::counter(
            "optimize_jobs_lost",
            "Jobs lost with whoever held them, and pushed again.",
            count(status.jobs_lost),
        ),
        Metric::counter(
            "optimize_messages_refused",
            "Messages not taken: forged, damaged, or of an earlier epoch.",
            count(status.messages_refused),
        ),
        Metric::gauge("optimize_workers", "Workers that are known.", count(status.workers)),
        Metric::gauge("optimize_threads", "Threads of the known workers.", count(status.threads)),
        Metric::gauge(
            "optimize_worker_silence_seconds",
            "How long the worker that is silent for longest has given no sign of life.",
            silence.map(one).unwrap_or_default(),
        ),
        Metric::gauge(
            "optimize_epoch",
            "How often the queue has been begun anew; 0 without a queue between machines.",
            count(status.epoch),
        ),
    ]
}

/// The metrics of threads that run trials, in this process.
#[must_use]
pub fn of_threads(threads: usize, reading: &Reading) -> Vec<Metric> {
    let outcomes = [
        ("complete", reading.complete),
        ("failed", reading.failed),
        ("timed_out", reading.timed_out),
        ("pruned", reading.pruned),
    ];
    let outcomes = outcomes.map(|(name, count)| (vec![("outcome", name.to_owned())], count as f64));
    vec![
        Metric::gauge(
            "optimize_worker_threads",
            "Threads that run trials in this process.",
            only(threads as f64),
        ),
        Metric::gauge(
            "optimize_worker_threads_busy",
            "Threads that run trials right now.",
            only(f64::from(reading.threads_at_work)),
        ),
        Metric::counter(
            "optimize_worker_busy_seconds",
            "Time that threads have spent running trials, summed over the threads.",
            only(reading.at_work.as_secs_f64()),
        ),
        Metric::counter("optimize_worker_jobs_taken", "Jobs taken.", only(reading.jobs as f64)),
        Metric::counter(
            "optimize_worker_jobs_finished",
            "Jobs run to their end, or to that of the worker.",
            only(reading.finished_jobs as f64),
        ),
        Metric::counter(
            "optimize_worker_trials",
            "Trials run, by how they ended.",
            outcomes.into(),
        ),
    ]
}

/// The metrics of what a worker serves: so many studies, and so many that it cannot.
#[must_use]
pub fn of_studies(served: u64, refused: u64) -> Vec<Metric> {
    vec![
        Metric::gauge(
            "optimize_worker_studies_served",
            "Studies that this worker takes jobs of.",
            only(served as f64),
        ),
        Metric::gauge(
            "optimize_worker_studies_refused",
            "Studies that this worker cannot serve; its log says why.",
            only(refused as f64),
        ),
    ]
}

/// The metrics of this process's connections to a server.
#[must_use]
pub fn of_traffic() -> Vec<Metric> {
    vec![
        Metric::counter(
            "optimize_connections_lost",
            "Connections to Redis that broke, and were or will be made again.",
            only(jobs::connections_lost() as f64),
        ),
        Metric::gauge(
            "optimize_worker_results_unconfirmed",
            "Results kept until the coordinator has them on disk.",
            only(jobs::results_unconfirmed() as f64),
        ),
    ]
}

/// The metrics of this process, which was started at `started`.
#[must_use]
pub fn of_process(started: SystemTime) -> Vec<Metric> {
    let since = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    vec![
        Metric::gauge("optimize_build_info", "The version of the program.", vec![(version, 1.0)]),
        Metric::gauge(
            "process_start_time_seconds",
            "When the process was started, in seconds since 1970 (UTC).",
            only(since.as_secs_f64()),
        ),
        Metric::gauge(
            "process_resident_memory_bytes",
            "Memory of the process, children not included.",
            resident_bytes().map(only).unwrap_or_default(),
        ),
    ]
}

/// Memory of this process; unknown elsewhere than on Linux.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use results::{Best, Counts, WorkerStatus};

    use super::*;
    use crate::metrics::text;

    fn worker(silent_seconds: f64) -> WorkerStatus {
        WorkerStatus {
            name: "n".to_owned(),
            host: "h".to_owned(),
            threads: 2,
            jobs: 1,
            trials_per_second: 1.0,
            silent_seconds,
        }
    }

    #[test]
    fn a_status_is_told_in_full() {
        let counts = Counts {
            evaluated: 100,
            failed: 7,
            timed_out: 2,
            pruned: 11,
            infeasible: 13,
            skipped: 17,
            ..Counts::default()
        };
        let best = Best {
            metric: "cost".to_owned(),
            direction: "minimize".to_owned(),
            trial: 3,
            value: -0.5,
        };
        let status = StudyStatus {
            name: "s".to_owned(),
            done: 100,
            total: Some(250),
            counts,
            best: vec![best],
            fleet: vec![worker(0.25), worker(3.5)],
            ..StudyStatus::default()
        };
        let text = text(of_study(&status));
        for line in [
            "optimize_trials_total{study=\"s\",outcome=\"complete\"} 69.0",
            "optimize_trials_total{study=\"s\",outcome=\"failed\"} 5.0",
            "optimize_trials_total{study=\"s\",outcome=\"timed_out\"} 2.0",
            "optimize_trials_total{study=\"s\",outcome=\"pruned\"} 11.0",
            "optimize_trials_total{study=\"s\",outcome=\"infeasible\"} 13.0",
            "optimize_numbers_skipped_total{study=\"s\"} 17.0",
            "optimize_trials_goal{study=\"s\"} 250.0",
            "optimize_trials_left{study=\"s\"} 150.0",
            "optimize_best{study=\"s\",metric=\"cost\",direction=\"minimize\"} -0.5",
            "optimize_worker_silence_seconds{study=\"s\"} 3.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let endless = StudyStatus { total: None, ..status };
        assert!(!text_of(&endless).contains("optimize_trials_goal"));
    }

    fn text_of(status: &StudyStatus) -> String {
        text(of_study(status))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_of_a_process_is_known() {
        let bytes = resident_bytes().expect("Linux says it");
        assert!((1e5..1e12).contains(&bytes), "{bytes}");
    }
}
