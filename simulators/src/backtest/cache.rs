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

/// Two generations: when the young one has half of the bytes, it becomes the old one and the
/// former old one goes. So what is in use stays, at the price of one map lookup more.
#[derive(Debug, Default)]
struct Generations<T> {
    young: BTreeMap<Box<Key>, Arc<[T]>>,
    old: BTreeMap<Box<Key>, Arc<[T]>>,
    young_bytes: usize,
}

/// A bounded map from keys to columns, for any number of threads.
#[derive(Debug)]
pub(super) struct Cache<T> {
    generations: RwLock<Generations<T>>,
    bytes: usize,
}

impl<T: Default> Cache<T> {
    /// A cache of at most `bytes` bytes of columns; with 0, nothing is kept.
    pub(super) fn new(bytes: usize) -> Self {
        Self { generations: RwLock::default(), bytes }
    }

    /// The column of `key`, computed if it is not there.
    ///
    /// # Errors
    /// Those of `compute`, after which nothing is kept.
    pub(super) fn get<E>(
        &self,
        key: &Key,
        compute: impl FnOnce() -> Result<Vec<T>, E>,
    ) -> Result<Arc<[T]>, E> {
        // A panic elsewhere leaves the maps whole: nothing between the insertions can panic.
        let found = {
            let generations = self.generations.read();
            let generations = generations.unwrap_or_else(PoisonError::into_inner);
            match generations.young.get(key) {
                Some(column) => return Ok(Arc::clone(column)),
                None => generations.old.get(key).map(Arc::clone),
            }
        };
        let column = match found {
            Some(column) => column,
            None => compute()?.into(),
        };
        let size = size_of_val(&*column) + size_of_val(key);
        if size > self.bytes / 2 {
            return Ok(column);
        }
        let generations = self.generations.write();
        let mut generations = generations.unwrap_or_else(PoisonError::into_inner);
        if generations.young_bytes + size > self.bytes / 2 {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        let replaced = generations.young.insert(key.into(), Arc::clone(&column));
        if replaced.is_none() {
            generations.young_bytes += size;
        }
        Ok(column)
    }

    /// The bytes of the columns that are held.
    #[cfg(test)]
    fn held(&self) -> usize {
        let generations = self.generations.read().expect("no test panics inside");
        let all = generations.young.iter().chain(&generations.old);
        all.map(|(key, column)| size_of_val(&**key) + size_of_val(&**column)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_in_use_and_stays_within_its_bytes() {
        let cache = Cache::new(100 * 8 * 10);
        let mut computed = 0;
        for key in 0..1000_u32 {
            for key in [7777, key] {
                let column = cache.get(&[u64::from(key)], || {
                    computed += 1;
                    Ok::<_, ()>(vec![f64::from(key); 9])
                });
                assert_eq!(*column.expect("never fails"), [f64::from(key); 9]);
                assert!(cache.held() <= 8000);
            }
        }
        assert_eq!(computed, 1001, "the key that is asked for again and again stays");
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
        let cache: Cache<f64> = Cache::new(BYTES);
        assert_eq!(cache.get(&[1], || Err("no")), Err("no"));
        let column = cache.get(&[1], || Ok::<_, ()>(vec![2.0]));
        assert_eq!(*column.expect("computed"), [2.0]);
    }
}
