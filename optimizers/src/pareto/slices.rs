//! The volume under rows of four objectives, slice by slice along the last one.
//!
//! A slice is what the rows passed so far dominate in the other three, x, y and z. What a new row
//! alone dominates of it is swept along z: where the row begins, the part of its quadrant of x and
//! y that is still free lies below a staircase, which one walk along x finds; and it shrinks with
//! every row that is passed on the way up.

/// The rows of the last slice. Those that a later one dominates are taken out: from there on they
/// add nothing.
#[derive(Debug, Default)]
struct Slice {
    by_x: Vec<[f64; 3]>,
    by_z: Vec<[f64; 3]>,
}

/// The volume of flat rows, all strictly inside the ends. Dominated rows add nothing.
/// O(n) for every row, and moves of the few steps of its quadrant.
pub(super) fn sliced_volume(rows: &[f64], ends: [f64; 4]) -> f64 {
    let mut ordered: Vec<[f64; 4]> =
        rows.chunks_exact(4).map(|row| [row[3], row[2], row[1], row[0]]).collect();
    ordered.sort_unstable_by(|a, b| a.partial_cmp(b).expect("objectives are finite"));
    let mut slice = Slice::default();
    let mut quadrant = Quadrant::default();
    let mut total = 0.0;
    for [last, z, y, x] in ordered {
        if let Some(added) = slice.added_volume([x, y, z], ends, &mut quadrant) {
            total += added * (ends[3] - last);
            slice.join([x, y, z]);
        }
    }
    total
}

impl Slice {
    /// What a row adds; none where a row of the slice dominates it.
    fn added_volume(
        &self,
        [x, y, z]: [f64; 3],
        [x_end, y_end, z_end, _]: [f64; 4],
        quadrant: &mut Quadrant,
    ) -> Option<f64> {
        quadrant.open(self.by_x.iter().filter(|row| row[2] <= z), [x, y], [x_end, y_end])?;
        let (mut volume, mut from) = (0.0, z);
        let below = self.by_z.partition_point(|row| row[2] <= z);
        for &[other_x, other_y, other_z] in &self.by_z[below..] {
            if quadrant.is_cut_by(other_x, other_y) {
                volume += quadrant.free * (other_z - from);
                from = other_z;
                if other_x <= x && other_y <= y {
                    return Some(volume);
                }
                quadrant.cut(other_x, other_y);
            }
        }
        Some(volume + quadrant.free * (z_end - from))
    }

    /// Puts in a row that is not dominated, and takes out those that it dominates.
    fn join(&mut self, row: [f64; 3]) {
        for (rows, along) in [(&mut self.by_x, 0), (&mut self.by_z, 2)] {
            let place = rows.partition_point(|other| other[along] < row[along]);
            let stays = |other: &[f64; 3]| (0..3).any(|at| other[at] < row[at]);
            let mut kept = place;
            for index in place..rows.len() {
                rows[kept] = rows[index];
                kept += usize::from(stays(&rows[kept]));
            }
            rows.truncate(kept);
            rows.insert(place, row);
        }
    }
}

/// What is free of the quadrant above and right of a corner.
#[derive(Debug, Default)]
struct Quadrant {
    x: f64,
    y: f64,
    /// The boundary of what is taken: x ascends from that of the corner, y descends. Free is what
    /// lies below the step on its left.
    steps: Vec<(f64, f64)>,
    /// Where the boundary reaches the height of the corner.
    right: f64,
    /// The free area.
    free: f64,
}

impl Quadrant {
    /// Opens it with what these rows, x ascending, leave free of it; none where that is nothing.
    fn open<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a [f64; 3]>,
        [x, y]: [f64; 2],
        [x_end, y_end]: [f64; 2],
    ) -> Option<()> {
        (self.x, self.y, self.right, self.free) = (x, y, x_end, 0.0);
        self.steps.clear();
        let (mut left, mut top) = (x, y_end);
        for &[other_x, other_y, _] in rows {
            if other_y < top {
                if other_x > left {
                    self.step(left, top, other_x);
                    left = other_x;
                }
                if other_y <= y {
                    // Without a step so far, the row is left of the corner and below it.
                    self.right = left;
                    return (!self.steps.is_empty()).then_some(());
                }
                top = other_y;
            }
        }
        self.step(left, top, x_end);
        Some(())
    }

    /// Adds a step at the right end.
    fn step(&mut self, left: f64, top: f64, right: f64) {
        self.steps.push((left, top));
        self.free += (right - left) * (top - self.y);
    }

    /// Whether a row takes anything that is still free.
    fn is_cut_by(&self, x: f64, y: f64) -> bool {
        if x >= self.right || y >= self.steps[0].1 {
            return false;
        }
        let left = self.steps.iter().rev().find(|step| step.0 <= x);
        left.is_none_or(|step| y < step.1)
    }

    /// Takes out the quadrant of a row that does not dominate the corner.
    fn cut(&mut self, x: f64, y: f64) {
        if !self.is_cut_by(x, y) {
            return;
        }
        let (x, y) = (x.max(self.x), y.max(self.y));
        // The steps from `first` on that are at least as high as the row are cut down to it.
        let first = self.steps.iter().rposition(|step| step.0 < x).map_or(0, |place| place + 1);
        let mut left = x;
        let mut top = if first > 0 { self.steps[first - 1].1 } else { self.steps[0].1 };
        let mut end = first;
        while let Some(&(step, height)) = self.steps.get(end).filter(|step| step.1 >= y) {
            self.free -= (step - left) * (top - y);
            (left, top) = (step, height);
            end += 1;
        }
        let right = self.steps.get(end).map_or(self.right, |step| step.0);
        self.free -= (right - left) * (top - y);
        if y > self.y {
            self.steps.splice(first..end, [(x, y)]);
        } else {
            self.steps.truncate(first);
            self.right = x;
        }
    }
}
