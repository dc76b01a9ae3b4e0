//! `optimize start` and `optimize resume`.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobs::{Board, QueueError, RedisQueue};
use results::{
    Ledger, ResultsError, Store, StudyFolder, StudyRecord, StudyState, StudyStatus, View,
};
use search_spaces::check_study_name;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use worker::{Hand, Meter, OneStudy};

use crate::audit::Share;
use crate::cli::{Resume, RunArgs, Start};
use crate::commands::announcement::{announce, explain};
use crate::commands::changes::changed_template;
use crate::commands::choices::{Chosen, choices};
use crate::commands::clock::{now, now_ms, wall_clock};
use crate::commands::report::{in_store, report, too_few};
use crate::commit::git_commit;
use crate::control::Control;
use crate::ended::Ended;
use crate::exit::{Exit, Failure};
use crate::fleet::Fleet;
use crate::metrics::{self, Endpoint};
use crate::notice::{Notice, lock};
use crate::progress::{Display, Progress, thousands};
use crate::remote::{self, host_name};
use crate::run::{Places, run};
use crate::say;
use crate::signals::{Interrupts, joined};
use crate::specification::Specification;
use crate::study::Study;

/// How long the programs of a study that has ended may take to end as well.
const FAREWELL: Duration = Duration::from_secs(10);

/// Workers that are there have shown themselves after so many looks, ten a second.
const NO_WORKER: u32 = 50;

/// `optimize start`.
///
/// # Errors
/// Bad input, before anything is started, or infrastructure that fails.
pub fn start(args: &Start) -> Result<Exit, Failure> {
    let endpoint = Endpoint::bind(args.run.watch.metrics.as_ref())?;
    let template = changed_template(args)?;
    let Chosen { choices, reason, records } = choices(args, &template)?;
    let name = args.name.clone().unwrap_or_else(|| template.name.clone());
    check_study_name(&name)
        .map_err(|allowed| Failure::usage(format!("--name: found {name:?}, allowed: {allowed}")))?;
    let study = Study::open(template, choices)?;
    study.ready()?;

    let folder = Store::open(&args.store.store)?.create_study(&name).map_err(not_started)?;
    let record = StudyRecord {
        algorithm_reason: reason.clone(),
        ..study.record(folder.name(), now_ms(), git_commit(&study.template.folder))
    };
    let ledger = Ledger::create_knowing(&folder, &record, &records).map_err(|error| {
        // What cannot be resumed should not be found again either.
        let _ = std::fs::remove_dir_all(folder.path());
        not_started(error)
    })?;
    announce(&study, folder.name(), "study started");
    let limit =
        study.goal().total().map_or(String::new(), |total| format!(", {}", thousands(total)));
    let algorithm = &study.choices.algorithm;
    if !args.run.quiet {
        let seed = study.choices.seed;
        say!("study {}: {algorithm}{limit} trials, seed {seed}", folder.name());
        if let Some(reason) = reason {
            say!("auto: {algorithm}, for {reason}");
        }
        explain(&study, &args.run);
        if let Some(known) = &record.known {
            say!("it begins with {} results of {}", thousands(known.trials), known.from);
        }
    }
    let fleet = fleet(&study, ledger.record(), &args.run).inspect_err(|_| {
        // Nothing has been run, so there is nothing to keep.
        let _ = std::fs::remove_dir_all(folder.path());
    })?;
    supervise(study, ledger, &folder, &args.run, fleet, endpoint)
}

/// A full disk before there is anything to resume.
fn not_started(error: ResultsError) -> Failure {
    match error {
        ResultsError::DiskFull { path, .. } => Failure::infrastructure(format!(
            "no space left on the disk of {}; free some and start again, nothing was started",
            path.display()
        )),
        error => error.into(),
    }
}

/// `optimize resume`.
///
/// # Errors
/// The study is not there, runs already, or cannot go on.
pub fn resume(args: &Resume) -> Result<Exit, Failure> {
    let endpoint = Endpoint::bind(args.run.watch.metrics.as_ref())?;
    let store = Store::open(&args.store.store)?;
    let folder = match args.study.wanted() {
        Some(name) => store.study(name)?,
        None => store.latest()?,
    };
    let ledger = Ledger::open(&folder)?;
    // Whoever asked for it asked an earlier process.
    let _ = folder.take_request_to_stop();
    let study = Study::resume(&ledger)?;
    study.ready()?;
    announce(&study, folder.name(), "study resumed");
    if !args.run.quiet {
        let goal = match study.goal().total() {
            None if args.run.max_time.is_none() => ", until Ctrl-C or --max-time",
            _ => "",
        };
        say!("study {}: resuming{goal}", folder.name());
        explain(&study, &args.run);
    }
    let fleet = fleet(&study, ledger.record(), &args.run)?;
    supervise(study, ledger, &folder, &args.run, fleet, endpoint)
}

/// Runs a study with everything around it: worker, signals, clock, progress and status file.
fn supervise(
    study: Study,
    ledger: Ledger,
    folder: &StudyFolder,
    args: &RunArgs,
    (fleet, notice): (Fleet, Option<Notice>),
    endpoint: Option<Endpoint>,
) -> Result<Exit, Failure> {
    // The study's lock is held, so that nobody else is at work in there.
    if let Err(error) = simulators::sweep_files(&folder.trials_path()) {
        say!("what a killed process left behind could not be removed: {error}");
    }
    let runtime = crate::commands::runtime()?;
    let shown = watch::Sender::new(StudyStatus {
        name: folder.name().to_owned(),
        ..StudyStatus::default()
    });
    let meter = Arc::new(Meter::default());
    if let Some(endpoint) = endpoint {
        endpoint.serve(&runtime, page(shown.subscribe(), Arc::clone(&meter), &fleet))?;
    }
    let session = Session {
        folder: folder.clone(),
        started_at: now_ms(),
        fleet,
        notice: notice.map(|notice| Arc::new(Mutex::new(notice))),
        keeper: None,
        shown,
        meter,
        audit: args.audit,
        max_failures: args.max_failures,
        display: Display::new(std::io::stderr().is_terminal(), args.quiet, study.goal().total()),
    };
    let (started, asked) = (now(), study.choices.trials);
    let algorithm = study.choices.algorithm.to_string();
    let outcome = runtime.block_on(session.run(study, ledger, args.max_time));
    // A worker that still holds a trial of hours must not keep the program from ending.
    runtime.shutdown_background();
    let ended = outcome?;
    tracing::info!(
        study = folder.name(),
        state = ended.finished.state.name(),
        trials = ended.progress.counts.evaluated,
        hash = ended.finished.results_hash,
        seconds = started.elapsed().as_secs_f64(),
        "study ended"
    );
    if let (StudyState::Complete, Some(asked)) = (ended.finished.state, asked)
        && ended.progress.counts.points() < asked
    {
        say!("{}", too_few(ended.progress.counts.points(), asked, &algorithm));
    }
    report(&ended, folder, args, started.elapsed())
}

/// What Prometheus is told of a study.
fn page(
    shown: watch::Receiver<StudyStatus>,
    meter: Arc<Meter>,
    fleet: &Fleet,
) -> impl Fn() -> String + use<> {
    let (threads, is_remote, started) = (fleet.threads(), fleet.is_remote(), wall_clock());
    move || {
        let mut figures = metrics::of_study(&shown.borrow());
        if threads > 0 {
            figures.extend(metrics::of_threads(threads, &meter.read()));
        }
        if is_remote {
            figures.extend(metrics::of_traffic());
        }
        figures.extend(metrics::of_process(started));
        metrics::text(figures)
    }
}

/// Those who run the trials, and the study's notice for them where they are elsewhere.
fn fleet(
    study: &Study,
    record: &StudyRecord,
    args: &RunArgs,
) -> Result<(Fleet, Option<Notice>), Failure> {
    let threads = crate::commands::threads(args.threads);
    let Some(address) = &args.queue else {
        let lease = args.key.lease.map(|_| "--lease");
        if let Some(option) = lease.or((args.priority != 0).then_some("--priority")) {
            return Err(Failure::usage(format!(
                "{option}: found without --queue, allowed: beside it"
            )));
        }
        return Ok((Fleet::embedded(threads), None));
    };
    let here = if args.threads.is_some() { threads } else { 0 };
    let options = remote::options(&args.key, address, here, true)?;
    let (specification, contents) = Specification::of(study, record.clone())?;
    let board = Board::open(&options.server, options.key.clone());
    let queue = Arc::new(RedisQueue::new(study.id, options));
    // Makes sure that no other coordinator is at work before workers hear of the study.
    queue.open()?;
    let mut notice = Notice::new(board, study.id, args.priority, specification, contents)?;
    if let Err(error) = notice.put_up(queue.epoch()) {
        // It is put up again and again while the study runs.
        say!("workers cannot be told of the study yet: {error}");
    }
    Ok((Fleet::remote(queue, here), Some(notice)))
}

/// One process at work on one study.
struct Session {
    folder: StudyFolder,
    started_at: u64,
    fleet: Fleet,
    notice: Option<Arc<Mutex<Notice>>>,
    /// Looks after the notice.
    keeper: Option<JoinHandle<()>>,
    /// The status that was told last, for whoever asks this process.
    shown: watch::Sender<StudyStatus>,
    meter: Arc<Meter>,
    audit: Option<Share>,
    max_failures: Option<u64>,
    display: Display,
}

/// The two tasks of a study: those who run its trials, and the loop that directs them.
struct Tasks {
    worker: JoinHandle<Result<u64, QueueError>>,
    for_worker: Arc<worker::Study>,
    study_loop: JoinHandle<Result<Ended, Failure>>,
    control: Arc<Control>,
    watched: watch::Receiver<Progress>,
}

impl Tasks {
    /// Ends the study early: no further trial is begun.
    fn stop(&self, state: StudyState) {
        self.control.stop(state);
        self.control.dismiss();
    }

    /// Ends the study early, and drops the trials that are under way.
    fn cancel(&self) {
        self.stop(StudyState::Stopped);
        self.for_worker.cancel();
    }
}

impl Session {
    fn begin(&self, study: Study, ledger: Ledger, view: View) -> Tasks {
        let queue = self.fleet.queue();
        let control = Arc::new(Control::default());
        let (progress, watched) = watch::channel(Progress::default());
        let threads = self.fleet.threads().max(1);
        let (name, meter) = (host_name(), Arc::clone(&self.meter));
        let options = worker::Options { threads, name, nursery: None, meter };
        let for_worker = Arc::new(study.for_worker(Some(self.folder.trials_path())));
        // Where there are workers elsewhere, every job is for them.
        let hand = (!self.fleet.is_remote())
            .then(|| Hand::new(Arc::clone(&for_worker), options.clone(), control.dismissed()));
        let worker = {
            let (queue, study) = (Arc::clone(&queue), Arc::clone(&for_worker));
            let (stop, computes) = (control.dismissed(), self.fleet.threads() > 0);
            tokio::task::spawn_blocking(move || match computes {
                true => worker::serve(&mut OneStudy { queue, study }, &options, &stop),
                false => Ok(0),
            })
        };
        let study_loop = {
            let (control, fleet) = (Arc::clone(&control), self.fleet.clone());
            let (audit, max_failures) = (self.audit, self.max_failures);
            tokio::task::spawn_blocking(move || {
                let (queue, control) = (&*queue, &*control);
                let (progress, fleet) = (&progress, &fleet);
                let places = Places {
                    queue,
                    ledger,
                    view,
                    fleet,
                    hand,
                    audit,
                    max_failures,
                    control,
                    progress,
                };
                run(study, places)
            })
        };
        Tasks { worker, for_worker, study_loop, control, watched }
    }

    async fn run(
        mut self,
        study: Study,
        ledger: Ledger,
        max_time: Option<Duration>,
    ) -> Result<Ended, Failure> {
        let view = View::expect(&self.folder.view_path(), ledger.record(), &study.schema)?;
        if let Some(notice) = view.notice() {
            say!("{notice}");
        }
        let mut tasks = self.begin(study, ledger, view);
        let mut interrupts = Interrupts::new()?;
        let deadline = tokio::time::sleep(max_time.unwrap_or(Duration::from_secs(1 << 32)));
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let (mut ticks, mut is_drained, mut interrupts_seen) = (0u32, false, 0);
        let mut fault = None;
        let ended = loop {
            tokio::select! {
                ended = &mut tasks.study_loop => break joined(ended)?,
                stopped = &mut tasks.worker, if !is_drained => {
                    is_drained = true;
                    tasks.control.drain();
                    // Without anybody to run its trials, the study ends with what it has.
                    fault = joined(stopped)?.err().filter(|_| !tasks.control.has_ended());
                    if fault.is_some() {
                        tasks.stop(StudyState::Failed);
                    }
                }
                () = interrupts.next() => {
                    interrupts_seen += 1;
                    if interrupts_seen > 1 {
                        self.leave(&tasks.watched.borrow());
                    }
                    tasks.stop(StudyState::Interrupted);
                    say!(
                        "stopping: waiting for the trials under way (Ctrl-C again to leave at \
                         once; nothing recorded is lost)"
                    );
                }
                () = &mut deadline, if tasks.control.stopped().is_none() => {
                    tasks.stop(StudyState::Stopped);
                }
                _ = tick.tick() => {
                    if self.folder.take_request_to_stop() {
                        say!("stopping: `optimize stop` asks for it");
                        tasks.cancel();
                    }
                    let progress = tasks.watched.borrow().clone();
                    self.display.show(&progress);
                    if ticks == NO_WORKER && self.fleet.is_empty() {
                        say!(
                            "no worker yet: run `optimize worker --queue URL` on any machine that \
                             has the key (docs/workers.md)",
                        );
                    }
                    if ticks % 10 == 0 {
                        self.write_status(&progress, StudyState::Running, None, None);
                        self.keep_up();
                    }
                    ticks += 1;
                }
            }
        };
        self.display.clear();
        tasks.control.dismiss();
        if !is_drained {
            // Programs that stay have files to close; they are not kept from it, within reason.
            tokio::select! {
                _ = &mut tasks.worker => {}
                () = interrupts.next() => {}
                () = tokio::time::sleep(FAREWELL) => {}
            }
        }
        let ended = self.conclude(ended, fault, &tasks.watched.borrow());
        if let Some(notice) = self.notice.take() {
            let has_ended =
                |ended: &Ended| !matches!(ended.finished.state, StudyState::Interrupted);
            let has_ended = ended.as_ref().is_ok_and(has_ended);
            // A server that does not answer keeps nobody who is in a hurry.
            tokio::select! {
                _ = tokio::task::spawn_blocking(move || lock(&notice).take_down(has_ended)) => {}
                () = interrupts.next() => {}
            }
        }
        ended
    }

    /// Puts the study's notice up again where the server has forgotten it; beside everything
    /// else, since a server that is away keeps whoever asks it waiting.
    fn keep_up(&mut self) {
        let is_busy = self.keeper.as_ref().is_some_and(|keeper| !keeper.is_finished());
        if let Some(notice) = self.notice.as_ref().filter(|_| !is_busy) {
            let (notice, epoch) = (Arc::clone(notice), self.fleet.epoch());
            // It is asked again at the next look.
            let put_up = move || _ = lock(&notice).put_up(epoch);
            self.keeper = Some(tokio::task::spawn_blocking(put_up));
        }
    }

    /// Writes down how the study ended, and says so.
    fn conclude(
        &self,
        ended: Result<Ended, Failure>,
        fault: Option<QueueError>,
        last: &Progress,
    ) -> Result<Ended, Failure> {
        let ended = match (ended, fault) {
            (Ok(_), Some(fault)) => Err(fault.into()),
            (ended, _) => ended,
        };
        match &ended {
            Ok(ended) => {
                let hash = Some(ended.finished.results_hash.clone());
                self.write_status(&ended.progress, ended.finished.state, hash, None);
            }
            Err(failure) => {
                let message = Some(failure.message.clone());
                self.write_status(last, StudyState::Failed, None, message);
            }
        }
        ended
    }

    /// Ends the program without waiting for anything.
    fn leave(&self, progress: &Progress) -> ! {
        self.display.clear();
        self.write_status(progress, StudyState::Interrupted, None, None);
        say!("to go on: optimize resume {}", in_store(&self.folder));
        std::process::exit(Exit::Interrupted as i32);
    }

    /// Tells other processes how far the study is. A status that cannot be written stops
    /// nothing: the ledger will say so itself if the disk is full.
    fn write_status(
        &self,
        progress: &Progress,
        state: StudyState,
        results_hash: Option<String>,
        message: Option<String>,
    ) {
        let seen = self.fleet.seen();
        let status = StudyStatus {
            name: self.folder.name().to_owned(),
            state,
            pid: std::process::id(),
            started_at: self.started_at,
            updated_at: now_ms(),
            done: progress.done,
            total: progress.total,
            counts: progress.counts,
            best: progress.best.clone(),
            frontier: progress.frontier,
            trials_per_second: progress.rate,
            workers: seen.workers,
            threads: seen.threads,
            epoch: seen.epoch,
            jobs_in_flight: progress.jobs_in_flight,
            jobs_lost: seen.lost,
            messages_refused: seen.refused,
            fleet: seen.fleet,
            view_lag: progress.view_lag,
            results_hash,
            audited: progress.audited,
            contradictions: progress.contradictions.clone(),
            reason: progress.reason.clone(),
            tainted: progress.tainted.clone(),
            message,
        };
        let _ = self.folder.write_status(&status);
        self.shown.send_replace(status);
    }
}
