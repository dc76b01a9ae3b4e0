//! The lower-left boundary of points in the plane, kept while points arrive.

/// Mutually non-dominated pairs, first part ascending, so second part descending.
///
/// Parts are sort keys. Sweeps over three objectives keep one: after sorting by one objective,
/// a row is dominated exactly when an earlier row is nowhere worse in the other two
/// (Kung, Luccio & Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4), 1975).
///
/// The steps lie in blocks, one behind the other. Most staircases are one block, which is searched
/// and shifted faster than the nodes of a tree are found; long ones cost little more.
#[derive(Clone, Debug, Default)]
pub(super) struct Staircase {
    /// None of them is empty.
    blocks: Vec<Vec<(u64, u64)>>,
}

/// A block of more steps than this is divided in two.
const BLOCK: usize = 512;

impl Staircase {
    /// Whether some step is nowhere worse than (x, y). O(log n).
    pub(super) fn covers(&self, x: u64, y: u64) -> bool {
        self.step_at_or_before(x).is_some_and(|(_, step)| step <= y)
    }

    /// The last step whose first part is at most `x`.
    pub(super) fn step_at_or_before(&self, x: u64) -> Option<(u64, u64)> {
        let block = self.blocks.partition_point(|block| block[0].0 <= x).checked_sub(1)?;
        let block = &self.blocks[block];
        Some(block[block.partition_point(|step| step.0 <= x) - 1])
    }

    /// The block and the place in it of the first step whose first part is at least `x`; past the
    /// last block where there is none.
    fn find(&self, x: u64) -> (usize, usize) {
        let block = self.blocks.partition_point(|block| block[block.len() - 1].0 < x);
        let place = self.blocks.get(block).map(|block| block.partition_point(|step| step.0 < x));
        (block, place.unwrap_or(0))
    }

    /// Adds a step that is not covered and takes out those that it covers, handing each
    /// to `removed` from left to right. O(log n) for the step and for each one taken out, and the
    /// shifting of a block.
    /// Gives the step that then follows.
    pub(super) fn insert(
        &mut self,
        x: u64,
        y: u64,
        mut removed: impl FnMut(u64, u64),
    ) -> Option<(u64, u64)> {
        let (block, place) = self.find(x);
        if block == self.blocks.len() {
            match self.blocks.last_mut() {
                Some(last) => last.push((x, y)),
                None => self.blocks.push(vec![(x, y)]),
            }
            self.divide(self.blocks.len() - 1);
            return None;
        }
        let covered = |steps: &[(u64, u64)]| steps.iter().take_while(|step| step.1 >= y).count();
        let steps = &mut self.blocks[block];
        let end = place + covered(&steps[place..]);
        let is_open = end == steps.len();
        for &(covered_x, covered_y) in &steps[place..end] {
            removed(covered_x, covered_y);
        }
        if end > place {
            steps[place] = (x, y);
            steps.drain(place + 1..end);
        } else {
            steps.insert(place, (x, y));
        }
        while is_open && let Some(next) = self.blocks.get_mut(block + 1) {
            let end = covered(next);
            for &(covered_x, covered_y) in &next[..end] {
                removed(covered_x, covered_y);
            }
            if end < next.len() {
                next.drain(..end);
                break;
            }
            self.blocks.remove(block + 1);
        }
        let next =
            self.blocks[block].get(place + 1).or_else(|| Some(&self.blocks.get(block + 1)?[0]));
        let next = next.copied();
        self.divide(block);
        next
    }

    /// Divides a block if it has become too large.
    fn divide(&mut self, block: usize) {
        if self.blocks[block].len() > BLOCK {
            let upper = self.blocks[block].split_off(BLOCK / 2);
            self.blocks.insert(block + 1, upper);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    /// The same with a tree.
    fn insert(steps: &mut BTreeMap<u64, u64>, x: u64, y: u64) -> Vec<(u64, u64)> {
        let covered = steps.range(x..).take_while(|(_, step)| **step >= y);
        let covered: Vec<(u64, u64)> = covered.map(|(x, y)| (*x, *y)).collect();
        steps.retain(|x, _| !covered.iter().any(|(covered, _)| covered == x));
        steps.insert(x, y);
        covered
    }

    #[test]
    fn a_staircase_of_many_blocks_is_the_same_as_a_tree() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let (mut staircase, mut tree) = (Staircase::default(), BTreeMap::new());
        let (mut longest, mut most_covered) = (0, 0);
        for round in 0..30_000_u64 {
            // A front that creeps forward, so that it is long, and now and then a leap.
            let x = generator.next_u64() % 50_000;
            let leap = if round % 10_000 == 9_999 { 20_000 } else { round / 5_000 };
            let y = 80_000 - x - leap + generator.next_u64() % 4;
            let covering = tree.range(..=x).next_back().map(|(x, y)| (*x, *y));
            assert_eq!(staircase.step_at_or_before(x), covering);
            assert_eq!(staircase.covers(x, y), covering.is_some_and(|(_, step)| step <= y));
            if !staircase.covers(x, y) {
                let mut removed = Vec::new();
                let next = staircase.insert(x, y, |x, y| removed.push((x, y)));
                assert_eq!(removed, insert(&mut tree, x, y));
                assert_eq!(next, tree.range(x + 1..).next().map(|(x, y)| (*x, *y)));
                most_covered = most_covered.max(removed.len());
            }
            longest = longest.max(tree.len());
            assert!(staircase.blocks.iter().all(|block| (1..=BLOCK).contains(&block.len())));
        }
        let steps: Vec<(u64, u64)> = staircase.blocks.concat();
        assert_eq!(steps, tree.into_iter().collect::<Vec<_>>());
        assert!(longest > 3 * BLOCK && most_covered > BLOCK, "{longest} {most_covered}");
    }
}
