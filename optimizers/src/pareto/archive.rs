//! The front of everything seen so far, kept while scores arrive one by one.

use std::collections::BTreeMap;

use super::dominance::nowhere_worse;
use super::scores::{Scores, from_sort_key, sort_key};

/// The non-dominated scores among all that were inserted, under constrained dominance.
///
/// The members are a function of the inserted set; only the order among equal ones depends on the
/// order of insertion. Memory is proportional to the number of members, equal ones included, and
/// never to the number of insertions. An insertion takes O(log n) amortised for one or two
/// objectives; for more, a comparison with each of the n different members at worst.
#[derive(Clone, Debug)]
pub struct Archive {
    width: usize,
    /// The violation shared by all members; infinite while there are none.
    violation: f64,
    members: Members,
}

#[derive(Clone, Debug)]
enum Members {
    /// Nothing is feasible yet: the ids with the least violation.
    Infeasible(Vec<u64>),
    /// By the sort key of the first of two objectives; the second descends.
    Staircase(BTreeMap<u64, Step>),
    /// One, three or more objectives.
    List(RowList),
}

#[derive(Clone, Debug)]
struct Step {
    second: f64,
    ids: Vec<u64>,
}

/// Different rows in lexicographic order, so that a row is only ever dominated by rows before it.
#[derive(Clone, Debug)]
struct RowList {
    width: usize,
    rows: Vec<f64>,
    ids: Vec<Vec<u64>>,
    /// Where the row was that turned away the last one: it often turns away the next one too.
    /// A hint that changes the time and never the result.
    last_dominator: usize,
}

impl Archive {
    /// An empty archive for scores of `width` objectives.
    ///
    /// # Panics
    ///
    /// If `width` is 0.
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "scores need at least one objective");
        Self { width, violation: f64::INFINITY, members: Members::Infeasible(Vec::new()) }
    }

    /// Offers scores (all minimised) and tells whether they are now a member.
    ///
    /// Members that are dominated by them leave. Scores equal to a member's are kept beside it.
    ///
    /// # Panics
    ///
    /// If the number of objectives is not the archive's, an objective is not finite, or
    /// the violation is negative or NaN.
    pub fn insert(&mut self, id: u64, objectives: &[f64], violation: f64) -> bool {
        assert_eq!(objectives.len(), self.width, "scores have the archive's number of objectives");
        // The constructor holds the rules for scores.
        let _checked = Scores::new(objectives, self.width).with_violations(&[violation]);
        if violation > self.violation {
            return false;
        }
        if violation < self.violation {
            self.violation = violation;
            self.members = match self.width {
                _ if violation > 0.0 => Members::Infeasible(Vec::new()),
                2 => Members::Staircase(BTreeMap::new()),
                width => Members::List(RowList::new(width)),
            };
        }
        match &mut self.members {
            Members::Infeasible(ids) => {
                ids.push(id);
                true
            }
            Members::Staircase(steps) => insert_step(steps, id, objectives[0], objectives[1]),
            Members::List(list) => list.insert(id, objectives),
        }
    }

    /// Whether the members are feasible; false also while there are none.
    pub fn is_feasible(&self) -> bool {
        self.violation == 0.0
    }

    /// The number of members, equal ones included; counted anew at each call.
    pub fn len(&self) -> usize {
        self.ids().count()
    }

    /// Whether nothing was inserted yet.
    pub fn is_empty(&self) -> bool {
        self.ids().next().is_none()
    }

    /// The ids of the members: feasible ones in lexicographic order of their objectives and
    /// equal ones in insertion order; infeasible ones in insertion order.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        let (tied, steps, rows) = match &self.members {
            Members::Infeasible(ids) => (Some(ids), None, None),
            Members::Staircase(steps) => (None, Some(steps), None),
            Members::List(list) => (None, None, Some(&list.ids)),
        };
        let steps = steps.into_iter().flat_map(|steps| steps.values());
        tied.into_iter()
            .chain(steps.map(|step| &step.ids))
            .chain(rows.into_iter().flatten())
            .flatten()
            .copied()
    }

    /// The different objective vectors of the feasible members in the order of
    /// [`Archive::ids`], as flat rows for [`Scores::new`].
    pub fn objectives(&self) -> Vec<f64> {
        match &self.members {
            Members::Infeasible(_) => Vec::new(),
            Members::Staircase(steps) => steps
                .iter()
                .flat_map(|(&first, step)| [from_sort_key(first), step.second])
                .collect(),
            Members::List(list) => list.rows.clone(),
        }
    }
}

fn insert_step(steps: &mut BTreeMap<u64, Step>, id: u64, first: f64, second: f64) -> bool {
    let key = sort_key(first);
    if let Some((&step_key, step)) = steps.range_mut(..=key).next_back() {
        if step_key == key && step.second == second {
            step.ids.push(id);
            return true;
        }
        if step.second <= second {
            return false;
        }
    }
    while let Some((&step_key, step)) = steps.range(key..).next()
        && step.second >= second
    {
        steps.remove(&step_key);
    }
    let ids = vec![id];
    steps.insert(key, Step { second, ids });
    true
}

impl RowList {
    fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), ids: Vec::new(), last_dominator: 0 }
    }

    fn row(&self, position: usize) -> &[f64] {
        &self.rows[position * self.width..][..self.width]
    }

    /// The position of the first row that is not lexicographically before this one.
    fn position(&self, row: &[f64]) -> usize {
        let (mut low, mut high) = (0, self.ids.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.row(middle) < row {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn insert(&mut self, id: u64, row: &[f64]) -> bool {
        let hint = self.last_dominator;
        if hint < self.ids.len() && nowhere_worse(self.row(hint), row) && self.row(hint) != row {
            return false;
        }
        let position = self.position(row);
        if position < self.ids.len() && self.row(position) == row {
            self.ids[position].push(id);
            return true;
        }
        let before = self.rows[..position * self.width].chunks_exact(self.width);
        if let Some(dominator) = before.rev().position(|other| nowhere_worse(other, row)) {
            self.last_dominator = position - 1 - dominator;
            return false;
        }
        self.remove_dominated(position, row);
        let start = position * self.width;
        self.rows.splice(start..start, row.iter().copied());
        self.ids.insert(position, vec![id]);
        true
    }

    /// Takes out the rows from `start` on that `row` dominates, keeping the others in order.
    fn remove_dominated(&mut self, start: usize, row: &[f64]) {
        let mut kept = start;
        for position in start..self.ids.len() {
            if nowhere_worse(row, self.row(position)) {
                continue;
            }
            let source = position * self.width;
            self.rows.copy_within(source..source + self.width, kept * self.width);
            self.ids.swap(kept, position);
            kept += 1;
        }
        self.rows.truncate(kept * self.width);
        self.ids.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::front::non_dominated;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn members_are_the_front_of_all_that_was_inserted(
            width in 1usize..5,
            values in prop::collection::vec(-4i8..5, 0..240),
            violations in prop::collection::vec(prop::sample::select(&[0.0, 0.5, 1.0]), 240),
            infeasible_only: bool,
        ) {
            let rows = values.len() / width;
            let values: Vec<f64> = values[..rows * width].iter().map(|&v| f64::from(v)).collect();
            let violations: Vec<f64> = violations[..rows]
                .iter()
                .map(|v| if infeasible_only { v + 0.5 } else { *v })
                .collect();
            let scores = Scores::new(&values, width).with_violations(&violations);
            let mut archive = Archive::new(width);
            for index in 0..rows {
                let joined = archive.insert(index as u64, scores.row(index), violations[index]);
                let seen = Scores::new(&values[..(index + 1) * width], width)
                    .with_violations(&violations[..=index]);
                let mut front = non_dominated(seen);
                prop_assert_eq!(joined, front.contains(&index));
                // The documented order: by objectives, then by insertion.
                if archive.is_feasible() {
                    let order = |a: &usize, b: &usize| seen.row(*a).partial_cmp(seen.row(*b));
                    front.sort_by(|a, b| order(a, b).expect("finite"));
                }
                let ids: Vec<usize> = archive.ids().map(|id| id as usize).collect();
                prop_assert_eq!(&ids, &front);
                prop_assert_eq!(archive.len(), front.len());
            }
            let mut different: Vec<&[f64]> =
                archive.ids().map(|id| scores.row(id as usize)).collect();
            different.dedup();
            if !archive.is_feasible() {
                different.clear();
            }
            prop_assert_eq!(archive.objectives(), different.concat());
        }
    }

    #[test]
    fn the_first_feasible_scores_replace_all_infeasible_ones() {
        let mut archive = Archive::new(2);
        assert!(archive.is_empty());
        assert!(archive.insert(1, &[0.0, 0.0], f64::INFINITY));
        assert!(archive.insert(2, &[0.0, 0.0], 2.0));
        assert!(archive.insert(3, &[9.0, 9.0], 2.0));
        assert!(!archive.is_feasible());
        assert_eq!(archive.ids().collect::<Vec<_>>(), [2, 3]);
        assert!(archive.insert(4, &[9.0, 9.0], 0.0));
        assert!(!archive.insert(5, &[0.0, 0.0], 1.0));
        assert!(archive.is_feasible());
        assert_eq!(archive.ids().collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn both_zeros_are_one_value() {
        for width in [1, 2, 3] {
            let mut archive = Archive::new(width);
            archive.insert(1, &vec![0.0; width], 0.0);
            archive.insert(2, &vec![-0.0; width], 0.0);
            assert_eq!(archive.ids().collect::<Vec<_>>(), [1, 2], "width {width}");
        }
    }

    #[test]
    #[should_panic(expected = "objectives must be finite")]
    fn values_that_are_not_finite_are_refused() {
        Archive::new(1).insert(0, &[f64::INFINITY], 0.0);
    }
}
