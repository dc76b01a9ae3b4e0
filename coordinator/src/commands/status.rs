//! `optimize status`.

use std::time::Duration;

use results::{Ledger, Store, StudyFolder, StudyState, StudyStatus};

use crate::cli::{Output, StudyArgs};
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::progress::{duration, short, speed, thousands};
use crate::say::print;

/// `optimize status`.
///
/// # Errors
/// The study or the store is not there.
pub fn status(args: &StudyArgs) -> Result<Exit, Failure> {
    let store = Store::open(&args.store.store)?;
    match args.study.study.as_deref().or(args.study.name.as_deref()) {
        Some(name) => {
            let status = known(&store.study(name)?)?;
            print(&match args.format {
                Output::Json => json(&status)?,
                Output::Table => details(&status),
            })?;
        }
        None => {
            let mut all = Vec::new();
            for folder in store.studies()? {
                // A study that cannot be read must not hide the others.
                all.push(known(&folder).unwrap_or_else(|failure| StudyStatus {
                    name: folder.name().to_owned(),
                    state: StudyState::Failed,
                    message: Some(failure.message),
                    ..StudyStatus::default()
                }));
            }
            print(&match args.format {
                Output::Json => json(&all)?,
                Output::Table if all.is_empty() => format!(
                    "no studies in {}; start one with `optimize start --template sma-crossover`",
                    store.folder().display()
                ),
                Output::Table => overview(&all),
            })?;
        }
    }
    Ok(Exit::Done)
}

/// The status of a study. Where its file is missing or damaged, the ledger says how it ended.
pub(super) fn known(folder: &StudyFolder) -> Result<StudyStatus, Failure> {
    if let Some(status) = folder.status()? {
        return Ok(status);
    }
    let name = folder.name().to_owned();
    if folder.is_running() {
        return Ok(StudyStatus { name, state: StudyState::Running, ..StudyStatus::default() });
    }
    let finished = Ledger::open(folder)?.finished()?;
    let message = "its status file is missing; `optimize resume` makes it again".to_owned();
    let status = StudyStatus { name, message: Some(message), ..StudyStatus::default() };
    Ok(match finished {
        None => StudyStatus { state: StudyState::Crashed, ..status },
        Some(finished) => StudyStatus {
            state: finished.state,
            done: finished.trials,
            results_hash: Some(finished.results_hash),
            reason: finished.reason,
            tainted: finished.tainted,
            ..status
        },
    })
}

fn overview(all: &[StudyStatus]) -> String {
    let header = ["study", "state", "trials", "failed", "frontier", "best", "results hash"];
    let mut table = people_table(header.map(str::to_owned).to_vec());
    for status in all {
        let best = status.best.iter().map(|best| format!("{} {}", best.metric, short(best.value)));
        let hash = status.results_hash.as_deref().unwrap_or("-");
        table.add_row([
            status.name.clone(),
            status.state.name().to_owned(),
            counted(status),
            thousands(status.counts.failed),
            thousands(status.frontier),
            best.collect::<Vec<_>>().join(", "),
            hash.chars().take(16).collect(),
        ]);
    }
    table.trim_fmt()
}

fn counted(status: &StudyStatus) -> String {
    match status.total {
        Some(total) if status.state != StudyState::Complete => {
            format!("{} of {}", thousands(status.done), thousands(total))
        }
        _ => thousands(status.counts.evaluated),
    }
}

/// What the study is doing, and what ended it where that was asked for.
fn state(status: &StudyStatus) -> String {
    let name = status.state.name();
    status.reason.as_ref().map_or(name.to_owned(), |reason| format!("{name}: {reason}"))
}

fn details(status: &StudyStatus) -> String {
    let counts = status.counts;
    let mut lines = vec![
        ("study", status.name.clone()),
        ("state", state(status)),
        ("trials", counted(status)),
        ("failed", thousands(counts.failed)),
        ("timed out", thousands(counts.timed_out)),
        ("pruned", thousands(counts.pruned)),
        ("continued", thousands(counts.continued)),
        ("infeasible", thousands(counts.infeasible)),
        ("skipped", thousands(counts.skipped)),
        ("frontier", thousands(status.frontier)),
    ];
    for best in &status.best {
        let value = format!("{} {} (trial {})", best.metric, short(best.value), best.trial);
        lines.push(("best", value));
    }
    if status.state == StudyState::Running {
        lines.push(("speed", speed(status.trials_per_second)));
        if let Some(total) = status.total.filter(|_| status.trials_per_second > 0.0) {
            let left = total.saturating_sub(status.done) as f64 / status.trials_per_second;
            if let Ok(left) = Duration::try_from_secs_f64(left) {
                lines.push(("time left", duration(left)));
            }
        }
        lines.push(("process", status.pid.to_string()));
        if status.jobs_in_flight > 0 {
            lines.push(("jobs", format!("{} in flight", thousands(status.jobs_in_flight))));
        }
    }
    if status.jobs_lost > 0 {
        let noun = if status.jobs_lost == 1 { "job" } else { "jobs" };
        let text = format!("{} {noun}, and pushed again", thousands(status.jobs_lost));
        lines.push(("lost", text));
    }
    if status.messages_refused > 0 {
        let noun = if status.messages_refused == 1 { "message" } else { "messages" };
        let refused = thousands(status.messages_refused);
        let text = format!("{refused} {noun}: forged, damaged or outdated");
        lines.push(("refused", text));
    }
    if let Some(hash) = &status.results_hash {
        lines.push(("results hash", hash.clone()));
    }
    if let Some(tainted) = &status.tainted {
        lines.push(("tainted", format!("{tainted}: another run may have another hash")));
    }
    for each in &status.contradictions {
        let text = format!("trial {}: {}; again: {}", each.trial, each.first, each.again);
        lines.push(("two results", text));
    }
    if let Some(message) = &status.message {
        lines.push(("message", message.clone()));
    }
    if matches!(status.state, StudyState::Interrupted | StudyState::Crashed | StudyState::Failed) {
        lines.push(("to go on", format!("optimize resume {}", status.name)));
    }
    let mut text: String =
        lines.iter().map(|(name, value)| format!("{name:13} {value}\n")).collect();
    if status.state == StudyState::Running && !status.fleet.is_empty() {
        text.push('\n');
        text.push_str(&fleet(status));
    }
    text
}

/// The workers, those that are silent for longest first.
fn fleet(status: &StudyStatus) -> String {
    let header = ["worker", "threads", "trials/s", "jobs", "last heartbeat"];
    let mut table = people_table(header.map(str::to_owned).to_vec());
    let mut workers: Vec<_> = status.fleet.iter().collect();
    workers.sort_by(|a, b| b.silent_seconds.total_cmp(&a.silent_seconds));
    for worker in workers {
        table.add_row([
            worker.host.clone(),
            worker.threads.to_string(),
            thousands(worker.trials_per_second.round() as u64),
            worker.jobs.to_string(),
            format!("{:.0} s ago", worker.silent_seconds),
        ]);
    }
    table.trim_fmt() + "\n"
}
