//! The frontier so far, kept up to date batch by batch.

use optimizers::pareto::{Scores, knee, non_dominated};
use search_spaces::Direction;

/// The non-dominated objective vectors of the complete trials, each with its first trial.
///
/// Of many trials with the same objectives (in a grid, parameters often make no difference) only
/// the first is kept and the others are counted, so that the frontier stays small.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frontier {
    directions: Vec<Direction>,
    /// Sorted by the oriented objectives.
    members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// The first trial with these objectives.
    pub(super) trial: u64,
    /// Smaller is better.
    pub(super) oriented: Vec<f64>,
    /// Complete trials with exactly these objectives, the first included: 1 where it is alone.
    pub(super) ties: u64,
}

impl Frontier {
    pub(super) fn new(directions: Vec<Direction>) -> Self {
        Self { directions, members: Vec::new() }
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn directions(&self) -> &[Direction] {
        &self.directions
    }

    /// Adds members and keeps the frontier of all.
    pub(super) fn extend(&mut self, new: impl Iterator<Item = Member>) {
        let mut all = std::mem::take(&mut self.members);
        all.extend(new);
        let flat: Vec<f64> = all.iter().flat_map(|each| each.oriented.iter().copied()).collect();
        if flat.is_empty() {
            return;
        }
        let kept = non_dominated(Scores::new(&flat, self.directions.len()));
        let mut kept: Vec<Member> = kept.into_iter().map(|index| all[index].clone()).collect();
        let order = |a: &Member, b: &Member| a.oriented.partial_cmp(&b.oriented);
        kept.sort_by(|a, b| {
            order(a, b).expect("objectives are finite").then(a.trial.cmp(&b.trial))
        });
        kept.dedup_by(|later, first| {
            let equal = later.oriented == first.oriented;
            if equal {
                first.ties += later.ties;
            }
            equal
        });
        self.members = kept;
    }

    /// The member that bends the frontier most.
    pub(super) fn knee(&self) -> Option<usize> {
        let flat: Vec<f64> =
            self.members.iter().flat_map(|each| each.oriented.iter().copied()).collect();
        (!flat.is_empty()).then(|| knee(Scores::new(&flat, self.directions.len())))?
    }

    /// Objective `index` of a member as it was measured.
    pub(super) fn measured(&self, member: &Member, index: usize) -> f64 {
        self.directions[index].orient(member.oriented[index]) + 0.0
    }
}
