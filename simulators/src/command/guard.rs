//! What ends the children if this process is killed.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::Deadline;

/// Reads `+ GROUP` and `- GROUP` until the end of its input, which comes when we end, however
/// that is. Then it asks the groups that are left to end, and ends them after so many tenths of
/// a second. Nothing that is meant for us ends it before.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
left=' '
while read -r sign group; do
    case $sign in
    +) left="$left$group " ;;
    -) case $left in *" $group "*) left="${left%%" $group "*} ${left#*" $group "}" ;; esac ;;
    esac
done
for group in $left; do kill -TERM "-$group"; done
tenths=$1
while [ "$left" != ' ' ]; do
    [ "$tenths" -gt 0 ] || break
    sleep 0.1 || sleep 1
    tenths=$((tenths - 1))
    still=' '
    for group in $left; do if kill -0 "-$group"; then still="$still$group "; fi; done
    left=$still
done
for group in $left; do kill -KILL "-$group"; done
"#;

/// How many times a guard that does not do its work is replaced.
const MOST_LOSSES: u32 = 3;

/// So long may a guard not read, or not end, before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process that knows the groups of all our children and outlives us by the grace. It starts
/// with the first of them and ends with the last handle. That it cannot be had is no error:
/// children are then on their own if we are killed.
#[derive(Debug)]
pub(super) struct Guard {
    grace: Duration,
    watch: Mutex<Watch>,
    /// Whether all groups were to be ended, and those that come as well.
    ends_all: AtomicBool,
}

#[derive(Debug, Default)]
struct Watch {
    process: Option<(Child, ChildStdin)>,
    groups: BTreeSet<i32>,
    losses: u32,
}

impl Guard {
    /// A guard that gives children so much time between SIGTERM and SIGKILL.
    pub(super) fn new(grace: Duration) -> Arc<Self> {
        Arc::new(Self { grace, watch: Mutex::default(), ends_all: AtomicBool::new(false) })
    }

    /// Makes sure that it is there before a child is.
    pub(super) fn wake(&self) {
        let mut watch = self.watch();
        if watch.process.is_none() {
            watch.start(self.grace);
        }
    }

    /// Takes care of a group from now on.
    pub(super) fn enter(&self, group: Pid) {
        let mut watch = self.watch();
        watch.groups.insert(group.as_raw_pid());
        watch.tell('+', group.as_raw_pid(), self.grace);
        if self.has_ended_all() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Ends all groups, those that come later too: with SIGTERM, and after the grace with SIGKILL.
    pub(super) fn end_all(self: &Arc<Self>) {
        // Set before the groups are listed, so that one that is entered meanwhile sees it.
        self.ends_all.store(true, Ordering::SeqCst);
        self.signal(Signal::TERM);
        let guard = Arc::clone(self);
        let end = move || {
            std::thread::sleep(guard.grace);
            guard.signal(Signal::KILL);
        };
        // Without a thread, those that ignore SIGTERM are ended by their own timeouts.
        let _ = std::thread::Builder::new().name("grace".to_owned()).spawn(end);
    }

    /// Whether no group is to live any more.
    pub(super) fn has_ended_all(&self) -> bool {
        self.ends_all.load(Ordering::SeqCst)
    }

    /// A group leaves the list before its number can become that of another process, and the
    /// list is locked meanwhile.
    fn signal(&self, signal: Signal) {
        let watch = self.watch();
        for group in watch.groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Forgets a group. This has to be said before its leader is reaped, after which its number
    /// may become that of somebody else.
    pub(super) fn leave(&self, group: Pid) {
        let mut watch = self.watch();
        watch.groups.remove(&group.as_raw_pid());
        watch.tell('-', group.as_raw_pid(), self.grace);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn start(&mut self, grace: Duration) {
        while self.process.is_none() && self.losses < MOST_LOSSES {
            let told = spawn(grace).and_then(|process| {
                // One that stands still must not hold us up.
                let (_, input) = self.process.insert(process);
                rustix::io::ioctl_fionbio(&*input, true)?;
                self.groups.iter().try_for_each(|group| write(input, '+', *group))
            });
            if told.is_err() {
                self.lose();
            }
        }
    }

    fn tell(&mut self, sign: char, group: i32, grace: Duration) {
        let Some((_, input)) = &mut self.process else { return };
        if write(input, sign, group).is_err() {
            self.lose();
            // The next one is told of all groups.
            self.start(grace);
        }
    }

    /// Gets rid of a guard without letting it act on what it knows.
    fn lose(&mut self) {
        self.losses += 1;
        if let Some((mut child, _)) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some((mut child, input)) = self.process.take() else { return };
        drop(input);
        let deadline = Deadline::after(Some(PATIENCE));
        let mut nap = Duration::from_micros(200);
        while matches!(child.try_wait(), Ok(None)) {
            if deadline.passed() {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            std::thread::sleep(nap);
            nap = (2 * nap).min(Duration::from_millis(20));
        }
    }
}

fn spawn(grace: Duration) -> io::Result<(Child, ChildStdin)> {
    let tenths = grace.as_millis().div_ceil(100);
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "optimize-guard", &tenths.to_string()])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let input = child.stdin.take().expect("it is piped");
    Ok((child, input))
}

/// Lines this short are written whole or not at all.
fn write(input: &mut ChildStdin, sign: char, group: i32) -> io::Result<()> {
    let line = format!("{sign} {group}\n");
    match input.write_all(line.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let patience =
                Timespec { tv_sec: PATIENCE.as_secs().try_into().expect("small"), tv_nsec: 0 };
            poll(&mut [PollFd::new(&*input, PollFlags::OUT)], Some(&patience))?;
            input.write_all(line.as_bytes())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::kill_process;

    use super::super::process::Process;
    use super::super::settings::Limits;
    use super::super::stream::Nowhere;
    use super::*;

    /// A process that leads a group, until it is ended.
    fn sleeper() -> (Child, Pid) {
        let child = Command::new("sleep").arg("1000").process_group(0).spawn().expect("sleep");
        let pid = Pid::from_child(&child);
        (child, pid)
    }

    fn pid_of(guard: &Guard) -> Pid {
        Pid::from_child(&guard.watch().process.as_ref().expect("a guard").0)
    }

    fn is_there(pid: Pid) -> bool {
        std::fs::exists(format!("/proc/{}", pid.as_raw_pid())).expect("Linux")
    }

    #[test]
    fn at_its_end_a_guard_ends_what_is_left_and_nothing_else() {
        let guard = Guard::new(Duration::from_millis(100));
        guard.wake();
        let mut children: Vec<(Child, Pid)> = (0..4).map(|_| sleeper()).collect();
        for (_, pid) in &children {
            guard.enter(*pid);
        }
        guard.leave(children[2].1);
        guard.leave(children[0].1);
        guard.leave(children[0].1);
        let pid = pid_of(&guard);
        drop(guard);
        assert!(!is_there(pid), "it is gone and reaped");
        for index in [1, 3] {
            children[index].0.wait().expect("it was ended");
        }
        for index in [0, 2] {
            assert!(matches!(children[index].0.try_wait(), Ok(None)), "{index} was forgotten");
            children[index].0.kill().expect("ours");
            children[index].0.wait().expect("ours");
        }
    }

    #[test]
    fn all_groups_are_ended_on_demand_and_those_that_come_later_too() {
        let guard = Guard::new(Duration::from_millis(100));
        guard.wake();
        let (mut before, mut after) = (sleeper(), sleeper());
        guard.enter(before.1);
        guard.end_all();
        before.0.wait().expect("it was ended");
        guard.leave(before.1);
        guard.enter(after.1);
        after.0.wait().expect("it was ended");
        assert!(guard.has_ended_all());
    }

    #[test]
    fn a_lost_guard_is_replaced_and_its_successor_knows_all_groups() {
        let guard = Guard::new(Duration::from_millis(100));
        guard.wake();
        let (mut before, mut after) = (sleeper(), sleeper());
        guard.enter(before.1);
        let first = pid_of(&guard);
        kill_process(first, Signal::KILL).expect("ours");
        // It may take a moment until nobody reads any more.
        while pid_of(&guard) == first {
            guard.enter(after.1);
        }
        assert!(!is_there(first), "it is reaped");
        drop(guard);
        before.0.wait().expect("it was ended");
        after.0.wait().expect("it was ended");
    }

    #[test]
    fn a_guard_that_stands_still_holds_nobody_up() {
        let guard = Guard::new(Duration::from_millis(100));
        guard.wake();
        let first = pid_of(&guard);
        kill_process(first, Signal::STOP).expect("ours");
        let nobody = Pid::from_raw(i32::MAX).expect("positive");
        while pid_of(&guard) == first {
            guard.enter(nobody);
        }
        guard.leave(nobody);
        let second = pid_of(&guard);
        kill_process(second, Signal::STOP).expect("ours");
        drop(guard);
        assert!(!is_there(second));
    }

    #[test]
    fn a_child_is_guarded_from_its_start_until_it_is_reaped() {
        let limits = Limits {
            timeout: None,
            startup: Duration::from_secs(1),
            grace: Duration::from_secs(1),
            memory: None,
            cpu: None,
            output: 1,
        };
        let guard = Guard::new(limits.grace);
        let start = || Process::start(Command::new("sleep"), false, &limits, &guard);
        let mut processes = [start().expect("it starts"), start().expect("it starts")];
        assert_eq!(guard.watch().groups.len(), 2);
        processes[0].finish(&mut Nowhere);
        assert_eq!(guard.watch().groups.len(), 1);
        drop(processes);
        assert_eq!(guard.watch().groups.len(), 0);
    }
}
