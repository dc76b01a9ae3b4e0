//! `optimize drain`.

use jobs::{Board, Order};

use crate::cli::Drain;
use crate::exit::{Exit, Failure};
use crate::remote::options;
use crate::say;

/// `optimize drain`: has workers finish what they have begun, and end.
///
/// # Errors
/// The server is not there, or refuses; there is no key.
pub fn drain(args: &Drain) -> Result<Exit, Failure> {
    let options = options(&args.queue, &args.address, 0, false)?;
    let board = Board::open(&options.server, options.key);
    board.order(&Order::Drain(args.host.clone()))?;
    match &args.host {
        Some(host) => say!("told the workers of {host} to drain"),
        None => say!("told all workers to drain"),
    }
    Ok(Exit::Done)
}
