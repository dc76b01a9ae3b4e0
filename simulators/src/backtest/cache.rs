//! Indicator columns, and bars at which comparisons hold, shared by all sessions of a simulator.
//!
//! A grid of crossovers asks for few different averages very often. The cache holds what was asked
//! for lately, within a bound on its bytes. It cannot change a result: a column is a pure function
//! of its key, so finding one is the same as computing it again.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The words that identify a column: the symbol, then the indicator with its inputs.
type Key = [u64];

/// The bound on the bytes of all columns in the cache.
pub(super) const BYTES: usize = 64 << 20;

/// What can be kept.
pub(super) trait Weight {
    /// The memory that it takes.
    fn bytes(&self) -> usize;
}

#[derive(Debug)]
struct Columns<T> {
    all: BTreeMap<Box<Key>, Arc<T>>,
    bytes: usize,
    /// Chooses what goes when room is needed. A grid asks for its columns in turn, so that what was
    /// not used for longest is what comes next: by chance, a part of them stays.
    turn: u64,
}

/// A bounded map from keys to columns, for any number of threads.
#[derive(Debug)]
pub(super) struct Cache<T> {
    columns: RwLock<Columns<T>>,
    bytes: usize,
}

impl<T: Weight> Cache<T> {
    /// A cache of at most `bytes` bytes of columns; with 0, nothing is kept.
    pub(super) fn new(bytes: usize) -> Self {
        let columns = Columns { all: BTreeMap::new(), bytes: 0, turn: 1 };
        Self { columns: RwLock::new(columns), bytes }
    }

    /// The column of `key`, computed if it is not there.
    ///
    /// # Errors
    /// Those of `compute`, after which nothing is kept.
    pub(super) fn get<E>(
        &self,
        key: &Key,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        // A panic elsewhere leaves the map whole: nothing between its changes can panic.
        {
            let columns = self.columns.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(column) = columns.all.get(key) {
                return Ok(Arc::clone(column));
            }
        }
        let column = Arc::new(compute()?);
        let size = column.bytes() + size_of_val(key);
        if size <= self.bytes {
            let mut columns = self.columns.write().unwrap_or_else(PoisonError::into_inner);
            columns.make_room(self.bytes - size);
            // Another thread may have been as fast.
            if columns.all.insert(key.into(), Arc::clone(&column)).is_none() {
                columns.bytes += size;
            }
        }
        Ok(column)
    }

    /// The bytes of the columns that are held.
    #[cfg(test)]
    fn held(&self) -> usize {
        let columns = self.columns.read().expect("no test panics inside");
        columns.all.iter().map(|(key, column)| size_of_val(&**key) + column.bytes()).sum()
    }
}

impl<T: Weight> Columns<T> {
    /// Lets columns go until there are at most so many bytes.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes > bytes {
            // D. H. Lehmer's generator with the multiplier of S. K. Park and K. W. Miller, "Random
            // number generators: good ones are hard to find", Communications of the ACM 31(10),
            // 1988. No result depends on it.
            self.turn = self.turn * 48_271 % 2_147_483_647;
            let place = self.turn as usize % self.all.len();
            let key = self.all.keys().nth(place).expect("fewer than there are").clone();
            let column = self.all.remove(&key).expect("it was there");
            self.bytes -= column.bytes() + size_of_val(&*key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for Vec<f64> {
        fn bytes(&self) -> usize {
            size_of_val(&**self)
        }
    }

    #[test]
    fn stays_within_its_bytes_and_serves_a_part_of_what_comes_in_turn() {
        let cache = Cache::new(10 * 80);
        let mut computed = 0;
        for turn in 0..2000_u32 {
            let key = turn % 20;
            let column = cache.get(&[u64::from(key)], || {
                computed += 1;
                Ok::<_, ()>(vec![f64::from(key); 9])
            });
            assert_eq!(*column.expect("never fails"), [f64::from(key); 9]);
            assert!(cache.held() <= 800);
            assert_eq!(cache.columns.read().expect("no panic").bytes, cache.held());
        }
        // Where the oldest goes first, all of them are computed each time.
        assert!((20..1700).contains(&computed), "{computed} of 2000");
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let cache = Cache::new(0);
        let mut computed = 0;
        for _ in 0..2 {
            let column = cache.get(&[1], || {
                computed += 1;
                Ok::<_, ()>(vec![1.0])
            });
            assert_eq!(*column.expect("never fails"), [1.0]);
        }
        assert_eq!((computed, cache.held()), (2, 0));
    }

    #[test]
    fn a_failure_is_not_kept() {
        let cache: Cache<Vec<f64>> = Cache::new(BYTES);
        assert_eq!(cache.get(&[1], || Err("no")), Err("no"));
        let column = cache.get(&[1], || Ok::<_, ()>(vec![2.0]));
        assert_eq!(*column.expect("computed"), [2.0]);
    }
}
