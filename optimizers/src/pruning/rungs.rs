//! At which steps trials are compared.

/// An even schedule has so many rungs at most.
const MOST: u64 = 16;

/// Where the rungs are, once it is known how far trials go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Evenly between `warmup` and the last step, `every` so many steps; 0 where that follows
    /// from the number of steps.
    Even {
        /// The first rung is the step after so many.
        warmup: Option<u64>,
        /// The distance.
        every: u64,
    },
    /// `least`, and each further one so many times as far; or else back from the last step, so
    /// that no rung lies shortly before it.
    Geometric {
        /// The first rung; where that follows from the number of steps, 0.
        least: u64,
        /// In that case, how many rungs there are before the last step, at most.
        stages: u32,
        /// How many times as far.
        factor: u64,
    },
}

/// The rungs of an even schedule begin after this part of the steps, unless it says where.
const WARMUP: u64 = 20;

impl Schedule {
    /// The rungs of trials of so many steps, ascending. A trial of one step has none: it is at its
    /// end when it reports.
    pub fn rungs(self, steps: u64) -> Vec<u64> {
        match self {
            Self::Even { warmup, every } => {
                let warmup = warmup.unwrap_or(steps / WARMUP);
                let apart = match every {
                    0 => steps.saturating_sub(warmup + 1).div_ceil(MOST).max(1),
                    every => every,
                };
                let next = |rung: &u64| rung.checked_add(apart);
                std::iter::successors(warmup.checked_add(1), next)
                    .take_while(|rung| *rung < steps)
                    .collect()
            }
            Self::Geometric { least: 0, stages, factor } => {
                let back = |stage: u32| (steps / factor.pow(stage)).max(1);
                let mut rungs: Vec<u64> = (1..=stages).rev().map(back).collect();
                rungs.dedup();
                rungs.retain(|rung| *rung < steps);
                rungs
            }
            Self::Geometric { least, factor, .. } => {
                let next = |rung: &u64| rung.checked_mul(factor);
                std::iter::successors(Some(least), next).take_while(|rung| *rung < steps).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_lie_before_the_last_step() {
        let even = |warmup, every, steps| Schedule::Even { warmup, every }.rungs(steps);
        assert_eq!(even(Some(0), 1, 4), [1, 2, 3]);
        assert_eq!(even(None, 0, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(even(None, 0, 27), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26]);
        assert_eq!(even(Some(4), 5, 20), [5, 10, 15]);
        assert_eq!(even(None, 0, 1000).len(), 16);
        assert!(even(None, 0, 1).is_empty() && even(Some(9), 1, 5).is_empty());
        let geometric =
            |least, factor, steps| Schedule::Geometric { least, stages: 3, factor }.rungs(steps);
        assert_eq!(geometric(0, 3, 81), [3, 9, 27]);
        assert_eq!(geometric(1, 4, 81), [1, 4, 16, 64]);
        assert_eq!(geometric(0, 3, 10), [1, 3]);
        assert_eq!(geometric(0, 3, 100), [3, 11, 33]);
        assert_eq!(geometric(0, 3, 2), [1]);
        assert!(geometric(0, 3, 1).is_empty() && geometric(7, 3, 5).is_empty());
    }
}
