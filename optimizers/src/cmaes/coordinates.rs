//! Where the coordinates that CMA-ES searches in lie in the unit cube.
//!
//! A continuous parameter has a coordinate on the whole real line, folded into the unit interval
//! such that the fold is smooth: the identity inside, a parabola near the bounds, mirrored beyond
//! (the boundary transformation of pycma). An optimum at a bound has a coordinate of its own that
//! way, a twentieth beyond where the identity ends.
//!
//! A parameter whose levels have an order has the coordinate of the unit interval and takes the
//! level whose share of it the coordinate lies in, or the outermost one beyond. Choices have no
//! coordinate.

use std::sync::Arc;

use libm::floor;
use search_spaces::{Domain, Point, Space};

/// The width of the parabola.
const FOLD: f64 = 0.05;

/// The coordinates and the choices of a space.
#[derive(Clone, Debug)]
pub(crate) struct Coordinates {
    space: Arc<Space>,
    /// The parameters that have a coordinate, and whether it stands for levels.
    numeric: Vec<(usize, bool)>,
    /// The parameters that are choices, and how many labels they have.
    choices: Vec<(usize, usize)>,
    unit: Vec<f64>,
}

impl Coordinates {
    /// Those of a space. Parameters of one value have none.
    pub fn new(space: &Arc<Space>) -> Self {
        let (mut numeric, mut choices) = (Vec::new(), Vec::new());
        for (index, parameter) in space.parameters().iter().enumerate() {
            match (parameter.domain(), parameter.domain().levels()) {
                (_, Some(1)) => {}
                (Domain::Labels { ordered: false, labels }, _) => {
                    choices.push((index, labels.len()));
                }
                (_, levels) => numeric.push((index, levels.is_some())),
            }
        }
        let unit = vec![0.0; space.parameters().len()];
        Self { space: Arc::clone(space), numeric, choices, unit }
    }

    /// How many coordinates there are.
    pub fn dimensions(&self) -> usize {
        self.numeric.len()
    }

    /// How many labels each choice has.
    pub fn labels(&self) -> impl Iterator<Item = usize> {
        self.choices.iter().map(|(_, labels)| *labels)
    }

    /// The coordinates that stand for levels.
    pub fn ordered(&self) -> impl Iterator<Item = usize> {
        let numeric = self.numeric.iter().enumerate();
        numeric.filter(|(_, (_, ordered))| *ordered).map(|(coordinate, _)| coordinate)
    }

    /// The point of these coordinates and labels, if it meets the constraints.
    pub fn point(&mut self, coordinates: &[f64], labels: &[usize]) -> Option<Point> {
        for ((index, ordered), coordinate) in self.numeric.iter().zip(coordinates) {
            let domain = self.space.parameters()[*index].domain();
            self.unit[*index] = match ordered {
                true => domain.encode(domain.level_value(level(domain, *coordinate))),
                false => folded(*coordinate).min(1.0_f64.next_down()),
            };
        }
        for ((index, _), label) in self.choices.iter().zip(labels) {
            let domain = self.space.parameters()[*index].domain();
            self.unit[*index] = domain.encode(domain.level_value(*label as u64));
        }
        let point = self.space.decode(&self.unit);
        self.space.satisfies(&point).then_some(point)
    }

    /// The coordinates and labels of a point.
    pub fn of(&self, point: &Point) -> (Vec<f64>, Vec<usize>) {
        let unit = self.space.encode(point);
        let coordinate = |(index, ordered): &(usize, bool)| match ordered {
            true => unit[*index],
            false => unfolded(unit[*index]),
        };
        let label = |(index, labels): &(usize, usize)| {
            let value = self.space.parameters()[*index].domain().decode(unit[*index]);
            let level = self.space.parameters()[*index].domain().level_of(value);
            (level.expect("a value of the domain") as usize).min(labels - 1)
        };
        (self.numeric.iter().map(coordinate).collect(), self.choices.iter().map(label).collect())
    }

    /// The edges of the level's share that a coordinate lies in; none where there is no level
    /// beyond.
    pub fn edges(&self, coordinate: usize, place: f64) -> [Option<f64>; 2] {
        let domain = self.space.parameters()[self.numeric[coordinate].0].domain();
        let levels = domain.levels().expect("a coordinate that stands for levels");
        let level = level(domain, place);
        [level, level + 1].map(|upper| (upper > 0 && upper < levels).then(|| edge(domain, upper)))
    }
}

/// The edge between a level and the one below it.
fn edge(domain: &Domain, level: u64) -> f64 {
    let middle = |level: u64| domain.encode(domain.level_value(level));
    f64::midpoint(middle(level - 1), middle(level))
}

/// The level whose share a coordinate lies in.
fn level(domain: &Domain, coordinate: f64) -> u64 {
    let levels = domain.levels().expect("a coordinate that stands for levels");
    let inside = coordinate.clamp(0.0, 1.0_f64.next_down());
    let mut level = domain.level_of(domain.decode(inside)).expect("a value of the domain");
    // On a logarithmic scale the edges are not quite where decoding has them.
    while level > 0 && coordinate <= edge(domain, level) {
        level -= 1;
    }
    while level + 1 < levels && coordinate > edge(domain, level + 1) {
        level += 1;
    }
    level
}

/// The place of a coordinate in [0, 1].
fn folded(coordinate: f64) -> f64 {
    // One period leads from the lower bound to the upper one and back.
    let length = 1.0 + 2.0 * FOLD;
    let mut along = coordinate + FOLD;
    if !(0.0..=length).contains(&along) {
        along -= floor(along / (2.0 * length)) * 2.0 * length;
        if along > length {
            along = 2.0 * length - along;
        }
    }
    if along < 2.0 * FOLD {
        along * along / (4.0 * FOLD)
    } else if along > length - 2.0 * FOLD {
        1.0 - (length - along) * (length - along) / (4.0 * FOLD)
    } else {
        along - FOLD
    }
    .clamp(0.0, 1.0)
}

/// The coordinate between the folds at a place in [0, 1].
fn unfolded(place: f64) -> f64 {
    if place < FOLD {
        (4.0 * FOLD * place).sqrt() - FOLD
    } else if place > 1.0 - FOLD {
        1.0 + FOLD - (4.0 * FOLD * (1.0 - place)).sqrt()
    } else {
        place
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::{Document, Value};

    use super::*;

    #[test]
    fn the_fold_is_smooth_and_reaches_both_bounds() {
        assert_eq!((folded(-FOLD), folded(1.0 + FOLD)), (0.0, 1.0));
        for step in -400..500 {
            let coordinate = f64::from(step) / 100.0;
            let slope = (folded(coordinate + 1e-6) - folded(coordinate)) / 1e-6;
            assert!((0.0..=1.0).contains(&folded(coordinate)) && slope.abs() < 1.0 + 1e-6);
            if (-FOLD..=1.0 + FOLD).contains(&coordinate) {
                let there = unfolded(folded(coordinate));
                assert!((there - coordinate).abs() < 1e-7, "{coordinate}: {there}");
            }
        }
        // Mirrored beyond, and again after a period of 2.2.
        assert!((folded(-0.35) - folded(0.25)).abs() < 1e-12);
        assert!((folded(2.5) - folded(0.3)).abs() < 1e-12);
    }

    #[test]
    fn every_level_is_taken_between_its_edges() {
        let text = "n = { int = [1, 40], scale = 'log' }\nb = { bool = true }\n\
                    s = { float = [0, 1], step = 0.25 }\nc = { choice = ['x', 'y', 'z'] }\n\
                    one = { int = [4, 4] }";
        let document = Document::parse("t.toml", text).unwrap();
        let space = Arc::new(Space::read(document.section()).unwrap());
        let mut coordinates = Coordinates::new(&space);
        assert_eq!((coordinates.dimensions(), coordinates.labels().next()), (3, Some(3)));
        let mut seen = Vec::new();
        let mut place = -1.0;
        loop {
            let point = coordinates.point(&[place, place, place], &[2]).unwrap();
            let (found, labels) = coordinates.of(&point);
            assert_eq!(coordinates.point(&found, &labels), Some(point.clone()));
            assert_eq!(point.values()[3..], [Value::Label(2), Value::Int(4)]);
            seen.push(point.values()[0]);
            let [low, high] = coordinates.edges(0, place);
            assert!(low.is_none_or(|low| low < place));
            let Some(high) = high else { break };
            place = high.next_up();
        }
        let all: Vec<Value> = (1..=40).map(Value::Int).collect();
        assert_eq!(seen, all);
    }
}
