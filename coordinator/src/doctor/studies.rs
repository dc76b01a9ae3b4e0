//! The studies that are up on a server.

use std::time::Duration;

use jobs::{Inspection, Notice, StudySeen, WorkerBeat};

use crate::doctor::{Area, Finding, counted};
use crate::specification::Specification;

/// Workers that stand still are named up to so many.
const NAMED: usize = 3;

/// Judges the studies of a server, as workers of the version `own` of this program see them.
#[must_use]
pub fn judge_studies(seen: &Inspection, own: &str) -> Vec<Finding> {
    match &seen.studies {
        None => {
            let found = "not told to this user (HGETALL)";
            vec![Finding::unknown(Area::Studies, "board", found)]
        }
        Some(studies) if studies.is_empty() => {
            vec![Finding::ok(Area::Studies, "board", "no study is up")]
        }
        Some(studies) => {
            studies.iter().map(|study| judge_study(study, seen.watched, own)).collect()
        }
    }
}

/// The name of a study, where its specification could be opened, and the beginning of its id
/// otherwise.
#[must_use]
pub fn study_name(study: &StudySeen) -> String {
    let known = specification(study).map(|specification| specification.record.name);
    known.unwrap_or_else(|| study.id.chars().take(16).collect())
}

fn specification(study: &StudySeen) -> Option<Specification> {
    match &study.notice {
        Notice::Opened(bytes) => Specification::from_bytes(bytes).ok(),
        _ => None,
    }
}

fn judge_study(study: &StudySeen, watched: Duration, own: &str) -> Finding {
    let finding = Finding::ok(Area::Studies, &study_name(study), described(study, watched));
    match &study.notice {
        Notice::Foreign => {
            return finding.warning(
                "it was put up with another key: compare the fingerprint with that of \
                 `optimize doctor` on the machine of its coordinator",
            );
        }
        Notice::Missing => {
            return finding.warning(
                "what workers need to know of it is missing: its coordinator \
                                    puts it up again",
            );
        }
        Notice::Opened(_) | Notice::Sealed => {}
    }
    let version = specification(study).map(|specification| specification.record.program_version);
    if let Some(version) = version.filter(|version| version != own) {
        return finding.warning(format!(
            "version {version} of this program started it, and this is {own}, whose workers \
             refuse it: use one version"
        ));
    }
    if !study.is_coordinated {
        return finding.warning("where its store is: `optimize resume` with the same --queue");
    }
    if study.workers.is_empty() {
        return finding.warning("`optimize worker` with the same --queue and key, anywhere");
    }
    if study.workers.iter().any(|worker| !worker.is_alive) {
        return finding
            .warning("its jobs go to others after the --lease; see whether that machine is up");
    }
    finding
}

fn described(study: &StudySeen, watched: Duration) -> String {
    let mut parts = Vec::new();
    if study.priority != 0 {
        parts.push(format!("priority {}", study.priority));
    }
    let seconds = watched.as_secs_f64();
    parts.push(match study.is_coordinated {
        true => "its coordinator is at work".to_owned(),
        false => format!("its coordinator has stood still for {seconds:.0} s"),
    });
    let (alive, still): (Vec<_>, Vec<_>) = study.workers.iter().partition(|each| each.is_alive);
    let threads = alive.iter().filter_map(|each| Some(each.about.as_ref()?.threads as usize)).sum();
    parts.push(match alive.len() {
        0 => "no workers".to_owned(),
        count => format!("{} with {}", counted(count, "worker"), counted(threads, "thread")),
    });
    if !still.is_empty() {
        let names: Vec<String> = still.iter().take(NAMED).map(|worker| at_rest(worker)).collect();
        let more = if still.len() > NAMED { ", …" } else { "" };
        parts.push(format!("{} standing still: {}{more}", still.len(), names.join(", ")));
    }
    if let (Some(jobs), Some(results)) = (study.jobs, study.results) {
        let (jobs, results) = (counted(jobs as usize, "job"), counted(results as usize, "result"));
        parts.push(format!("{jobs} and {results} in streams"));
    }
    parts.join("; ")
}

/// A worker that did not move, and when it was last heard of.
fn at_rest(worker: &WorkerBeat) -> String {
    let host = worker.about.as_ref().map_or(worker.name.as_str(), |about| about.host.as_str());
    match worker.idle {
        Some(idle) => {
            let idle = Duration::from_secs(idle.as_secs());
            format!("{host} (last asked for a job {} ago)", humantime::format_duration(idle))
        }
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use jobs::WorkerAbout;

    fn worker(host: &str, is_alive: bool) -> WorkerBeat {
        WorkerBeat {
            name: "8f0c".to_owned(),
            about: Some(WorkerAbout { host: host.to_owned(), threads: 4 }),
            is_alive,
            idle: Some(Duration::from_millis(40_900)),
        }
    }

    fn study(workers: Vec<WorkerBeat>) -> StudySeen {
        StudySeen {
            id: "0123456789abcdef".repeat(4),
            priority: 0,
            notice: Notice::Sealed,
            is_coordinated: true,
            workers,
            jobs: Some(12),
            results: Some(1),
        }
    }

    fn judged(study: &StudySeen) -> Finding {
        judge_study(study, Duration::from_secs(4), "0.1.0")
    }

    #[test]
    fn a_study_at_work_is_all_right() {
        let finding = judged(&study(vec![worker("a", true), worker("b", true)]));
        assert_eq!((finding.verdict, finding.check.as_str()), (Verdict::Ok, "0123456789abcdef"));
        assert_eq!(
            finding.found,
            "its coordinator is at work; 2 workers with 8 threads; 12 jobs and 1 result in streams"
        );
    }

    #[test]
    fn a_study_that_stands_still_is_told_with_what_to_do() {
        let remedy = |study: &StudySeen| {
            let finding = judged(study);
            assert_eq!(finding.verdict, Verdict::Warning, "{finding:?}");
            (finding.found, finding.remedy.expect("a remedy"))
        };
        let (found, what) = remedy(&StudySeen { is_coordinated: false, ..study(Vec::new()) });
        assert!(found.starts_with("its coordinator has stood still for 4 s; no"), "{found}");
        assert!(what.contains("`optimize resume`"), "{what}");
        let (_, what) = remedy(&study(Vec::new()));
        assert!(what.contains("`optimize worker`"), "{what}");
        let (found, what) = remedy(&study(vec![worker("a", true), worker("b", false)]));
        assert!(found.contains("1 worker with 4 threads; 1 standing still: b (last"), "{found}");
        assert!(found.contains("asked for a job 40s ago)"), "{found}");
        assert!(what.contains("--lease"), "{what}");
        let foreign = StudySeen { notice: Notice::Foreign, ..study(vec![worker("a", true)]) };
        assert!(remedy(&foreign).1.contains("another key"));
        let missing = StudySeen { notice: Notice::Missing, ..study(vec![worker("a", true)]) };
        assert!(remedy(&missing).1.contains("puts it up again"));
    }

    #[test]
    fn a_study_of_another_version_is_told() {
        let record = results::StudyRecord {
            format: results::LEDGER_FORMAT,
            name: "far".to_owned(),
            template: String::new(),
            folder: String::new(),
            data_folder: None,
            algorithm: "random".to_owned(),
            algorithm_reason: None,
            known: None,
            seed: 1,
            trials: None,
            chunk: 0,
            lag: 64,
            fingerprint: String::new(),
            data_fingerprint: None,
            program_version: "0.0.9".to_owned(),
            git_commit: None,
            created_at: 0,
        };
        let bytes = Specification { record, files: Vec::new() }.to_bytes().expect("JSON");
        let notice = Notice::Opened(bytes);
        let finding = judged(&StudySeen { notice, ..study(vec![worker("a", true)]) });
        assert_eq!((finding.verdict, finding.check.as_str()), (Verdict::Warning, "far"));
        assert!(finding.remedy.is_some_and(|remedy| remedy.starts_with("version 0.0.9")));
    }
}
