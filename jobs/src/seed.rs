//! Seeds: every random number of a study comes from its one seed, a purpose and an index.

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// What a stream of random numbers is for. Streams of different purposes are independent, so
/// that drawing more for one never shifts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A simulator's own noise, by trial.
    Trial,
    /// An optimizer's choice of a point, by trial.
    Ask,
    /// The shuffling or scrambling of a whole plan; the index is 0.
    Plan,
    /// Whether a trial is run again to see whether it gives the same, by trial.
    Audit,
    /// What all trials of a study have in common; the index is 0.
    Common,
}

impl Purpose {
    fn tag(self) -> u8 {
        match self {
            Self::Trial => 1,
            Self::Ask => 2,
            Self::Plan => 3,
            Self::Audit => 4,
            Self::Common => 5,
        }
    }
}

/// The 32 bytes from which the stream `index` of a purpose starts: the keyed BLAKE3 hash of
/// purpose and index, the key being derived from the study's seed.
#[must_use]
fn derive(seed: u64, purpose: Purpose, index: u64) -> [u8; 32] {
    let mut message = [0; 17];
    message[0] = purpose.tag();
    message[1..9].copy_from_slice(&seed.to_le_bytes());
    message[9..].copy_from_slice(&index.to_le_bytes());
    *blake3::keyed_hash(b"optimize: seeds of a study, v1..", &message).as_bytes()
}

/// A seed of 64 bits for the stream `index` of a purpose.
#[must_use]
pub fn derived_seed(seed: u64, purpose: Purpose, index: u64) -> u64 {
    let bytes = derive(seed, purpose, index);
    u64::from_le_bytes(bytes[..8].try_into().expect("a hash has 32 bytes"))
}

/// A generator for the stream `index` of a purpose.
#[must_use]
pub fn generator(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(derive(seed, purpose, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let mut seeds = Vec::new();
        for seed in 0..4 {
            for index in 0..4 {
                let all = [Purpose::Trial, Purpose::Ask, Purpose::Plan, Purpose::Audit];
                for purpose in all.into_iter().chain([Purpose::Common]) {
                    seeds.push(derived_seed(seed, purpose, index));
                }
            }
        }
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 80);
    }

    #[test]
    fn seeds_are_the_same_in_every_release() {
        assert_eq!(derived_seed(42, Purpose::Trial, 7), 10_288_665_335_451_510_268);
    }
}
