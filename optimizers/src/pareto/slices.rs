//! The volume under rows of four objectives, slice by slice along the last one.
//!
//! A slice is what the rows passed so far dominate in the other three, x, y and z. What a new row
//! alone dominates of it is swept along z: where the row begins, the part of its quadrant of x and
//! y that is still free lies below a staircase, which one walk along x finds; and it shrinks with
//! every row that is passed on the way up. So a slice is kept in both orders.

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
    ordered.sort_unstable_by(|a, b| {
        a[0].total_cmp(&b[0]).then_with(|| a.partial_cmp(b).expect("objectives are finite"))
    });
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
        quadrant.open(&self.by_x, [x, y, z], [x_end, y_end])?;
        let (mut volume, mut from) = (0.0, z);
        let below = self.by_z.partition_point(|row| row[2] <= z);
        for &[other_x, other_y, other_z] in &self.by_z[below..] {
            if other_x >= quadrant.right || other_y >= quadrant.top {
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
    fn join(&mut self, row: [f64; 3]) {
        let behind_x = self.by_x.partition_point(|other| other[0] < row[0]);
        let behind_z = self.by_z.partition_point(|other| other[2] < row[2]);
        // They lie behind it in both orders, and mostly there is none: the shorter rest tells.
        let (along_x, along_z) = (&self.by_x[behind_x..], &self.by_z[behind_z..]);
        let shorter = if along_x.len() < along_z.len() { along_x } else { along_z };
        let is_taken_out =
            |other: &[f64; 3]| other[0] >= row[0] && other[1] >= row[1] && other[2] >= row[2];
        let any = shorter.iter().any(is_taken_out);
        for (rows, place) in [(&mut self.by_x, behind_x), (&mut self.by_z, behind_z)] {
            if any {
                let mut kept = place;
                for index in place..rows.len() {
                    if !is_taken_out(&rows[index]) {
                        rows[kept] = rows[index];
                        kept += 1;
                    }
                }
                rows.truncate(kept);
            }
            rows.insert(place, row);
        }
    }
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
    /// that is nothing.
    fn open(
        &mut self,
        rows: &[[f64; 3]],
        [x, y, z]: [f64; 3],
        [x_end, y_end]: [f64; 2],
    ) -> Option<()> {
        (self.x, self.y, self.right, self.free) = (x, y, x_end, 0.0);
        self.steps.clear();
        let (mut left, mut top) = (x, y_end);
        for &[other_x, other_y, other_z] in rows {
            if other_y >= top || other_z > z {
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
