//! `optimize stop`.

use std::time::Duration;

use results::{Store, StudyState};

use crate::cli::Stop;
use crate::commands::{chosen, status};
use crate::exit::{Exit, Failure};
use crate::progress::thousands;
use crate::say;

/// How often to look whether the study has stopped.
const LOOK: Duration = Duration::from_millis(50);

/// `optimize stop`: asks the process that runs a study to stop it, and waits until it has. Trials
/// under way are dropped; what is recorded is a prefix of the study.
///
/// # Errors
/// The study is not there, or nobody runs it.
pub fn stop(args: &Stop) -> Result<Exit, Failure> {
    let store = Store::open(&args.store.store)?;
    let folder = chosen(&store, &args.study)?;
    if !folder.is_running() {
        let state = status::known(&folder)?.state.name();
        return Err(Failure::usage(format!(
            "study {} does not run (it is {state}); see `optimize status`",
            folder.name()
        )));
    }
    folder.ask_to_stop()?;
    while folder.is_running() {
        std::thread::sleep(LOOK);
    }
    let status = status::known(&folder)?;
    let (name, done) = (folder.name(), thousands(status.counts.evaluated));
    say!("study {name}: {}, {done} trials", status.state.name());
    match status.state {
        StudyState::Crashed => Ok(Exit::Short),
        _ => Ok(Exit::Done),
    }
}
