//! The volume under rows of four objectives, slice by slice along the last one.
//!
//! A slice is what the rows passed so far dominate in the other three, x, y and z. A new row adds
//! what it alone dominates there, and since the rows of a slice are kept in the order of z, that
//! takes one walk over them. Within the walk, the part of the new row's quadrant of x and y that
//! is still free lies below a staircase, and shrinks with every row that is passed.

/// The rows of the last slice, by z. Rows that a later one dominates are taken out: from there on
/// they add nothing.
type Slice = Vec<[f64; 3]>;

/// The volume of flat rows, all strictly inside the ends. Dominated rows add nothing.
/// O(n) for every row, and moves of the few steps of its quadrant.
pub(super) fn sliced_volume(rows: &[f64], ends: [f64; 4]) -> f64 {
    let mut ordered: Vec<[f64; 4]> =
        rows.chunks_exact(4).map(|row| [row[3], row[2], row[1], row[0]]).collect();
    ordered.sort_unstable_by(|a, b| a.partial_cmp(b).expect("objectives are finite"));
    let mut slice = Slice::with_capacity(ordered.len());
    let mut quadrant = Quadrant::default();
    let mut total = 0.0;
    for [last, z, y, x] in ordered {
        if let Some(added) = added_volume(&slice, [x, y, z], ends, &mut quadrant) {
            total += added * (ends[3] - last);
            join(&mut slice, [x, y, z]);
        }
    }
    total
}

/// What a row adds to a slice; none where a row of the slice dominates it.
fn added_volume(
    slice: &[[f64; 3]],
    [x, y, z]: [f64; 3],
    [x_end, y_end, z_end, _]: [f64; 4],
    quadrant: &mut Quadrant,
) -> Option<f64> {
    quadrant.open(x, y, x_end, y_end);
    let below = slice.partition_point(|row| row[2] <= z);
    for row in &slice[..below] {
        if row[0] <= x && row[1] <= y {
            return None;
        }
        quadrant.cut(row[0], row[1]);
    }
    let (mut volume, mut from) = (0.0, z);
    for row in &slice[below..] {
        if quadrant.is_cut_by(row[0], row[1]) {
            volume += quadrant.free * (row[2] - from);
            from = row[2];
            if row[0] <= x && row[1] <= y {
                return Some(volume);
            }
            quadrant.cut(row[0], row[1]);
        }
    }
    Some(volume + quadrant.free * (z_end - from))
}

/// Puts a row that is not dominated into a slice, and takes out those that it dominates.
fn join(slice: &mut Slice, row: [f64; 3]) {
    let place = slice.partition_point(|other| other[2] < row[2]);
    slice.insert(place, row);
    let mut kept = place + 1;
    for other in place + 1..slice.len() {
        let [x, y, _] = slice[other];
        if x < row[0] || y < row[1] {
            slice[kept] = slice[other];
            kept += 1;
        }
    }
    slice.truncate(kept);
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
    fn open(&mut self, x: f64, y: f64, x_end: f64, y_end: f64) {
        self.steps.clear();
        self.steps.push((x, y_end));
        *self = Self {
            x,
            y,
            steps: std::mem::take(&mut self.steps),
            right: x_end,
            free: (x_end - x) * (y_end - y),
        };
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
