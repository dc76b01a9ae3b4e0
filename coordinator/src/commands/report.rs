//! What is said when a study has ended.

use std::path::Path;
use std::time::Duration;

use results::{Contradiction, Counts, StudyFolder, StudyState};

use crate::cli::{Output, RunArgs};
use crate::commands::results::{frontier_table, leaders_table};
use crate::ended::Ended;
use crate::exit::{DEFAULT_STORE, Exit, Failure, store_option};
use crate::ingest::Coverage;
use crate::progress::{duration, thousands};
use crate::say;
use crate::say::print;
use crate::tally::LEADERS;

/// The study as a command names it, with its store where that is not the usual one.
pub(super) fn in_store(folder: &StudyFolder) -> String {
    let store = folder.path().parent().unwrap_or(Path::new(DEFAULT_STORE));
    format!("{}{}", folder.name(), store_option(store))
}

/// Why a study has ended with fewer trials than were asked for.
pub(super) fn too_few(evaluated: u64, asked: u64, algorithm: &str) -> String {
    let (evaluated, asked) = (thousands(evaluated), thousands(asked));
    // No other point may stand in for one of a Latin hypercube.
    if algorithm == "lhs" {
        return format!(
            "of the {asked} points of the Latin hypercube, {evaluated} meet the constraints; random \
             and sobol go on until there are enough"
        );
    }
    format!("the space has no more than {evaluated} points for the {asked} trials")
}

/// Prints how the study ended, and the top of its ranking.
pub(super) fn report(
    ended: &Ended,
    folder: &StudyFolder,
    args: &RunArgs,
    elapsed: Duration,
) -> Result<Exit, Failure> {
    let progress = &ended.progress;
    match args.format {
        Output::Json => print(&crate::commands::json(&crate::commands::status::known(folder)?)?)?,
        Output::Table => {
            let is_whole = ended.coverage == Coverage::Whole;
            match &ended.leaders {
                _ if progress.frontier == 0 => {}
                Some(leaders) => print(&leaders_table(leaders))?,
                None if is_whole => print(&frontier_table(folder, LEADERS)?)?,
                None => {}
            }
            print(&summary(ended, folder.name(), elapsed))?;
        }
    }
    let name = in_store(folder);
    if ended.coverage == Coverage::Behind {
        say!(
            "another program keeps {} open, so it lacks the latest trials; nothing is lost: close \
             it there and run `optimize resume {name}`",
            folder.view_path().display()
        );
    }
    if let Some((trial, message)) = &progress.first_failure {
        say!("the first trial that failed, {trial}: {message}");
        let files = folder.trials_path().join(trial.to_string());
        if files.exists() {
            say!("its files are in {}", files.display());
        }
    }
    let is_interrupted = ended.finished.state == StudyState::Interrupted;
    if is_interrupted {
        say!("to go on: optimize resume {name}");
    }
    if let Some(message) = not_deterministic(progress.contradicted, &progress.contradictions) {
        return Err(Failure { exit: Exit::NonDeterministic, message });
    }
    if is_interrupted {
        return Ok(Exit::Interrupted);
    }
    if ended.is_barren {
        say!(
            "the constraints leave so little of the space that sampling finds no further points: \
             narrow the ranges towards those that meet them"
        );
        return Ok(Exit::Short);
    }
    if ended.has_too_many_failures {
        say!("stopped: {} trials failed (--max-failures)", thousands(progress.counts.failed));
        return Ok(Exit::Short);
    }
    if progress.counts.complete() == 0 {
        say!("no trial completed");
        return Ok(Exit::Short);
    }
    if !args.quiet && args.format == Output::Table {
        say!("more: optimize results {name}");
    }
    Ok(Exit::Done)
}

/// What to say of trials that gave two results: the first few of them, with both.
fn not_deterministic(count: u64, found: &[Contradiction]) -> Option<String> {
    const NAMED: usize = 3;
    let each = |one: &Contradiction| {
        format!("trial {} gave {} first and then {}", one.trial, one.first, one.again)
    };
    let named: Vec<String> = found.iter().take(NAMED).map(each).collect();
    let others = match count.saturating_sub(NAMED as u64) {
        0 => String::new(),
        others => format!("; and {} others (`optimize status`)", thousands(others)),
    };
    (!found.is_empty())
        .then(|| format!("the simulator is not deterministic: {}{others}", named.join("; ")))
}

fn summary(ended: &Ended, name: &str, elapsed: Duration) -> String {
    let Ended { finished, progress, .. } = ended;
    let run = progress.counts.evaluated - progress.resumed;
    let work = match (run, finished.state) {
        (0, StudyState::Complete) if progress.resumed > 0 => "all of them before".to_owned(),
        _ => {
            let rate = run as f64 / elapsed.as_secs_f64().max(1e-9);
            let (run, rate) = (thousands(run), thousands(rate as u64));
            format!("{run} in {}, {rate} trials/s", duration(elapsed))
        }
    };
    let reason = finished.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let mut text = format!(
        "\n{name}: {}{reason}, {} trials ({work}){}\nresults hash {}",
        finished.state.name(),
        thousands(progress.counts.evaluated),
        exceptions(&progress.counts),
        finished.results_hash,
    );
    if progress.audited + progress.audit_left > 0 {
        let verdict = match progress.contradicted {
            0 => "all equal to the bit",
            _ => "not all of them equal",
        };
        let left = match progress.audit_left {
            0 => String::new(),
            left => format!("; {} more were chosen, and left out", thousands(left)),
        };
        let audited = thousands(progress.audited);
        text.push_str(&format!("\naudit: {audited} trials run again, {verdict}{left}"));
    }
    if let Some(saved) = progress.counts.saved() {
        let Counts { steps, whole_steps, .. } = progress.counts;
        text.push_str(&format!(
            "\npruning saved {:.0} % of the work: {} steps of {}",
            100.0 * saved,
            thousands(steps),
            thousands(whole_steps)
        ));
    }
    if let Some(tainted) = &finished.tainted {
        text.push_str(&format!("\ntainted: {tainted}, so another run may have another hash"));
    }
    text
}

fn exceptions(counts: &Counts) -> String {
    let counts = [
        (counts.failed - counts.timed_out, "failed"),
        (counts.timed_out, "timed out"),
        (counts.pruned, "pruned"),
        (counts.continued, "continued"),
        (counts.infeasible, "infeasible"),
        (counts.skipped, "ruled out by constraints or conditions"),
    ];
    let said: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", thousands(count)))
        .collect();
    if said.is_empty() { String::new() } else { format!("; {}", said.join(", ")) }
}
