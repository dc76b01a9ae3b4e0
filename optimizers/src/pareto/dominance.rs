//! When one trial's scores are better than another's.
//!
//! Constrained dominance: Deb, Pratap, Agarwal & Meyarivan, "A fast and elitist multiobjective
//! genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002, definition 1.

/// The scores of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// Objective values, all minimised and finite.
    pub objectives: &'a [f64],
    /// Total constraint violation: 0 for a feasible trial, positive otherwise.
    pub violation: f64,
}

impl Scored<'_> {
    /// Whether this trial is better: the only feasible one of the two, or the less violating of
    /// two infeasible ones, or the Pareto-dominating of two feasible ones.
    pub fn dominates(&self, other: &Scored<'_>) -> bool {
        if self.violation > 0.0 || other.violation > 0.0 {
            self.violation < other.violation
        } else {
            dominates(self.objectives, other.objectives)
        }
    }
}

/// Pareto dominance: nowhere worse and somewhere better, everything minimised.
///
/// # Panics
///
/// If the two have different numbers of objectives.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(a.len(), b.len(), "both sides have the same objectives");
    nowhere_worse(a, b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// Weak Pareto dominance: everything at most as large. True of equal vectors.
pub(super) fn nowhere_worse(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(objectives: &[f64], violation: f64) -> Scored<'_> {
        Scored { objectives, violation }
    }

    #[test]
    fn pareto_dominance_needs_one_strict_gain() {
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
        assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]));
        assert!(!dominates(&[0.0, 3.0], &[1.0, 2.0]));
    }

    #[test]
    fn feasibility_comes_first_then_violation_then_objectives() {
        let good = scored(&[9.0], 0.0);
        assert!(good.dominates(&scored(&[1.0], 0.1)));
        assert!(!scored(&[1.0], 0.1).dominates(&good));
        assert!(scored(&[9.0], 0.1).dominates(&scored(&[1.0], 0.2)));
        assert!(!scored(&[1.0], 0.2).dominates(&scored(&[9.0], 0.2)));
        assert!(scored(&[8.0], 0.0).dominates(&good));
    }

    #[test]
    #[should_panic(expected = "same objectives")]
    fn different_widths_are_refused() {
        dominates(&[1.0], &[1.0, 2.0]);
    }
}
