//! One child process with its group, its pipes and its end.
//!
//! All waiting is one `poll` over the pipes of one child, in the thread of its trial: nothing is
//! handed to another thread, and neither a full pipe nor a silent child can hold the trial
//! beyond its deadline.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Deadline, patiently};
use super::guard::Guard;
use super::settings::Limits;
use super::stream::{Nowhere, Sink, Tail};

/// Bytes taken from a pipe at once; as many as a pipe holds.
const CHUNK: usize = 1 << 16;

/// How long to wait before looking whether a silent child has ended.
const LONGEST_NAP: Duration = Duration::from_millis(20);
const SHORTEST_NAP: Duration = Duration::from_micros(50);

/// So much is read of what a child left in its pipes; they hold no more.
const LEFT_IN_PIPES: usize = 1 << 20;

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
    guard: Arc<Guard>,
    reaped: bool,
    /// How it ended, once it is reaped, where the system tells.
    status: Option<ExitStatus>,
}

/// Why waiting for the end of a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The child has ended.
    Ended,
    /// The deadline has come.
    Late,
    /// Whoever takes what it writes has seen enough.
    Enough,
}

impl Process {
    /// Starts a child.
    pub(super) fn start(
        mut command: Command,
        with_input: bool,
        limits: &Limits,
        guard: &Arc<Guard>,
    ) -> io::Result<Self> {
        command.stdin(if with_input { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        guard.wake();
        let mut child = patiently(|| command.spawn())?;
        let group = Pid::from_child(&child);
        guard.enter(group);
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            group,
            stdin,
            stdout,
            stderr,
            errors: Tail::new(limits.output),
            scratch: vec![0; CHUNK],
            grace: limits.grace,
            guard: Arc::clone(guard),
            reaped: false,
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

    /// What is kept of its standard error, when it has ended.
    pub(super) fn into_errors(mut self) -> Tail {
        std::mem::replace(&mut self.errors, Tail::new(0))
    }

    /// The time between SIGTERM and SIGKILL.
    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Its resident memory in bytes, where the system tells.
    pub(super) fn memory(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.group.as_raw_pid());
        let status = std::fs::read_to_string(path).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
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
        output: &mut dyn Sink,
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
            take(&mut self.stderr, &mut self.scratch, errors);
        }
        ready
    }

    /// Whether the child has ended. It is not reaped yet: until then its process group cannot
    /// become that of another process.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.reaped || !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Waits until the child has ended, while `output` takes what it writes. `input` is what is
    /// left to be written.
    pub(super) fn wait(
        &mut self,
        deadline: Deadline,
        mut input: &[u8],
        output: &mut dyn Sink,
    ) -> Waited {
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
            if output.has_enough() {
                return Waited::Enough;
            }
            // A child that writes has not ended, but what it left behind may write for ever.
            if (idle || self.is_silent() || turn % 64 == 0) && self.has_ended() {
                return Waited::Ended;
            }
            if deadline.passed() {
                return self.last_look(output);
            }
            nap = if idle { (2 * nap).min(LONGEST_NAP) } else { nap };
        }
        unreachable!("the loop has no other end")
    }

    /// What there is to be seen at the deadline. It may be long past: what counts is what the
    /// child did, and not when we came to look.
    fn last_look(&mut self, output: &mut dyn Sink) -> Waited {
        self.pump(Some(Duration::ZERO), false, output);
        if output.has_enough() {
            Waited::Enough
        } else if self.has_ended() {
            Waited::Ended
        } else {
            Waited::Late
        }
    }

    /// Asks the whole group to end, and ends it after the grace. Says how the child ended, unless
    /// the system does not tell.
    pub(super) fn stop(&mut self, output: &mut dyn Sink) -> Option<ExitStatus> {
        if !self.reaped {
            let deadline = Deadline::after(Some(self.grace));
            let _ = kill_process_group(self.group, Signal::TERM);
            self.wait(deadline, &[], output);
            // The grace is for all of them, such as the program that a shell has started.
            while !deadline.passed() && lives(self.group) {
                let pause = deadline.or_after(LONGEST_NAP);
                while let Some(left) = pause.left().filter(|left| !left.is_zero()) {
                    self.pump(Some(left), false, output);
                }
            }
        }
        self.finish(output)
    }

    /// Ends whatever is left of the group, reaps the child, and takes what is left in its pipes.
    /// Says how the child ended, unless the system does not tell.
    pub(super) fn finish(&mut self, output: &mut dyn Sink) -> Option<ExitStatus> {
        if self.reaped {
            return self.status;
        }
        // The child is not reaped, so that the group is still its own. There may be nobody left
        // to be killed, which is no error.
        let _ = kill_process_group(self.group, Signal::KILL);
        self.stdin = None;
        self.guard.leave(self.group);
        self.status = self.child.wait().ok();
        self.reaped = true;
        for _ in 0..LEFT_IN_PIPES / 4096 {
            if self.is_silent() || !self.pump(Some(Duration::ZERO), false, output) {
                break;
            }
        }
        self.status
    }
}

/// Whether a process of this group lives, as far as the system tells: zombies are in it, too.
fn lives(group: Pid) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let is_number = |name: &std::ffi::OsStr| name.as_encoded_bytes()[0].is_ascii_digit();
    entries.flatten().filter(|entry| is_number(&entry.file_name())).any(|entry| {
        let stat = std::fs::read(entry.path().join("stat")).unwrap_or_default();
        // After the name, which may have spaces: the state, the parent, the group.
        let rest = String::from_utf8_lossy(&stat);
        let mut words = rest.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, of) = (words.next().unwrap_or_default(), words.nth(1));
        !["Z", "X"].contains(&state) && of == Some(&*group.as_raw_pid().to_string())
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(&mut Nowhere);
    }
}

/// Reads what is there; an ended stream is closed.
fn take<R: Read>(stream: &mut Option<R>, scratch: &mut [u8], sink: &mut dyn Sink) {
    let Some(reader) = stream else { return };
    match reader.read(scratch) {
        Ok(0) => *stream = None,
        Ok(read) => sink.take(&scratch[..read]),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(_) => *stream = None,
    }
}
