//! Trials in a process of their own: this program again, asked through pipes.
//!
//! Question and answer are a length (four bytes, little endian) and so many bytes: a job of one
//! trial there; here a zero and its result, or a one and what the machine lacks.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use jobs::{JobResult, JobSpec, TrialResult};
use worker::{Child, MachineFault, Meter, Nursery, Study, run_job};

use crate::cli::RunApart;
use crate::exit::{Exit, Failure};
use crate::logs;
use crate::specification::Specification;

/// A process that waits for an answer looks up this often, to see whether anybody wants it.
const LOOK_UP: Duration = Duration::from_millis(100);

/// No question and no answer is longer.
const LONGEST: usize = 1 << 30;

/// Starts processes for the studies whose files are in a worker's cache.
pub struct Processes {
    /// The folder with a folder per study.
    pub cache: PathBuf,
}

impl Nursery for Processes {
    fn child(&self, study: &Study) -> Result<Box<dyn Child>, String> {
        let mut command = Command::new(program().map_err(|error| error.to_string())?);
        command.arg("run-apart").arg(self.cache.join(study.id.to_string()));
        if logs::is_json() {
            command.args(["--log", "json"]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is meant for the worker, which finishes what it has begun.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut running = command.spawn().map_err(|error| error.to_string())?;
        let input = running.stdin.take().expect("it is piped");
        let mut output = running.stdout.take().expect("it is piped");
        let (sender, answers) = channel();
        std::thread::Builder::new()
            .name("apart".to_owned())
            .spawn(move || {
                while let Ok(Some(answer)) = read(&mut output) {
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| error.to_string())?;
        let is_cancelled = Arc::clone(&study.cancelled);
        Ok(Box::new(Process { running, input, answers, is_cancelled }))
    }
}

struct Process {
    running: std::process::Child,
    input: ChildStdin,
    answers: Receiver<Vec<u8>>,
    is_cancelled: Arc<AtomicBool>,
}

impl Child for Process {
    fn run(&mut self, job: &JobSpec) -> Result<Result<TrialResult, String>, MachineFault> {
        // Where nobody reads, the missing answer says so.
        let _ = write(&mut self.input, &job.to_bytes());
        let answer = loop {
            match self.answers.recv_timeout(LOOK_UP) {
                Ok(answer) => break answer,
                Err(RecvTimeoutError::Timeout) => {
                    if self.is_cancelled.load(Ordering::SeqCst) {
                        return Ok(Err("nobody wants its answer".to_owned()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return self.ended(job);
                }
            }
        };
        let fault = |message: &str| fault(job, message);
        match answer.split_first() {
            Some((0, bytes)) => {
                let result = JobResult::from_bytes(bytes).ok();
                let trial = result.and_then(|result| result.trials.into_iter().next());
                Ok(Ok(trial.ok_or_else(|| fault("its own process gives no result"))?))
            }
            Some((_, text)) => Err(fault(&String::from_utf8_lossy(text))),
            None => Err(fault("its own process says nothing")),
        }
    }
}

impl Process {
    /// It has ended over a job. A signal is the trial's doing; where it has ended by itself, it
    /// could not even begin, or not go on.
    fn ended(&mut self, job: &JobSpec) -> Result<Result<TrialResult, String>, MachineFault> {
        let status = self.running.wait().map_err(|error| fault(job, &error.to_string()))?;
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Ok(Err(format!("killed by signal {signal}")));
        }
        Err(fault(job, &format!("its own process does not work: {status}")))
    }
}

fn fault(job: &JobSpec, message: &str) -> MachineFault {
    MachineFault { trial: job.id.0.0, message: message.to_owned() }
}

/// This program, also where its file has been replaced since it was started.
fn program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok(PathBuf::from("/proc/self/exe")),
        false => std::env::current_exe(),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to lose: a trial under way is one that nobody waits for.
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// `optimize run-apart`, which only workers use: runs trials as they are asked for, until nobody
/// asks any more.
///
/// # Errors
/// The study cannot be opened, or the pipes fail.
pub fn run_apart(args: &RunApart) -> Result<Exit, Failure> {
    let study = Specification::reopen(&args.folder)?;
    let study = study.for_worker(Some(args.folder.join("trials")));
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .thread_name(|_| "trial-0".to_owned())
        .build_global()
        .map_err(|error| Failure::infrastructure(format!("failed to start a thread: {error}")))?;
    let (sender, questions) = channel();
    // A thread that does nothing but listen notices at once that the worker has ended.
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(question)) = read(&mut input) {
            if sender.send(question).is_err() {
                return;
            }
        }
        std::process::exit(Exit::Done as i32);
    });
    let (stop, meter) = (AtomicBool::new(false), Meter::default());
    let mut output = io::stdout().lock();
    for question in questions {
        let job = JobSpec::from_bytes(&question)
            .map_err(|error| Failure::infrastructure(error.to_string()))?;
        let answer = match run_job(&study, &job, &stop, &meter) {
            Ok(trials) => {
                let (worker, elapsed_ns) = (String::new(), 0);
                let (id, attempt) = (job.id, job.attempt);
                let result =
                    JobResult { study: job.study, id, attempt, trials, worker, elapsed_ns };
                [&[0], &result.to_bytes()[..]].concat()
            }
            Err(fault) => [&[1], fault.message.as_bytes()].concat(),
        };
        write(&mut output, &answer)
            .map_err(|error| Failure::infrastructure(format!("failed to answer: {error}")))?;
    }
    Ok(Exit::Done)
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("it is too long"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The next message; none at the end.
fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
