//! The volume under rows of four objectives, slice by slice along the last one.
//!
//! A slice is what the rows passed so far dominate in the other three, x, y and z. What a new row
//! alone dominates of it is swept along z: where the row begins, the part of its quadrant of x and
//! y that is still free lies below a staircase, which one walk along x finds; and it shrinks with
//! every row that is passed on the way up. So a slice is kept in both orders.

#![expect(
    clippy::needless_bitwise_bool,
    reason = "one by one they are not to be foreseen, and wrong guesses cost more than all tests"
)]

/// The rows of the last slice. Those that a later one dominates are taken out: from there on they
/// add nothing.
#[derive(Debug, Default)]
struct Slice {
    by_x: Vec<[f64; 3]>,
    by_z: Vec<[f64; 3]>,
    /// What the newest row dominates.
    dominated: Vec<[f64; 3]>,
}

/// The volume of flat rows, all strictly inside the ends. Dominated rows add nothing.
/// O(n) for every row, and moves of the few steps of its quadrant.
pub(super) fn sliced_volume(rows: &[f64], ends: [f64; 4]) -> f64 {
    let mut ordered: Vec<[f64; 4]> =
        rows.chunks_exact(4).map(|row| [row[3], row[2], row[1], row[0]]).collect();
    ordered.sort_unstable_by(|a, b| {
        a[0].total_cmp(&b[0]).then_with(|| a.partial_cmp(b).expect("objectives are finite"))
    });
    let mut slice = Slice::default();
    let mut quadrant = Quadrant::default();
    let mut total = 0.0;
    for [last, z, y, x] in ordered {
        let row = [x, y, z];
        let places = slice.places(row);
        if let Some(added) = slice.added_volume(row, places, ends, &mut quadrant) {
            total += added * (ends[3] - last);
            slice.join(row, places);
        }
    }
    total
}

impl Slice {
    /// Where a row belongs along x and along z, before those that are equal there.
    fn places(&self, [x, _, z]: [f64; 3]) -> [usize; 2] {
        [self.by_x.partition_point(|row| row[0] < x), self.by_z.partition_point(|row| row[2] < z)]
    }

    /// What a row adds; none where a row of the slice dominates it.
    fn added_volume(
        &self,
        [x, y, z]: [f64; 3],
        [behind_x, behind_z]: [usize; 2],
        [x_end, y_end, z_end, _]: [f64; 4],
        quadrant: &mut Quadrant,
    ) -> Option<f64> {
        quadrant.open(self.by_x.split_at(behind_x), [x, y, z], [x_end, y_end])?;
        let (mut volume, mut from) = (0.0, z);
        for &[other_x, other_y, other_z] in
            self.by_z[behind_z..].iter().skip_while(|row| row[2] <= z)
        {
            if (other_x >= quadrant.right) | (other_y >= quadrant.top) {
                continue;
            }
            if other_x <= x && other_y <= y {
                return Some(volume + quadrant.free * (other_z - from));
            }
            let free = quadrant.free;
            if quadrant.cut(other_x, other_y) {
                volume += free * (other_z - from);
                from = other_z;
            }
        }
        Some(volume + quadrant.free * (z_end - from))
    }

    /// Puts in a row that is not dominated, and takes out those that it dominates.
    fn join(&mut self, row: [f64; 3], [behind_x, behind_z]: [usize; 2]) {
        // They lie behind it in both orders: the shorter rest tells.
        let (along_x, along_z) = (&self.by_x[behind_x..], &self.by_z[behind_z..]);
        let shorter = if along_x.len() < along_z.len() { along_x } else { along_z };
        let is_dominated =
            |other: &&[f64; 3]| (other[0] >= row[0]) & (other[1] >= row[1]) & (other[2] >= row[2]);
        self.dominated.clear();
        self.dominated.extend(shorter.iter().filter(is_dominated));
        replace::<0>(&mut self.by_x, &self.dominated, behind_x, row);
        replace::<2>(&mut self.by_z, &self.dominated, behind_z, row);
    }
}

/// Takes rows out of those in the order of an axis, and puts one in at a place before all of them.
/// What lies between moves once.
fn replace<const AXIS: usize>(
    rows: &mut Vec<[f64; 3]>,
    out: &[[f64; 3]],
    place: usize,
    row: [f64; 3],
) {
    let position = |rows: &[[f64; 3]], wanted: &[f64; 3]| {
        let first = rows.partition_point(|other| other[AXIS] < wanted[AXIS]);
        let ties = rows[first..].iter().position(|other| other == wanted);
        first + ties.expect("both orders have the same rows")
    };
    let Some((last, others)) = out.split_last() else {
        rows.insert(place, row);
        return;
    };
    for other in others {
        rows.remove(position(rows, other));
    }
    let freed = position(rows, last);
    rows.copy_within(place..freed, place + 1);
    rows[place] = row;
}

/// What is free of the quadrant above and right of a corner.
#[derive(Debug, Default)]
struct Quadrant {
    /// The corner.
    x: f64,
    y: f64,
    /// The boundary of what is taken: x ascends from that of the corner, y descends from `top` and
    /// stays above that of the corner. Free is what lies below the step on its left.
    steps: Vec<(f64, f64)>,
    top: f64,
    /// Where the boundary reaches the height of the corner.
    right: f64,
    /// The free area.
    free: f64,
}

impl Quadrant {
    /// Opens it with what these rows, x ascending, leave free of it where the corner is; none where
    /// that is nothing. They are given in two parts, those before the corner's x and the others.
    fn open(
        &mut self,
        (before, behind): (&[[f64; 3]], &[[f64; 3]]),
        [x, y, z]: [f64; 3],
        [x_end, y_end]: [f64; 2],
    ) -> Option<()> {
        (self.x, self.y, self.right, self.free) = (x, y, x_end, 0.0);
        self.steps.clear();
        // The rows on the left count as far as they are low; which ones do is not to be foreseen,
        // and a branch would mostly be guessed wrong.
        let mut top = y_end;
        for &[_, other_y, other_z] in before {
            let below = if other_z <= z { other_y } else { f64::INFINITY };
            top = if below < top { below } else { top };
        }
        if top <= y {
            return None;
        }
        let mut left = x;
        for &[other_x, other_y, other_z] in behind {
            if (other_y >= top) | (other_z > z) {
                continue;
            }
            if other_x > left {
                self.step(left, top, other_x);
                left = other_x;
            }
            if other_y <= y {
                self.right = left;
                // Without a step so far, the row lies below and left of the corner.
                self.top = self.steps.first()?.1;
                return Some(());
            }
            top = other_y;
        }
        self.step(left, top, x_end);
        self.top = self.steps[0].1;
        Some(())
    }

    /// Adds a step at the right end.
    fn step(&mut self, left: f64, top: f64, right: f64) {
        self.steps.push((left, top));
        self.free += (right - left) * (top - self.y);
    }

    /// Takes out the quadrant of a row that does not dominate the corner; says whether anything of
    /// it was free.
    fn cut(&mut self, x: f64, y: f64) -> bool {
        let (x, y) = (x.max(self.x), y.max(self.y));
        // The steps from `first` on that are at least as high as the row are cut down to it.
        let first = self.steps.iter().rposition(|step| step.0 < x).map_or(0, |place| place + 1);
        let mut top = self.steps[first.saturating_sub(1)].1;
        let covers = |step: &(f64, f64)| step.0 == x && step.1 <= y;
        if top <= y || x >= self.right || self.steps.get(first).is_some_and(covers) {
            return false;
        }
        let (mut left, mut end) = (x, first);
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
        self.top = self.steps[0].1;
        true
    }
}
