//! `optimize explain`: why a trial ended as it did.
//!
//! All of it is in the ledger: what the trial reported, and the guard that it ran under, which was
//! made of the trials that had been told before its job was asked.

use results::{Ledger, Record, Row, Status, Store};
use search_spaces::{Amount, Bar, Course, Guard, Measure, Trail};
use serde::Serialize;
use simulators::Trial;

use crate::cli::{Explain, ExplainFormat};
use crate::commands::list;
use crate::commands::rung::{Rung, shown, standing};
use crate::commands::{json, people_table};
use crate::exit::{Exit, Failure};
use crate::frame::Frame;
use crate::progress::{short, thousands};
use crate::say::print;
use crate::study::Study;

/// An explanation, as JSON tells it.
#[derive(Serialize)]
struct Explanation {
    study: String,
    trial: u64,
    status: &'static str,
    /// Why it failed or was stopped.
    reason: Option<String>,
    /// The trial that it goes on with.
    origin: Option<u64>,
    /// The trial that went on with it next.
    continued_as: Option<u64>,
    /// Who has held it against others.
    pruner: Option<String>,
    /// The step at which it was to pause, and the rung.
    pause: Option<(u64, u64)>,
    /// Where it stood there.
    rung: Option<Rung>,
    /// The trials that it was compared with report by report.
    rivals: Vec<u64>,
    /// What of its reports was held against the bars, where that is not the last.
    so_far: Option<String>,
    /// How many reports it might go without getting better.
    patience: Option<u64>,
    objectives: Vec<String>,
    steps: Vec<Step>,
}

/// A report, and what was asked of the trial there.
#[derive(Serialize)]
struct Step {
    #[serde(rename = "step")]
    at: u64,
    /// Its objectives as they were measured.
    values: Vec<f64>,
    /// What the reports up to here amount to, where a bar stands here.
    amount: Option<Vec<f64>>,
    bar: Option<Shown>,
}

/// A bar, in the units of the objectives.
#[derive(Serialize)]
struct Shown {
    /// The step that it is of.
    step: u64,
    /// Trials that have set it.
    cohort: u64,
    /// Objectives that no trial may be dominated by; with one objective, the threshold.
    rows: Vec<Vec<f64>>,
    /// How the trial was expected to end, from here.
    expected: Option<Vec<f64>>,
    /// The ends that are good enough: who is expected to end dominated by none of them is never
    /// behind.
    good_enough: Vec<Vec<f64>>,
    is_behind: bool,
}

/// `optimize explain`.
///
/// # Errors
/// The study is not there or runs, or it has no such trial.
pub fn explain(args: &Explain) -> Result<Exit, Failure> {
    let store = Store::open(&args.store.store)?;
    let (folder, trial) = match &args.which[..] {
        [trial] => (store.latest()?, trial),
        [study, trial, ..] => (store.study(study)?, trial),
        [] => unreachable!("clap asks for one at least"),
    };
    let number: u64 = trial.parse().map_err(|_| {
        Failure::usage(format!("found {trial:?}, allowed: the number of a trial, such as 57"))
    })?;
    let ledger = Ledger::open(&folder)?;
    let study = Study::reopen(ledger.record())?;
    let frame = Frame::from(&study);
    let record = ledger.records_from(number)?.next().transpose()?.filter(|it| holds(it, number));
    let row = record.as_ref().and_then(|record| {
        let offset = number - record.job.id.0.0;
        let trial = &record.result.trials[usize::try_from(offset).expect("a list fits")];
        frame.row(&record.job, offset, trial)
    });
    let (Some(record), Some(row)) = (record, row) else {
        return Err(Failure::usage(format!("{} has no trial {number}", folder.name())));
    };
    if let Some(wanted) = &args.list {
        let trial = Trial { number, ..Trial::new(&row.point, row.seed) };
        let lists = study.simulator.lists(&trial);
        let lists = lists.map_err(|failure| Failure::usage(failure.to_string()))?;
        return list::print_list(wanted, &lists, args.format);
    }
    let continued_as = continued(&ledger, &row)?;
    let guard = record.job.guard.as_deref();
    let measure = study.schema.measure();
    let last = row.reports.last().map(|report| report.step);
    let pause = guard.and_then(|guard| {
        // It may have been stopped before, or have run on.
        let has_paused = last.is_some_and(|step| guard.pause_at(step) == row.message);
        let is_told = has_paused || guard.bars.is_empty();
        Some((guard.pause.as_ref().filter(|_| is_told)?, guard.course))
    });
    let rung = match pause {
        Some((pause, course)) => standing(&ledger, &frame, &measure, (&row, pause.step, course))?,
        None => None,
    };
    let names = study.template.objectives.iter().map(|each| each.metric.clone());
    print_it(
        &Explanation {
            study: folder.name().to_owned(),
            trial: number,
            status: row.status.name(),
            reason: row.message.clone(),
            origin: row.origin,
            continued_as,
            pruner: guard.map(|guard| guard.pruner.clone()),
            pause: pause.map(|(pause, _)| (pause.step, pause.rung)),
            rung,
            rivals: guard.and_then(|guard| guard.rivals.as_ref()).map_or(Vec::new(), |rivals| {
                rivals.trials.iter().map(|rival| rival.trial).collect()
            }),
            so_far: guard.and_then(|guard| match guard.course {
                Course::Last => None,
                Course::Best => Some("best so far".to_owned()),
                Course::All(aggregate) => Some(format!("{} so far", aggregate.name())),
            }),
            patience: guard.and_then(|guard| guard.patience).map(|patience| patience.reports),
            objectives: names.collect(),
            steps: steps(&row, guard.unwrap_or(&Guard::default()), &measure),
        },
        args.format,
    )?;
    Ok(Exit::Done)
}

fn holds(record: &Record, trial: u64) -> bool {
    let first = record.job.id.0.0;
    (first..first + record.result.trials.len() as u64).contains(&trial)
}

/// The next trial that goes on with this one.
fn continued(ledger: &Ledger, row: &Row) -> Result<Option<u64>, Failure> {
    let root = row.origin.unwrap_or(row.trial);
    for record in ledger.records_from(row.trial)? {
        let Record { job, .. } = record?;
        let first = job.id.0.0;
        let place = job.origins.iter().position(|origin| origin.trial == root);
        if let Some(later) = place.map(|place| first + place as u64).filter(|it| *it > row.trial) {
            return Ok(Some(later));
        }
    }
    Ok(None)
}

fn steps(row: &Row, guard: &Guard, measure: &Measure) -> Vec<Step> {
    let mut amount = Amount::new(guard.course);
    let mut trail = Trail::default();
    let mut bars = guard.bars.iter().peekable();
    let shown = |values: &[f64]| shown(measure, values);
    let all = |rows: &[Vec<f64>]| rows.iter().map(|row| shown(row)).collect();
    let step = |report: &jobs::Report| {
        let Some(standing) = measure.standing(&report.values) else {
            let (values, amount) = (Vec::new(), None);
            return Step { at: report.step, values, amount, bar: None };
        };
        let reached = amount.after(&standing.objectives).to_vec();
        trail.push(report.step, &reached);
        let mut bar: Option<&Bar> = None;
        while let Some(next) = bars.next_if(|next| next.step <= report.step) {
            bar = Some(next);
        }
        Step {
            at: report.step,
            values: shown(&standing.objectives),
            amount: bar.map(|_| shown(&reached)),
            bar: bar.map(|bar| Shown {
                step: bar.step,
                cohort: bar.cohort,
                rows: all(&bar.rows),
                expected: bar.forecast.as_ref().and_then(|forecast| {
                    let earlier = trail.at(forecast.earlier)?;
                    Some(shown(&forecast.of(earlier, &reached).collect::<Vec<f64>>()))
                }),
                good_enough: bar.forecast.as_ref().map_or(Vec::new(), |it| all(&it.ends)),
                is_behind: bar.stops(&reached, Some(&trail)),
            }),
        }
    };
    row.reports.iter().map(step).collect()
}

fn print_it(it: &Explanation, format: ExplainFormat) -> Result<(), Failure> {
    match format {
        ExplainFormat::Json => return print(&json(it)?),
        ExplainFormat::Csv => {
            let message = "--format: found csv, allowed: table or json, or --list with it";
            return Err(Failure::usage(message.to_owned()));
        }
        ExplainFormat::Table => {}
    }
    let reason = it.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let mut text = format!("{}, trial {}: {}{reason}", it.study, it.trial, it.status);
    if let Some(origin) = it.origin {
        text.push_str(&format!("\nit goes on with trial {origin}, which had paused"));
    }
    if let Some(later) = it.continued_as {
        text.push_str(&format!("\nit went on as trial {later}"));
    }
    text.push('\n');
    text.push_str(&held(it));
    if !it.steps.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(it));
    }
    print(&text)
}

/// What the trial was held against, but for the bars that the table shows.
fn held(it: &Explanation) -> String {
    let Some(pruner) = &it.pruner else {
        return "nothing held it against other trials".to_owned();
    };
    if let Some((step, rung)) = it.pause {
        let among = match &it.rung {
            Some(rung) => among(rung),
            // A trial that has failed before it came there has nothing to add.
            None if it.status == Status::Pruned.name() => {
                ", without a finite objective: such a trial does not go on".to_owned()
            }
            None => String::new(),
        };
        return format!("{pruner} had it pause at step {step}, on rung {rung}{among}");
    }
    let named: Vec<String> = it.rivals.iter().map(u64::to_string).collect();
    match (it.steps.iter().any(|step| step.bar.is_some()), it.patience) {
        _ if !named.is_empty() => {
            format!("{pruner} held it against trial {}, report by report", named.join(", "))
        }
        (true, Some(reports)) => {
            format!("{pruner} held it against these bars once it had not got better in {reports}")
        }
        (true, None) => format!("{pruner} held it against these bars"),
        (false, Some(reports)) => {
            format!("{pruner} waits {reports} reports for a trial to get better")
        }
        (false, None) if it.origin.is_some() => format!("{pruner} let it run to its end"),
        (false, None) => format!(
            "{pruner} asked nothing of it: too few had ended by then, or it is of the control group"
        ),
    }
}

/// Where it stood on its rung.
fn among(rung: &Rung) -> String {
    let better = match rung.amount.len() {
        1 => "were better",
        _ => "dominated it",
    };
    let worst = rung
        .worst_that_went_on
        .map_or(String::new(), |worst| format!(", the last of them with {}", short(worst)));
    format!(
        ", with {}; of {} trials that came there, {} {better} and {} went on{worst}",
        joined(&rung.amount),
        thousands(rung.came),
        thousands(rung.better),
        thousands(rung.went_on),
    )
}

/// The reports, with the bars where there are any.
fn table(it: &Explanation) -> String {
    let has_bars = it.steps.iter().any(|step| step.bar.is_some());
    let mut header = vec!["step".to_owned()];
    header.extend(it.objectives.iter().cloned());
    // What is held against the bars, where that is not the report itself.
    let so_far = it.so_far.as_ref().filter(|_| has_bars);
    header.extend(so_far.cloned());
    if has_bars {
        header.extend(["bar", "expected end", "good enough", "of trials", ""].map(String::from));
    }
    let mut shown = people_table(header);
    for step in &it.steps {
        let mut cells = vec![step.at.to_string()];
        cells.extend(it.objectives.iter().enumerate().map(|(place, _)| {
            step.values.get(place).map_or("-".to_owned(), |value| short(*value))
        }));
        if so_far.is_some() {
            cells.push(step.amount.as_ref().map_or("-".to_owned(), |amount| joined(amount)));
        }
        if let Some(bar) = &step.bar {
            cells.push(rows(&bar.rows));
            cells.push(bar.expected.as_ref().map_or("-".to_owned(), |expected| joined(expected)));
            cells.push(rows(&bar.good_enough));
            cells.push(thousands(bar.cohort));
            cells.push(if bar.is_behind { "behind" } else { "" }.to_owned());
        }
        shown.add_row(cells);
    }
    shown.trim_fmt()
}

/// So many rows of a bar are written out.
const WRITTEN: usize = 3;

fn joined(row: &[f64]) -> String {
    row.iter().map(|value| short(*value)).collect::<Vec<_>>().join(", ")
}

fn rows(rows: &[Vec<f64>]) -> String {
    // What only the best finished trials pass has no threshold of its own.
    let finite = rows.iter().filter(|row| row.iter().all(|value| value.is_finite()));
    let mut written: Vec<String> = finite.clone().take(WRITTEN).map(|row| joined(row)).collect();
    let left = finite.count().saturating_sub(WRITTEN);
    if left > 0 {
        written.push(format!("{left} more"));
    }
    if written.is_empty() { "-".to_owned() } else { written.join("; ") }
}
