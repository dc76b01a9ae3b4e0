//! One child process with its group, its pipes and its end.
//!
//! All waiting is one `poll` over the pipes of one child, in the thread of its trial: nothing is
//! handed to another thread, and neither a full pipe nor a silent child can hold the trial
//! beyond its deadline.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes taken from a pipe at once; as many as a pipe holds.
const CHUNK: usize = 1 << 16;

/// How long to wait before looking whether a silent child has ended.
const LONGEST_NAP: Duration = Duration::from_millis(20);
const SHORTEST_NAP: Duration = Duration::from_micros(50);

/// So much is read of what a child left in its pipes; they hold no more.
const LEFT_IN_PIPES: usize = 1 << 20;

/// A moment at which waiting ends; none never comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment after so much time from now on.
    #[expect(clippy::disallowed_methods, reason = "a timeout is a clock; it marks its trial")]
    pub(super) fn after(time: Option<Duration>) -> Self {
        Self(time.map(|time| Instant::now() + time))
    }

    /// The time that is left; zero once it has come.
    #[expect(clippy::disallowed_methods, reason = "a timeout is a clock; it marks its trial")]
    pub(super) fn left(self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    /// Whether it has come.
    pub(super) fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// The last bytes of a stream, however long it is.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        self.bytes.extend_from_slice(bytes);
        // Moving them to the front once in a while only keeps the work per byte constant.
        if self.bytes.len() > 2 * self.limit {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(self.limit)..]
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A child that leads a process group. Dropping it ends the whole group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    errors: Tail,
    scratch: Vec<u8>,
    grace: Duration,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts a child; of its standard error, `limit` bytes are kept.
    pub(super) fn start(
        mut command: Command,
        with_input: bool,
        grace: Duration,
        limit: usize,
    ) -> io::Result<Self> {
        command.stdin(if with_input { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            group,
            stdin,
            stdout,
            stderr,
            errors: Tail::new(limit),
            scratch: vec![0; CHUNK],
            grace,
            status: None,
        };
        if let Some(stdin) = &process.stdin {
            // A child that does not read must not hold us up; our end alone is concerned.
            rustix::io::ioctl_fionbio(stdin, true)?;
        }
        Ok(process)
    }

    /// What is kept of its standard error.
    pub(super) fn errors(&mut self) -> &mut Tail {
        &mut self.errors
    }

    /// The time between SIGTERM and SIGKILL.
    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Whether it may still write to its standard output.
    pub(super) fn speaks(&self) -> bool {
        self.stdout.is_some()
    }

    /// Whether both of its output streams have ended.
    pub(super) fn is_silent(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Ends its standard input.
    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Writes as much as the pipe takes and returns the rest; input that nobody reads any more
    /// is thrown away.
    pub(super) fn write<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(stdin) = &mut self.stdin else { return &[] };
        match stdin.write(bytes) {
            Ok(written) => &bytes[written..],
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                bytes
            }
            Err(_) => {
                self.stdin = None;
                &[]
            }
        }
    }

    /// Waits at most so long until something can be read, or written where that is `wanted`;
    /// takes what there is, and says whether there was anything.
    pub(super) fn pump(
        &mut self,
        wait: Option<Duration>,
        write: bool,
        output: &mut dyn FnMut(&[u8]),
    ) -> bool {
        let timeout = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let (mut out, mut err) = (false, false);
        let ready = {
            let mut places = [None; 3];
            let mut fds = Vec::with_capacity(3);
            if let Some(stdout) = &self.stdout {
                places[0] = Some(fds.len());
                fds.push(PollFd::new(stdout, PollFlags::IN));
            }
            if let Some(stderr) = &self.stderr {
                places[1] = Some(fds.len());
                fds.push(PollFd::new(stderr, PollFlags::IN));
            }
            if let Some(stdin) = self.stdin.as_ref().filter(|_| write) {
                fds.push(PollFd::new(stdin, PollFlags::OUT));
            }
            // An interrupted wait is one in which nothing happened.
            let ready = poll(&mut fds, timeout.as_ref()).unwrap_or(0) > 0;
            if ready {
                let is = |place: Option<usize>| {
                    place.is_some_and(|at: usize| !fds[at].revents().is_empty())
                };
                (out, err) = (is(places[0]), is(places[1]));
            }
            ready
        };
        if out {
            take(&mut self.stdout, &mut self.scratch, output);
        }
        if err {
            let errors = &mut self.errors;
            take(&mut self.stderr, &mut self.scratch, &mut |bytes| errors.push(bytes));
        }
        ready
    }

    /// Whether the child has ended. It is not reaped yet: until then its process group cannot
    /// become that of another process.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.status.is_some() || !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Waits until the child has ended, while `output` takes what it writes; false if the
    /// deadline came first. `input` is what is left to be written.
    pub(super) fn wait(
        &mut self,
        deadline: Deadline,
        mut input: &[u8],
        output: &mut dyn FnMut(&[u8]),
    ) -> bool {
        let mut nap = SHORTEST_NAP;
        let feeds = !input.is_empty();
        for turn in 1u64.. {
            if !input.is_empty() {
                input = self.write(input);
            }
            if feeds && input.is_empty() {
                self.close_input();
            }
            let idle = !self.pump(
                Some(deadline.left().map_or(nap, |left| left.min(nap))),
                !input.is_empty(),
                output,
            );
            // A child that writes has not ended, but what it left behind may write for ever.
            if (idle || self.is_silent() || turn % 64 == 0) && self.has_ended() {
                return true;
            }
            if deadline.passed() {
                return false;
            }
            nap = if idle { (2 * nap).min(LONGEST_NAP) } else { nap };
        }
        unreachable!("the loop has no other end")
    }

    /// Asks the whole group to end, and ends it after the grace.
    pub(super) fn stop(&mut self, output: &mut dyn FnMut(&[u8])) -> ExitStatus {
        if self.status.is_none() {
            let _ = kill_process_group(self.group, Signal::TERM);
            self.wait(Deadline::after(Some(self.grace)), &[], output);
        }
        self.finish(output)
    }

    /// Ends whatever is left of the group, reaps the child, and takes what is left in its pipes.
    pub(super) fn finish(&mut self, output: &mut dyn FnMut(&[u8])) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        // The child is not reaped, so that the group is still its own. There may be nobody left
        // to be killed, which is no error.
        let _ = kill_process_group(self.group, Signal::KILL);
        self.stdin = None;
        let status = self.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        self.status = Some(status);
        for _ in 0..LEFT_IN_PIPES / 4096 {
            if self.is_silent() || !self.pump(Some(Duration::ZERO), false, output) {
                break;
            }
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(&mut |_| {});
    }
}

/// Reads what is there; an ended stream is closed.
fn take<R: Read>(stream: &mut Option<R>, scratch: &mut [u8], sink: &mut dyn FnMut(&[u8])) {
    let Some(reader) = stream else { return };
    match reader.read(scratch) {
        Ok(0) => *stream = None,
        Ok(read) => sink(&scratch[..read]),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(_) => *stream = None,
    }
}

/// How a child ended, for messages.
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The last words of a standard error stream as the end of a message.
pub(super) fn last_words(errors: &[u8]) -> String {
    const LINES: usize = 5;
    const BYTES: usize = 1000;
    let text = String::from_utf8_lossy(&errors[errors.len().saturating_sub(BYTES)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("; standard error ends: {}", last.join(" | "))
}
