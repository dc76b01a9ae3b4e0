//! What each row of a front adds to its hypervolume.
//!
//! Two objectives: the rectangle between both neighbours. Three: the dimension sweep of Emmerich
//! and Fonseca, "Computing hypervolume contributions in low dimensions: asymptotically optimal
//! algorithm and complexity results", EMO 2011. More: the volume of a row without the parts that
//! the others limit to it (WFG, see [`hypervolume`](super::hypervolume)).

use std::collections::VecDeque;

use super::front::non_dominated;
use super::hypervolume::exclusive_volume;
use super::scores::Scores;

/// What the hypervolume of the front would lose without each of the rows.
///
/// Dominated rows are taken as not there: they add nothing, and take nothing from others. Neither
/// do rows that do not lie strictly below the reference, infeasible ones, and rows of which there
/// are several. O(n log n) for up to two objectives, O(n log n) and moves of 24 bytes for three,
/// n times the hypervolume for more.
///
/// # Panics
///
/// If the reference has another number of objectives or is not finite.
pub fn hypervolume_contributions(scores: Scores<'_>, reference: &[f64]) -> Vec<f64> {
    assert_eq!(reference.len(), scores.width(), "the reference point has one value per objective");
    assert!(reference.iter().all(|value| value.is_finite()), "the reference point must be finite");
    let mut front: Vec<(&[f64], usize)> = non_dominated(scores)
        .into_iter()
        .filter(|index| scores.violation(*index) == 0.0)
        .map(|index| (scores.row(index), index))
        .filter(|(row, _)| row.iter().zip(reference).all(|(value, end)| value < end))
        .collect();
    // Last objective first, as the sweep goes.
    front.sort_unstable_by(|a, b| {
        let order = a.0.iter().rev().partial_cmp(b.0.iter().rev());
        order.expect("objectives are finite").then(a.1.cmp(&b.1))
    });
    let groups: Vec<&[(&[f64], usize)]> = front.chunk_by(|a, b| a.0 == b.0).collect();
    let rows: Vec<&[f64]> = groups.iter().map(|group| group[0].0).collect();
    let of_rows = match *reference {
        [end] => rows.iter().map(|row| end - row[0]).collect(),
        [x_end, y_end] => rectangles(&rows, x_end, y_end),
        [x_end, y_end, z_end] => Sweep::new(&rows, [x_end, y_end, z_end]).volumes(),
        _ => exclusive_volumes(&rows, reference),
    };
    let mut contributions = vec![0.0; scores.len()];
    for (group, volume) in groups.iter().zip(of_rows) {
        if let [(_, index)] = group {
            contributions[*index] = volume;
        }
    }
    contributions
}

/// Of a front of two objectives, the second ascending, so the first descending.
fn rectangles(rows: &[&[f64]], x_end: f64, y_end: f64) -> Vec<f64> {
    let area = |place: usize| {
        let right = if place > 0 { rows[place - 1][0] } else { x_end };
        let top = rows.get(place + 1).map_or(y_end, |row| row[1]);
        (right - rows[place][0]) * (top - rows[place][1])
    };
    (0..rows.len()).map(area).collect()
}

fn exclusive_volumes(rows: &[&[f64]], reference: &[f64]) -> Vec<f64> {
    let volume = |place: usize| {
        let others = [&rows[..place], &rows[place + 1..]].concat().concat();
        exclusive_volume(rows[place], &others, reference)
    };
    (0..rows.len()).map(volume).collect()
}

/// A sweep along z over a front of three objectives. What the rows passed so far dominate in x
/// and y lies above a staircase; what one of them alone dominates lies next to its step, in
/// vertical strips, of which each is a prism from the z at which it began.
struct Sweep<'a> {
    rows: &'a [&'a [f64]],
    ends: [f64; 3],
    /// The rows of the staircase, x ascending, y descending.
    steps: Vec<usize>,
    /// Of each row, what it alone dominates, from left to right, tops descending.
    strips: Vec<VecDeque<Strip>>,
    volumes: Vec<f64>,
}

/// A rectangle with the row's own y at the bottom.
#[derive(Clone, Copy, Debug)]
struct Strip {
    left: f64,
    right: f64,
    top: f64,
    from: f64,
}

impl<'a> Sweep<'a> {
    fn new(rows: &'a [&'a [f64]], ends: [f64; 3]) -> Self {
        let strips = vec![VecDeque::new(); rows.len()];
        Self { rows, ends, steps: Vec::new(), strips, volumes: vec![0.0; rows.len()] }
    }

    fn volumes(mut self) -> Vec<f64> {
        for row in 0..self.rows.len() {
            self.pass(row);
        }
        for step in std::mem::take(&mut self.steps) {
            self.close_all(step, self.ends[2]);
        }
        self.volumes
    }

    /// Ends a strip of a row at this z.
    fn close(&mut self, row: usize, strip: Strip, z: f64) {
        let area = (strip.right - strip.left) * (strip.top - self.rows[row][1]);
        self.volumes[row] += area * (z - strip.from);
    }

    fn close_all(&mut self, row: usize, z: f64) {
        for strip in std::mem::take(&mut self.strips[row]) {
            self.close(row, strip, z);
        }
    }

    /// Adds a row to the staircase.
    fn pass(&mut self, row: usize) {
        let (x, y, z) = (self.rows[row][0], self.rows[row][1], self.rows[row][2]);
        let first = self.steps.partition_point(|step| self.rows[*step][0] < x);
        let covered = self.steps[first..].iter().take_while(|step| self.rows[**step][1] >= y);
        let behind = first + covered.count();
        let left = first.checked_sub(1).map(|place| self.steps[place]);
        let right = self.steps.get(behind).copied();
        if let Some(left) = left {
            self.cut_right_of(left, x, z);
        }
        if let Some(right) = right {
            self.cut_above(right, y, z);
        }
        // Its own strips end where the next step begins that it covers, or that bounds it.
        let mut strip = Strip { left: x, right: x, top: self.ends[1], from: z };
        if let Some(left) = left {
            strip.top = self.rows[left][1];
        }
        for place in first..behind {
            let covered = self.steps[place];
            self.close_all(covered, z);
            strip.right = self.rows[covered][0];
            self.strips[row].push_back(strip);
            strip = Strip { left: strip.right, top: self.rows[covered][1], ..strip };
        }
        strip.right = right.map_or(self.ends[0], |right| self.rows[right][0]);
        self.strips[row].push_back(strip);
        self.steps.splice(first..behind, [row]);
    }

    /// What lies right of `x` is no longer the row's alone.
    fn cut_right_of(&mut self, row: usize, x: f64, z: f64) {
        while let Some(strip) = self.strips[row].pop_back_if(|strip| strip.right > x) {
            self.close(row, strip, z);
            if strip.left < x {
                self.strips[row].push_back(Strip { right: x, from: z, ..strip });
            }
        }
    }

    /// What lies above `y` is no longer the row's alone.
    fn cut_above(&mut self, row: usize, y: f64, z: f64) {
        let mut right = self.rows[row][0];
        while let Some(strip) = self.strips[row].pop_front_if(|strip| strip.top > y) {
            self.close(row, strip, z);
            right = strip.right;
        }
        let left = self.rows[row][0];
        if right > left {
            self.strips[row].push_front(Strip { left, right, top: y, from: z });
        }
    }
}
