//! `optimize ask`: the pipes of a study that somebody else evaluates.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use search_spaces::{Document, Template};
use simulators::lines::LONGEST_LINE;

use crate::ask::Session;
use crate::cli::Ask;
use crate::commands::choices::{Pace, Wanted};
use crate::exit::{DEFAULT_DATA, Exit, Failure};
use crate::library;
use crate::progress::thousands;
use crate::say;

/// What a template that only describes a space leaves out.
const BARE: &str = "name = 'ask'\nsimulator = 'ask'\n";

/// So many trials of a plan that does not learn are out, unless the user says.
const OPEN: u64 = 256;

/// Output is written once so much has come together, or when there is nothing to read.
const LARGE: usize = 1 << 16;

/// `optimize ask`: hands out points, and takes results in any order, until there are no further
/// points or the input ends.
///
/// # Errors
/// Bad options, a template at fault, or a line that is no answer.
pub fn ask(args: &Ask) -> Result<Exit, Failure> {
    let template = template(args)?;
    let wanted = Wanted { algorithm: &args.algorithm, seed: args.seed, trials: args.trials };
    let (algorithm, reason) = wanted.algorithm(&template, None)?;
    if let Some(reason) = reason.filter(|_| !args.quiet) {
        say!("auto: {algorithm}, for {reason}");
    }
    let pace = Pace { chunk: args.chunk, lag: args.lag };
    let choices =
        pace.choices(&template, algorithm, args.seed, args.trials, None, DEFAULT_DATA.as_ref());
    let mut session = Session::open(template, choices, args.lag.unwrap_or(OPEN))?;
    if let Some(path) = &args.told {
        replay(&mut session, path)?;
    }
    converse(&mut session)?;
    if !args.quiet {
        conclude(&session);
    }
    let counts = session.tally().counts;
    let fruitless = counts.evaluated > 0
        && counts.evaluated == counts.failed + counts.pruned + counts.infeasible;
    Ok(if fruitless { Exit::Short } else { Exit::Done })
}

/// The template, of which the simulator and its pruning rules are somebody else's business.
fn template(args: &Ask) -> Result<Template, Failure> {
    let source = library::find(&args.template)?;
    let mut document = library::document(&source, &args.set)?;
    document.fill_from(&Document::parse("optimize ask", BARE)?);
    document.set("prune=[]")?;
    Ok(Template::read(document, &source.folder)?)
}

/// Tells what an earlier process was told.
fn replay(session: &mut Session, path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|error| Failure::usage(format!("--told: failed to read {shown}: {error}")))?;
    let mut lines = Lines::default();
    lines.push(&text);
    lines.end();
    while let Some(line) = lines.next() {
        tell(session, line).map_err(|fault| Failure::usage(format!("{shown}:{fault}")))?;
    }
    Ok(())
}

/// Tells a numbered line, unless it is empty.
fn tell(session: &mut Session, (number, line): (u64, &[u8])) -> Result<(), String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("{number}: found a line of more than 1 MiB, allowed: one per answer"));
    }
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    session.tell(line).map_err(|fault| format!("{number}: {fault}"))
}

/// Writes what can be asked and reads what comes, as long as there is anything to ask.
fn converse(session: &mut Session) -> Result<(), Failure> {
    let input = read_ahead();
    let mut lines = Lines::default();
    let mut out = session.welcome().into_bytes();
    while !session.is_done() {
        session.advance();
        session.write(&mut out);
        // Whoever has written more already does not wait for these lines yet.
        let mut chunk = if out.len() < LARGE { input.try_recv() } else { Err(TryRecvError::Empty) };
        if session.is_done() || chunk == Err(TryRecvError::Empty) {
            if !flush(&mut out)? || session.is_done() {
                return Ok(());
            }
            chunk = input.recv().map_err(|_| TryRecvError::Disconnected);
        }
        match &chunk {
            Ok(chunk) => lines.push(chunk),
            Err(_) => lines.end(),
        }
        while let Some(line) = lines.next() {
            tell(session, line)
                .map_err(|fault| Failure::usage(format!("standard input:{fault}")))?;
        }
        if chunk.is_err() {
            // The last answers count, and nobody reads further questions.
            session.advance();
            break;
        }
    }
    flush(&mut out)?;
    Ok(())
}

/// Reads standard input in a thread of its own, so that whoever writes to it is never kept
/// waiting by what it has not read yet itself.
fn read_ahead() -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = vec![0; LARGE];
        loop {
            match input.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(len) if len > 0 => {
                    if sender.send(buffer[..len].to_vec()).is_err() {
                        return;
                    }
                }
                // An input that cannot be read has ended.
                _ => return,
            }
        }
    });
    receiver
}

/// Writes and empties the buffer; false where nobody reads any more.
fn flush(out: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut pipe = std::io::stdout().lock();
    let written = pipe.write_all(out).and_then(|()| pipe.flush());
    out.clear();
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(Failure::infrastructure(format!("failed to write to standard output: {error}")))
        }
    }
}

/// Cuts what is read into numbered lines.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// Where the next line begins.
    at: usize,
    number: u64,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        self.text.drain(..self.at);
        self.at = 0;
        self.text.extend_from_slice(chunk);
    }

    /// The last line need not have an end.
    fn end(&mut self) {
        self.push(b"\n");
    }

    fn next(&mut self) -> Option<(u64, &[u8])> {
        let rest = &self.text[self.at..];
        let len = match rest.iter().position(|byte| *byte == b'\n') {
            Some(len) => len,
            // A line that is too long already is not waited for.
            None if rest.len() > LONGEST_LINE => rest.len() - 1,
            None => return None,
        };
        self.at += len + 1;
        self.number += 1;
        Some((self.number, &rest[..len]))
    }
}

/// Says what came of it.
fn conclude(session: &Session) {
    let (tally, counts) = (session.tally(), session.tally().counts);
    let mut parts = vec![format!("{} trials", thousands(counts.evaluated))];
    let few =
        [(counts.failed, "failed"), (counts.pruned, "pruned"), (counts.infeasible, "infeasible")];
    parts.extend(few.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{n} {what}")));
    match &tally.best(session.schema())[..] {
        [] => {}
        [best] => {
            parts.push(format!("best {} = {} at trial {}", best.metric, best.value, best.trial));
        }
        _ => parts.push(format!("{} points on the frontier", thousands(tally.frontier()))),
    }
    if let Some(goal) = tally.reason() {
        parts.push(format!("goal reached: {goal}"));
    } else if session.open_trials() > 0 {
        parts.push(format!("{} not answered", thousands(session.open_trials())));
    }
    say!("{}: {}; results hash {}", session.algorithm(), parts.join(", "), tally.hash());
}
