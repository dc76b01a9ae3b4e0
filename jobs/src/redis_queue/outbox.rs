//! Results that a worker keeps until the coordinator has them on disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{lock, traffic};
use crate::queue::QueueError;

/// Results that are sent at once: so many, or so many bytes.
const MANY: usize = 64;
const BYTES: usize = 4 << 20;

/// The results of one worker that may not be safe yet.
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The generation of the server's memory that was seen last.
    generation: Option<String>,
    results: BTreeMap<u64, Kept>,
    next: u64,
    /// Counts the looks at the server; tells results that a look can have seen from later ones.
    looks: u64,
    is_closed: bool,
    /// What the server refused, for whoever asks next.
    fault: Option<QueueError>,
}

struct Kept {
    letter: Letter,
    /// Whether it waits for the next look before it is tried again.
    is_tried: bool,
    sent: Option<Sent>,
}

/// A result in the stream of results.
struct Sent {
    generation: String,
    entry: (u64, u64),
    /// The look before which it was sent.
    look: u64,
}

/// A result to be sent.
#[derive(Clone)]
pub(super) struct Letter {
    pub number: u64,
    /// The job's entry in its stream.
    pub job: String,
    pub message: Arc<Vec<u8>>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    /// Keeps a result, and has it sent soon.
    pub(super) fn put(&self, job: String, message: Vec<u8>) {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        let letter = Letter { number, job, message: Arc::new(message) };
        state.results.insert(number, Kept { letter, is_tried: false, sent: None });
        traffic::keep(1);
        self.changed.notify_all();
    }

    /// The results that have to be sent now; waits for some, and gives none once it is closed.
    pub(super) fn letters(&self) -> Vec<Letter> {
        let has_none = |state: &mut State| !state.is_closed && state.unsent().next().is_none();
        let mut state = self
            .changed
            .wait_while(lock(&self.state), has_none)
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return Vec::new();
        }
        let mut room = BYTES;
        let fits = |kept: &&Kept| {
            let has_room = room > 0;
            room = room.saturating_sub(kept.letter.message.len());
            has_room
        };
        let letters: Vec<Letter> =
            state.unsent().take(MANY).take_while(fits).map(|kept| kept.letter.clone()).collect();
        for letter in &letters {
            state.results.get_mut(&letter.number).expect("listed above").is_tried = true;
        }
        letters
    }

    /// A result is in the stream, in this generation of the server's memory.
    pub(super) fn sent(&self, number: u64, generation: &str, entry: &str) {
        let mut state = lock(&self.state);
        let (generation, entry, look) = (generation.to_owned(), order(entry), state.looks);
        if let Some(kept) = state.results.get_mut(&number) {
            kept.sent = Some(Sent { generation, entry, look });
        }
    }

    /// The server refuses what should always be possible.
    pub(super) fn refused(&self, error: QueueError) {
        lock(&self.state).fault.get_or_insert(error);
    }

    /// What the server refused.
    pub(super) fn fault(&self) -> Option<QueueError> {
        lock(&self.state).fault.take()
    }

    /// A look at the server begins.
    pub(super) fn begin_look(&self) -> u64 {
        let mut state = lock(&self.state);
        state.looks += 1;
        state.looks
    }

    /// Forgets results that are safe, and has those sent again that may be lost. `oldest` is the
    /// first entry of the stream, that is: which the coordinator has not deleted.
    pub(super) fn tend(&self, look: u64, generation: &str, oldest: Option<&str>) {
        let oldest = oldest.map(order);
        let mut state = lock(&self.state);
        state.generation = Some(generation.to_owned());
        let before = state.results.len();
        state.results.retain(|_, kept| {
            // What was sent while the server was looked at may not have been seen.
            let is_safe = |sent: &Sent| {
                sent.generation == generation
                    && sent.look < look
                    && oldest.is_none_or(|oldest| sent.entry < oldest)
            };
            !kept.sent.as_ref().is_some_and(is_safe)
        });
        traffic::confirm(before - state.results.len());
        for kept in state.results.values_mut() {
            if kept.sent.as_ref().is_some_and(|sent| sent.generation != generation) {
                kept.sent = None;
            }
            kept.is_tried = false;
        }
        self.changed.notify_all();
    }

    /// Whether the result of this entry is kept.
    pub(super) fn holds(&self, job: &str) -> bool {
        lock(&self.state).results.values().any(|kept| kept.letter.job == job)
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.state).results.is_empty()
    }

    /// Nothing is sent any more.
    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.changed.notify_all();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // Nobody waits for their confirmation any more.
        traffic::confirm(
            self.state.get_mut().unwrap_or_else(PoisonError::into_inner).results.len(),
        );
    }
}

impl State {
    fn unsent(&self) -> impl Iterator<Item = &Kept> {
        self.results.values().filter(|kept| kept.sent.is_none() && !kept.is_tried)
    }
}

/// The two numbers of an entry's id, which order the entries.
fn order(entry: &str) -> (u64, u64) {
    let number = |text: &str| text.parse().unwrap_or(0);
    let (time, count) = entry.split_once('-').unwrap_or((entry, "0"));
    (number(time), number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(outbox: &Outbox) -> Vec<u64> {
        outbox.close();
        let state = lock(&outbox.state);
        state.unsent().map(|kept| kept.letter.number).collect()
    }

    fn outbox(results: u64) -> Outbox {
        let outbox = Outbox::new();
        for number in 0..results {
            outbox.put(format!("{number}-0"), vec![1]);
        }
        assert_eq!(outbox.letters().len() as u64, results);
        outbox
    }

    #[test]
    fn a_result_is_kept_until_the_coordinator_has_deleted_it() {
        let outbox = outbox(3);
        for number in 0..3 {
            outbox.sent(number, "a", &format!("{}-0", 10 + number));
        }
        let look = outbox.begin_look();
        outbox.tend(look, "a", Some("11-0"));
        assert_eq!(lock(&outbox.state).results.len(), 2, "the first was deleted");
        let look = outbox.begin_look();
        outbox.tend(look, "a", None);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_sent_during_a_look_is_not_safe_for_it() {
        let outbox = outbox(1);
        let look = outbox.begin_look();
        // The look found an empty stream; then the result arrived in it.
        outbox.sent(0, "a", "10-0");
        outbox.tend(look, "a", None);
        assert!(!outbox.is_empty());
    }

    #[test]
    fn what_a_server_has_forgotten_is_sent_again() {
        let outbox = outbox(2);
        outbox.sent(0, "a", "10-0");
        let look = outbox.begin_look();
        outbox.tend(look, "b", None);
        // The second was never answered: whether it arrived is unknown.
        assert_eq!(numbers(&outbox), [0, 1]);
    }

    #[test]
    fn what_cannot_be_sent_waits_for_the_next_look() {
        let outbox = outbox(1);
        assert_eq!(lock(&outbox.state).unsent().count(), 0);
        let look = outbox.begin_look();
        outbox.tend(look, "a", None);
        assert_eq!(numbers(&outbox), [0]);
    }
}
