//! The volume under rows of four objectives, slice by slice along the last one.
//!
//! A slice is what the rows passed so far dominate in the other three, x, y and z. What a new row
//! alone dominates of it is swept along z: where the row begins, the part of its quadrant of x and
//! y that is still free lies below a staircase, which one walk along x finds; and it shrinks with
//! every row that is passed on the way up. So a slice is kept in both orders.

use multiversion::multiversion;

/// So many rows are looked at together, in the order of the columns: most of them are passed over.
const TOGETHER: usize = 4;

/// Rows of three objectives in the order of one of them, column by column.
#[derive(Debug, Default)]
struct Rows {
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
}

impl Rows {
    /// The lowest y of the first rows up to a height of z.
    fn lowest(&self, first: usize, z: f64) -> f64 {
        let mut lowest = [f64::INFINITY; TOGETHER];
        let (ys, other_ys) = self.y[..first].as_chunks::<TOGETHER>();
        let (heights, others) = self.z[..first].as_chunks::<TOGETHER>();
        for (ys, zs) in ys.iter().zip(heights) {
            for lane in 0..TOGETHER {
                let known = if zs[lane] <= z { ys[lane] } else { f64::INFINITY };
                lowest[lane] = if known < lowest[lane] { known } else { lowest[lane] };
            }
        }
        let others = other_ys.iter().zip(others).filter(|(_, other)| **other <= z);
        let others = others.map(|(y, _)| *y);
        lowest.into_iter().chain(others).fold(f64::INFINITY, f64::min)
    }

    fn insert(&mut self, place: usize, [x, y, z]: [f64; 3]) {
        self.x.insert(place, x);
        self.y.insert(place, y);
        self.z.insert(place, z);
    }

    /// Whether a row from a place on is nowhere better than this one.
    fn has_worse(&self, from: usize, [x, y, z]: [f64; 3]) -> bool {
        let rows = self.x[from..].iter().zip(&self.y[from..]).zip(&self.z[from..]);
        rows.filter(|((a, b), c)| **a >= x && **b >= y && **c >= z).count() > 0
    }

    /// Takes out the rows from a place on that are nowhere better than this one.
    fn take_out_worse(&mut self, from: usize, [x, y, z]: [f64; 3]) {
        let mut kept = from;
        for index in from..self.x.len() {
            let (other_x, other_y, other_z) = (self.x[index], self.y[index], self.z[index]);
            if !(other_x >= x && other_y >= y && other_z >= z) {
                (self.x[kept], self.y[kept], self.z[kept]) = (other_x, other_y, other_z);
                kept += 1;
            }
        }
        for column in [&mut self.x, &mut self.y, &mut self.z] {
            column.truncate(kept);
        }
    }
}

/// The rows of the last slice. Those that a later one dominates are taken out: from there on they
/// add nothing.
#[derive(Debug, Default)]
struct Slice {
    by_x: Rows,
    by_z: Rows,
}

/// The volume of flat rows, all strictly inside the ends. Dominated rows add nothing.
/// O(n) for every row, and moves of the few steps of its quadrant.
#[multiversion(targets("x86_64+avx2"))]
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
        let Rows { x: xs, y: ys, z: zs } = &self.by_z;
        let mut first = zs.partition_point(|other| *other <= z);
        while first < zs.len() {
            let end = (first + TOGETHER).min(zs.len());
            if !quadrant.reaches_any(&xs[first..end], &ys[first..end]) {
                first = end;
                continue;
            }
            for index in first..end {
                let (other_x, other_y, other_z) = (xs[index], ys[index], zs[index]);
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
            first = end;
        }
        Some(volume + quadrant.free * (z_end - from))
    }

    /// Puts in a row that is not dominated, and takes out those that it dominates.
    fn join(&mut self, row: [f64; 3]) {
        let behind_x = self.by_x.x.partition_point(|other| *other < row[0]);
        let behind_z = self.by_z.z.partition_point(|other| *other < row[2]);
        // They lie behind it in both orders, and mostly there is none: the shorter rest tells.
        let is_shorter = self.by_x.x.len() - behind_x < self.by_z.z.len() - behind_z;
        let any = if is_shorter {
            self.by_x.has_worse(behind_x, row)
        } else {
            self.by_z.has_worse(behind_z, row)
        };
        for (rows, place) in [(&mut self.by_x, behind_x), (&mut self.by_z, behind_z)] {
            if any {
                rows.take_out_worse(place, row);
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
    fn open(&mut self, rows: &Rows, [x, y, z]: [f64; 3], [x_end, y_end]: [f64; 2]) -> Option<()> {
        let beside = rows.x.partition_point(|other| *other <= x);
        let (mut left, mut top) = (x, y_end.min(rows.lowest(beside, z)));
        if top <= y {
            return None;
        }
        (self.x, self.y, self.top, self.right, self.free) = (x, y, top, x_end, 0.0);
        self.steps.clear();
        let others = rows.x[beside..].iter().zip(&rows.y[beside..]).zip(&rows.z[beside..]);
        for ((&other_x, &other_y), &other_z) in others {
            if other_y >= top || other_z > z {
                continue;
            }
            if other_x > left {
                self.step(left, top, other_x);
                left = other_x;
            }
            if other_y <= y {
                self.right = left;
                return Some(());
            }
            top = other_y;
        }
        self.step(left, top, x_end);
        Some(())
    }

    /// Adds a step at the right end.
    fn step(&mut self, left: f64, top: f64, right: f64) {
        self.steps.push((left, top));
        self.free += (right - left) * (top - self.y);
    }

    /// Whether any of some rows may have something of it.
    fn reaches_any(&self, xs: &[f64], ys: &[f64]) -> bool {
        let rows = xs.iter().zip(ys);
        rows.filter(|(x, y)| **x < self.right && **y < self.top).count() > 0
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
