//! `optimize doctor`.

use std::env::temp_dir;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use comfy_table::{Attribute, Cell, Color, ContentArrangement};
use jobs::{Inspection, Key};
use optimizers::Algorithm;
use results::Store;
use serde_json::{Value, json};

use crate::cli::{Doctor, Output};
use crate::doctor::{
    Area, Finding, Folder, Machine, Verdict, count, counted, file_system, judge_key, judge_machine,
    judge_server, judge_studies, size, study_name, summary,
};
use crate::exit::{Exit, Failure};
use crate::key::Place;
use crate::library;
use crate::remote;
use crate::say::print;
use crate::specification::Specification;
use crate::study::{Choices, Study};

/// What is written to see whether a folder takes it.
static SAMPLE: [u8; 65_536] = [0; 65_536];

/// `optimize doctor`: looks at all that a study or a fleet needs, and says what it saw and what
/// to do. Nothing is made or changed.
///
/// # Errors
/// The address of the server, or the certificates, are at fault.
pub fn doctor(args: &Doctor) -> Result<Exit, Failure> {
    let mut findings = judge_machine(&machine(&args.store.store));
    let key = key(args, &mut findings);
    let inspection = match &args.queue {
        Some(address) => server(args, address, key.as_ref(), &mut findings)?,
        None => None,
    };
    if let Some(template) = &args.template {
        findings.extend(template_findings(template, &args.data.data, args.queue.is_some()));
    }
    print(&match args.format {
        Output::Json => super::json(&document(&findings, inspection.as_ref()))?,
        Output::Table => table(&findings),
    })?;
    Ok(if count(&findings, Verdict::Problem) == 0 { Exit::Done } else { Exit::Short })
}

fn machine(store: &Path) -> Machine {
    let studies = Store::open(store).and_then(|store| store.studies());
    let folder_of_store = folder(store);
    // A store that cannot be written is told as such, and not once more.
    let scratch = if folder_of_store.writable.is_ok() { nearest(store) } else { temp_dir() };
    Machine {
        version: env!("CARGO_PKG_VERSION"),
        threads: super::threads(None),
        store: folder_of_store,
        studies: studies.map(|all| all.len()).map_err(|error| error.to_string()),
        cache: folder(&super::worker::usual_cache()),
        duckdb: duckdb(&scratch),
    }
}

/// The folder itself, or the one that it would be made in.
fn nearest(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().find(|each| each.exists()).map_or(whole.clone(), Path::to_owned)
}

fn folder(path: &Path) -> Folder {
    let nearest = nearest(path);
    let write = || tempfile::tempfile_in(&nearest)?.write_all(&SAMPLE);
    let writable = match nearest.is_dir() {
        true => write().map_err(|error: std::io::Error| error.to_string()),
        false => Err(format!("{} is no folder", nearest.display())),
    };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let whole = nearest.canonicalize().unwrap_or_else(|_| nearest.clone());
    Folder {
        path: path.to_owned(),
        exists: path.exists(),
        writable,
        free: free(&nearest),
        file_system: file_system(&mounts, &whole),
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

/// Writes a database into a folder, reads it, and takes it away again.
fn duckdb(folder: &Path) -> Result<String, String> {
    let folder = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    results::try_database(&folder.path().join("doctor.duckdb")).map_err(|error| error.to_string())
}

fn key(args: &Doctor, findings: &mut Vec<Finding>) -> Option<Key> {
    let is_needed = args.queue.is_some();
    match Place::of(&args.access) {
        Ok(place) => {
            let found = place.read();
            let judged = found.as_ref().map(Option::as_ref).map_err(|error| error.message.clone());
            findings.extend(judge_key(&place, judged, is_needed));
            found.ok().flatten().map(|found| found.key)
        }
        Err(failure) => {
            if is_needed {
                findings.push(Finding::fault(Area::Key, "key", failure.message));
            }
            None
        }
    }
}

fn server(
    args: &Doctor,
    address: &str,
    key: Option<&Key>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Inspection>, Failure> {
    let server = remote::server(&args.access, address)?;
    Ok(match jobs::inspect(&server, key) {
        Ok(seen) => {
            findings.extend(judge_server(&seen));
            findings.extend(judge_studies(&seen, env!("CARGO_PKG_VERSION")));
            Some(seen)
        }
        Err(error) => {
            findings.push(Finding::fault(Area::Server, "connection", error.to_string()));
            None
        }
    })
}

/// Opens all that a study of the template would open.
fn template_findings(template: &str, data: &Path, is_for_queue: bool) -> Vec<Finding> {
    let algorithm = Algorithm::parse("random").expect("a built-in algorithm");
    let choices = Choices {
        algorithm,
        seed: 1,
        trials: Some(1),
        chunk: 0,
        lag: 1,
        known: None,
        data: data.to_owned(),
    };
    let opened = library::load(template, &[]).and_then(|found| Study::open(found, choices));
    let study = match opened {
        Ok(study) => study,
        Err(failure) => {
            return vec![Finding::fault(Area::Template, "template", failure.message)];
        }
    };
    let mut findings = vec![Finding::ok(Area::Template, "template", template_found(&study))];
    if is_for_queue {
        findings.push(match Specification::of(&study, study.record("doctor", 0, None)) {
            Ok((_, contents)) if contents.is_empty() => {
                Finding::ok(Area::Template, "files", "workers need none")
            }
            Ok((_, contents)) => {
                let bytes = contents.iter().map(|bytes| bytes.len() as u64).sum();
                let files = counted(contents.len(), "file");
                let found = format!("{files} for workers, {}", size(bytes));
                Finding::ok(Area::Template, "files", found)
            }
            Err(failure) => Finding::fault(Area::Template, "files", failure.message),
        });
    }
    findings.push(match study.ready() {
        Ok(()) if is_for_queue && study.template.simulator == "command" => {
            let found = "command is ready here; workers need --allow-commands";
            Finding::ok(Area::Template, "simulator", found)
        }
        Ok(()) => {
            let found = format!("{} is ready", study.template.simulator);
            Finding::ok(Area::Template, "simulator", found)
        }
        Err(failure) => Finding::fault(Area::Template, "simulator", failure.message),
    });
    findings
}

fn template_found(study: &Study) -> String {
    let objectives: Vec<String> = study
        .template
        .objectives
        .iter()
        .map(|each| format!("{} {}", each.direction.name(), each.metric))
        .collect();
    let parameters = counted(study.space.parameters().len(), "parameter");
    format!("{}: {parameters}; {}", study.template.name, objectives.join(", "))
}

/// The findings for people: aligned, with what to do below what was found.
fn table(findings: &[Finding]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.force_no_tty();
    }
    let mut area = None;
    for finding in findings {
        let title = if area == Some(finding.area) { "" } else { finding.area.name() };
        area = Some(finding.area);
        let verdict = Cell::new(finding.verdict.name());
        let verdict = match finding.verdict {
            Verdict::Ok => verdict,
            Verdict::Unknown => verdict.fg(Color::Blue),
            Verdict::Warning => verdict.fg(Color::Yellow),
            Verdict::Problem => verdict.fg(Color::Red).add_attribute(Attribute::Bold),
        };
        let text = match &finding.remedy {
            Some(remedy) => format!("{}\n→ {remedy}", finding.found),
            None => finding.found.clone(),
        };
        let title = Cell::new(title).add_attribute(Attribute::Bold);
        table.add_row([title, verdict, Cell::new(&finding.check), Cell::new(text)]);
    }
    format!("{}\n\n{}\n", table.trim_fmt(), summary(findings))
}

/// The findings for programs, with what they were drawn from.
fn document(findings: &[Finding], seen: Option<&Inspection>) -> Value {
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    json!({
        "verdict": worst,
        "problems": count(findings, Verdict::Problem),
        "warnings": count(findings, Verdict::Warning),
        "findings": findings,
        "server": seen.map(server_document),
        "studies": seen.and_then(|seen| seen.studies.as_ref()).map(|studies| {
            studies.iter().map(study_document).collect::<Vec<_>>()
        }),
    })
}

fn server_document(seen: &Inspection) -> Value {
    let about = seen.about.as_ref();
    json!({
        "address": seen.address,
        "encrypted": seen.is_encrypted,
        "round_trip_seconds": seen.round_trip.as_secs_f64(),
        "clock_ahead_seconds": seen.clock_ahead_ms.map(|ahead| ahead as f64 / 1000.0),
        "user": seen.user,
        "product": about.map(|about| &about.product),
        "version": about.map(|about| &about.version),
        "used_memory": about.map(|about| about.used_memory),
        "max_memory": about.map(|about| about.max_memory),
        "max_memory_policy": about.map(|about| &about.policy),
        "replica": about.map(|about| about.is_replica),
        "shards": seen.shards,
    })
}

fn study_document(study: &jobs::StudySeen) -> Value {
    let worker = |worker: &jobs::WorkerBeat| {
        json!({
            "name": worker.name,
            "host": worker.about.as_ref().map(|about| &about.host),
            "threads": worker.about.as_ref().map(|about| about.threads),
            "alive": worker.is_alive,
            "idle_seconds": worker.idle.map(|idle| idle.as_secs_f64()),
        })
    };
    json!({
        "id": study.id,
        "name": study_name(study),
        "priority": study.priority,
        "coordinated": study.is_coordinated,
        "jobs": study.jobs,
        "results": study.results,
        "workers": study.workers.iter().map(worker).collect::<Vec<_>>(),
    })
}
