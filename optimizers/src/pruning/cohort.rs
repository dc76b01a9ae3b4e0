//! What trials reported at one rung, and the bar that a share of them passes.

use search_spaces::Bar;

use crate::pareto::{Scores, first_fronts};

/// A cohort keeps so many rows at most. When it has as many, it forgets every other one, and from
/// then on takes up only every other one that arrives: an even sample of all that were seen.
const MOST_ROWS: usize = 1024;

/// A bar is a sample of a front: so many rows of it at most.
const BAR_ROWS: usize = 16;

/// The bar is worked out again when so much more has arrived, as a part of what had when it was
/// last. So its cost for a trial stays the same, however many there are.
const GROWTH: u64 = 16;

/// Where a bar lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Terms {
    /// The share of the cohort that passes, at least.
    pub share: f64,
    /// So many trials set a bar; fewer set none.
    pub startup: u64,
    /// A trial is behind only if it is worse by this part of the cohort's range in every
    /// objective.
    pub epsilon: f64,
    /// With several objectives, the best of the cohort in any one of them are never behind: this
    /// share.
    pub spare: f64,
}

/// What was seen at a rung.
#[derive(Clone, Debug)]
pub(crate) struct Cohort {
    step: u64,
    terms: Terms,
    width: usize,
    /// Row after row.
    rows: Vec<f64>,
    /// Only every so many-th arrival is kept.
    stride: u64,
    arrived: u64,
    bar: Option<Bar>,
    /// By how much trials that were feasible in the end missed the constraints here, at most, and
    /// how many there were.
    violation: f64,
    feasible: u64,
}

impl Cohort {
    /// An empty one.
    pub fn new(step: u64, width: usize, terms: Terms) -> Self {
        Self {
            step,
            terms,
            width,
            rows: Vec::new(),
            stride: 1,
            arrived: 0,
            bar: None,
            violation: 0.0,
            feasible: 0,
        }
    }

    /// Its step.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// How many objectives there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many trials came here.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Takes up a trial's objectives, as of this rung.
    pub fn add(&mut self, objectives: &[f64]) {
        debug_assert_eq!(objectives.len(), self.width, "one value per objective");
        if self.arrived.is_multiple_of(self.stride) {
            self.rows.extend_from_slice(objectives);
            if self.rows.len() == MOST_ROWS * self.width {
                let mut place = 0;
                let width = self.width;
                self.rows.retain(|_| {
                    place += 1;
                    ((place - 1) / width).is_multiple_of(2)
                });
                self.stride *= 2;
            }
        }
        self.arrived += 1;
    }

    /// Takes note of a trial that missed the constraints by so much here, and met them in the end.
    pub fn met(&mut self, violation: f64) {
        self.feasible += 1;
        self.violation = self.violation.max(violation);
    }

    /// The bar, where enough trials have set one.
    pub fn bar(&mut self) -> Option<&Bar> {
        let Terms { startup, .. } = self.terms;
        if self.arrived < startup.max(1) {
            return None;
        }
        if has_grown(self.arrived, self.bar.as_ref().map_or(0, |bar| bar.cohort)) {
            self.bar = Some(self.fresh_bar());
        }
        let gate = (self.feasible >= startup).then_some(self.violation);
        let bar = self.bar.as_mut().expect("made above");
        bar.violation = gate;
        Some(bar)
    }

    fn fresh_bar(&self) -> Bar {
        let Terms { share, epsilon, spare, .. } = self.terms;
        let count = self.rows.len() / self.width;
        let passing = (share * count as f64).ceil().clamp(1.0, count as f64) as usize;
        let fronts = first_fronts(Scores::new(&self.rows, self.width), passing);
        let front = fronts.last().expect("at least one row passes");
        let mut chosen: Vec<&[f64]> = front.iter().map(|index| self.row(*index)).collect();
        chosen.sort_unstable_by(|a, b| {
            let by_part = a.iter().zip(*b).map(|(x, y)| x.total_cmp(y));
            by_part.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        chosen.dedup();
        let chosen = evenly(&chosen, BAR_ROWS);
        let columns: Vec<Vec<f64>> = (0..self.width).map(|column| self.column(column)).collect();
        let ranges: Vec<f64> =
            columns.iter().map(|values| epsilon * (values[count - 1] - values[0])).collect();
        let eased = |row: &[f64]| row.iter().zip(&ranges).map(|(value, by)| value + by).collect();
        let spared = (spare * count as f64).floor() as usize;
        let spare = match (self.width, spared) {
            (1, _) | (_, 0) => Vec::new(),
            (_, spared) => columns.iter().map(|values| values[spared - 1]).collect(),
        };
        let rows = chosen.into_iter().map(eased).collect();
        Bar { step: self.step, cohort: self.arrived, rows, spare, ..Bar::default() }
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.rows[index * self.width..][..self.width]
    }

    /// The values of an objective, ascending.
    fn column(&self, column: usize) -> Vec<f64> {
        let mut values: Vec<f64> =
            self.rows.iter().skip(column).step_by(self.width).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

/// Whether there is so much more than when something was worked out last that it is due again.
pub(super) fn has_grown(now: u64, known: u64) -> bool {
    (now - known) * GROWTH >= known
}

/// `most` of the items, the first and the last among them, or all where there are no more.
fn evenly<T: Copy>(items: &[T], most: usize) -> Vec<T> {
    if items.len() <= most {
        return items.to_vec();
    }
    (0..most).map(|place| items[place * (items.len() - 1) / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(bar: &Bar, course: &[f64]) -> bool {
        bar.stops(course, None)
    }

    const HALF: Terms = Terms { share: 0.5, startup: 4, epsilon: 0.0, spare: 0.1 };

    #[test]
    fn the_bar_of_one_objective_is_a_quantile() {
        let mut cohort = Cohort::new(3, 1, HALF);
        for value in [5.0, 1.0, 4.0] {
            cohort.add(&[value]);
        }
        assert_eq!(cohort.bar(), None, "three are too few");
        cohort.add(&[2.0]);
        let bar = cohort.bar().expect("four are enough").clone();
        assert_eq!((bar.step, bar.cohort, &bar.rows), (3, 4, &vec![vec![2.0]]));
        assert!(!stops(&bar, &[2.0]) && stops(&bar, &[2.1]) && !stops(&bar, &[1.9]));
    }

    #[test]
    fn a_large_cohort_is_an_even_sample_and_keeps_its_quantiles() {
        let mut cohort = Cohort::new(1, 1, HALF);
        for index in 0..1_000_000_u64 {
            // A fixed disorder of 0 .. 1.
            let value =
                (index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1u64 << 53) as f64;
            cohort.add(&[value]);
        }
        assert!(cohort.rows.len() < MOST_ROWS);
        let bar = cohort.bar().expect("many").rows[0][0];
        assert!((bar - 0.5).abs() < 0.03, "{bar}");
    }

    #[test]
    fn several_objectives_are_behind_only_what_dominates_them() {
        let mut cohort = Cohort::new(1, 2, Terms { spare: 0.0, ..HALF });
        for row in [[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [2.0, 3.0], [3.0, 2.0], [4.0, 4.0]] {
            cohort.add(&row);
        }
        let bar = cohort.bar().expect("six").clone();
        assert_eq!(bar.rows, [[0.0, 3.0], [1.0, 1.0], [3.0, 0.0]]);
        assert!(stops(&bar, &[1.0, 2.0]));
        assert!(!stops(&bar, &[0.5, 2.5]) && !stops(&bar, &[9.0, -1.0]));
        let mut eased = Cohort::new(1, 2, Terms { epsilon: 0.5, spare: 0.0, ..HALF });
        for row in [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [4.0, 4.0]] {
            eased.add(&row);
        }
        let bar = eased.bar().expect("four");
        assert!(!stops(bar, &[2.9, 2.9]) && stops(bar, &[3.5, 3.5]), "the bar is 1 + 0.5 * 4");
    }

    #[test]
    fn the_best_in_one_objective_are_spared() {
        let mut cohort = Cohort::new(1, 2, HALF);
        for index in 0..20 {
            cohort.add(&[f64::from(index), f64::from(index)]);
        }
        let bar = cohort.bar().expect("twenty");
        assert_eq!(bar.spare, [1.0, 1.0]);
        assert!(stops(bar, &[12.0, 12.0]) && !stops(bar, &[1.0, 99.0]));
    }
}
