//! From settings and a trial to the process that is to be started, and whether it can be.

use rustix::io::Errno;
use search_spaces::Parameter;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use super::settings::{Limits, Settings, is_program, on_path};
use super::text::Text;
use super::trace::Trace;
use super::trouble::Trouble;
use super::words::command_line;
use crate::contract::Trial;

/// A child for this trial in this folder, before it starts.
pub(super) fn child(
    settings: &Settings,
    parameters: &[Parameter],
    trial: &Trial<'_>,
    folder: &Path,
    trace: &mut Trace,
) -> Command {
    let fill = |text: &Text| text.fill(parameters, trial);
    let arguments: Vec<String> = settings.arguments.iter().map(fill).collect();
    let environment: Vec<(&String, String)> =
        settings.env.iter().map(|(name, text)| (name, fill(text))).collect();
    if trace.is_on() {
        let words = settings.run[..1].iter().chain(&arguments).map(String::as_str);
        let start = format!("{}  in {}", command_line(words), folder.display());
        trace.note("starts", start.as_bytes());
        let lines: Vec<String> =
            environment.iter().map(|(name, text)| format!("{name}={text}")).collect();
        if !lines.is_empty() {
            trace.note("environment", lines.join("\n").as_bytes());
        }
    }
    let mut command = limited(&settings.program, &settings.limits);
    command.args(arguments).envs(environment).current_dir(folder);
    command
}

/// Why a child for this folder did not start.
pub(super) fn not_started(settings: &Settings, folder: &Path, error: &io::Error) -> Trouble {
    const WHAT: &str = "the program cannot be started";
    let is = |errnos: &[Errno]| {
        errnos.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    };
    if !folder.is_dir() {
        return Trouble::machine(format!("{WHAT}: the folder {} is not there", folder.display()));
    }
    if is(&[Errno::NOENT])
        && let Err(reason) = check_interpreter(settings)
    {
        return Trouble::start(format!("{WHAT}: {}", settings.whereabouts.hide_text(&reason)));
    }
    let message = format!("{WHAT}: {error}");
    // Too long an argument, or one with a NUL in it, is a matter of the point.
    let its_own = is(&[Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::TOOBIG])
        || error.kind() == io::ErrorKind::InvalidInput;
    if its_own { Trouble::start(message) } else { Trouble::machine(message) }
}

/// Limits are set by a shell that becomes the program: it is given numbers of ours to run, and
/// the program and its arguments as arguments.
fn limited(program: &Path, limits: &Limits) -> Command {
    let mut script = setting(limits);
    if script.is_empty() {
        return Command::new(program);
    }
    script.push_str("ulimit -c 0 && exec \"$0\" \"$@\"");
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).arg(program);
    shell
}

/// What a shell has to do to set the limits, before something else.
fn setting(limits: &Limits) -> String {
    let mut script = String::new();
    if let Some(memory) = limits.memory {
        script.push_str(&format!("ulimit -v {} && ", memory.div_ceil(1024)));
    }
    if let Some(cpu) = limits.cpu {
        let seconds = cpu.as_secs_f64().ceil() as u64;
        // One that catches the signal of the soft limit meets the hard one.
        script.push_str(&format!("ulimit -S -t {seconds} && ulimit -H -t {} && ", seconds + 2));
    }
    script
}

/// Makes sure that the limits can be set here.
///
/// # Errors
/// What the shell says.
pub(super) fn check_limits(limits: &Limits) -> Result<(), String> {
    let script = setting(limits);
    if script.is_empty() { Ok(()) } else { check_setting(&script) }
}

fn check_setting(script: &str) -> Result<(), String> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{script}exit 0")).stdin(Stdio::null());
    let output = shell.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("a shell cannot set memory or cpu: {}", complaint.trim()))
}

/// Looks at what a script says it is run by, which the machine leaves out of its complaint that
/// something is not there.
///
/// # Errors
/// Who is not there, or not executable.
pub(super) fn check_interpreter(settings: &Settings) -> Result<(), String> {
    const LONGEST: u64 = 256;
    let mut start = Vec::new();
    let read =
        File::open(&settings.program).and_then(|file| file.take(LONGEST).read_to_end(&mut start));
    // What cannot be read may be executable all the same.
    if read.is_err() || !start.starts_with(b"#!") {
        return Ok(());
    }
    let line = String::from_utf8_lossy(&start[2..]);
    let line = line.split('\n').next().unwrap_or_default();
    // A carriage return is no space: it is part of a name that nobody has.
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = words.next().unwrap_or_default();
    let (name, is_there) = if Path::new(interpreter).file_name() == Some("env".as_ref()) {
        let harmless = |word: &str| ["-", "-i", "-S", "-v", "-vS"].contains(&word);
        let Some(name) = words.find(|word| !harmless(word) && !word.contains('=')) else {
            return Ok(());
        };
        // After other options, there is no telling which word is the program.
        let there = on_path(name).is_some() || is_program(&settings.folder.join(name));
        (name, there || name.starts_with('-'))
    } else {
        (interpreter, is_program(&settings.folder.join(interpreter)))
    };
    match is_there {
        true => Ok(()),
        false => Err(format!(
            "its first line is {:?}, and {name:?} is not there or not executable",
            format!("#!{line}")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_cannot_be_set_are_found() {
        check_setting("ulimit -c 0 && ").expect("a limit that can be set");
        let message = check_setting("ulimit -t nonsense && ").expect_err("no number");
        assert!(message.starts_with("a shell cannot set memory or cpu: "), "{message}");
        assert!(message.contains("ulimit"), "{message}");
    }
}
