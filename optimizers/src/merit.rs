//! One objective, and everything else that may befall a trial, in one order.

use std::cmp::Ordering;

use crate::optimizer::Told;

/// How good a trial with one objective is; the lesser is the better.
///
/// Feasible trials come first, by their objective (Deb, "An efficient constraint handling method
/// for genetic algorithms", Comput. Methods Appl. Mech. Eng. 186, 2000), then those that were
/// pruned, by what they had reported, then infeasible ones by their violation, and those that
/// have no value at all come last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Merit {
    class: Class,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Feasible,
    Pruned,
    Infeasible,
    Without,
}

impl Merit {
    /// Worse than that of any trial with a value.
    pub const WORST: Self = Self { class: Class::Without, value: 0.0 };

    /// That of a trial.
    pub fn of(told: &Told) -> Self {
        match told {
            Told::Complete { objectives, violation } if *violation <= 0.0 => {
                Self { class: Class::Feasible, value: objectives[0] }
            }
            Told::Complete { violation, .. } => {
                Self { class: Class::Infeasible, value: *violation }
            }
            Told::Pruned { objectives: Some(objectives), .. } => {
                Self { class: Class::Pruned, value: objectives[0] }
            }
            Told::Pruned { objectives: None, .. } | Told::Failed => Self::WORST,
        }
    }

    /// The objective, where the trial was evaluated and is feasible.
    pub fn objective(self) -> Option<f64> {
        (self.class == Class::Feasible).then_some(self.value)
    }

    /// By how much this one is worse, where the two can be compared in numbers.
    pub fn distance(self, better: Self) -> Option<f64> {
        (self.class == better.class).then_some(self.value - better.value)
    }
}

impl Ord for Merit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.class.cmp(&other.class).then(self.value.total_cmp(&other.value))
    }
}

impl PartialOrd for Merit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Merit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Merit {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feasible_comes_before_pruned_before_infeasible_before_failed() {
        let complete = |objective: f64, violation: f64| {
            Merit::of(&Told::Complete { objectives: vec![objective], violation })
        };
        let pruned =
            |value: f64| Merit::of(&Told::Pruned { step: 3, objectives: Some(vec![value]) });
        let order = [
            complete(1.0, 0.0),
            complete(7.0, 0.0),
            pruned(-5.0),
            pruned(2.0),
            complete(-9.0, 0.5),
            complete(-99.0, 2.0),
            Merit::of(&Told::Pruned { step: 1, objectives: None }),
        ];
        assert!(order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(order[6], Merit::of(&Told::Failed));
        assert_eq!((order[1].objective(), order[4].objective()), (Some(7.0), None));
    }
}
