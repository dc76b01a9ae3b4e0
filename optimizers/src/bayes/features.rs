//! Points as places of feature space, and back.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use search_spaces::{Domain, Point, Space};

use crate::draw::{below, chance, normal, unit};

/// How a feature may vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Continuously.
    Real,
    /// By levels, of which neighbours are alike.
    Ordered,
    /// By levels, of which none is nearer to another than the rest.
    Choice,
}

/// The features of a space: one per parameter that has more than one value, in [0, 1). Those of
/// discrete parameters are the middles of their levels' shares, and those of inactive parameters
/// one half, so that points that differ nowhere else lie together.
#[derive(Debug)]
pub(crate) struct Features {
    space: Arc<Space>,
    /// Parameter and kind of each feature.
    columns: Vec<(usize, Kind)>,
    choices: Arc<[bool]>,
}

impl Features {
    pub fn new(space: &Arc<Space>) -> Self {
        let kind = |domain: &Domain| match (domain.levels(), domain) {
            (Some(1), _) => None,
            (None, _) => Some(Kind::Real),
            (_, Domain::Labels { ordered: false, .. } | Domain::Bool) => Some(Kind::Choice),
            _ => Some(Kind::Ordered),
        };
        let parameters = space.parameters().iter().enumerate();
        let columns: Vec<(usize, Kind)> =
            parameters.filter_map(|(index, each)| Some((index, kind(each.domain())?))).collect();
        let choices = columns.iter().map(|(_, kind)| *kind == Kind::Choice).collect();
        Self { space: Arc::clone(space), columns, choices }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Which of them are choices.
    pub fn choices(&self) -> &Arc<[bool]> {
        &self.choices
    }

    pub fn kind(&self, feature: usize) -> Kind {
        self.columns[feature].1
    }

    /// The place of a point.
    pub fn place(&self, point: &Point) -> Vec<f64> {
        let unit = self.space.encode(point);
        self.columns.iter().map(|(parameter, _)| unit[*parameter]).collect()
    }

    /// The point nearest to a place with the place where it lies itself; none where it breaks
    /// the constraints.
    pub fn settle(&self, place: &[f64]) -> Option<(Vec<f64>, Point)> {
        let mut unit = vec![0.0; self.space.parameters().len()];
        for ((parameter, _), coordinate) in self.columns.iter().zip(place) {
            unit[*parameter] = coordinate.clamp(0.0, 1.0_f64.next_down());
        }
        let point = self.space.decode(&unit);
        self.space.satisfies(&point).then(|| (self.place(&point), point))
    }

    /// A place anywhere.
    pub fn anywhere(&self, generator: &mut ChaCha8Rng) -> Vec<f64> {
        self.columns.iter().map(|_| unit(generator)).collect()
    }

    /// A place near another: some features are moved, by about `reach` of their range, or to
    /// another level.
    pub fn near(&self, place: &[f64], reach: f64, generator: &mut ChaCha8Rng) -> Vec<f64> {
        // About five features move at a time, at least one.
        let share = (5.0 / self.len() as f64).min(1.0);
        let certain = below(generator, self.len());
        let mut near = place.to_vec();
        for (feature, coordinate) in near.iter_mut().enumerate() {
            if feature != certain && !chance(generator, share) {
                continue;
            }
            *coordinate = match self.kind(feature) {
                Kind::Choice if chance(generator, 0.5) => *coordinate,
                Kind::Choice => unit(generator),
                // A step that is smaller than a level's share still reaches the next level.
                Kind::Ordered => {
                    let least = 1.0 / self.levels(feature).expect("ordered") as f64;
                    *coordinate + reach.max(least) * normal(generator)
                }
                Kind::Real => *coordinate + reach * normal(generator),
            }
            .clamp(0.0, 1.0_f64.next_down());
        }
        near
    }

    /// The number of values of a feature; none where it is continuous.
    pub fn levels(&self, feature: usize) -> Option<u64> {
        self.domain(feature).levels()
    }

    /// The level of a discrete feature that a coordinate stands for.
    pub fn level(&self, feature: usize, coordinate: f64) -> u64 {
        let domain = self.domain(feature);
        let value = domain.decode(coordinate.clamp(0.0, 1.0_f64.next_down()));
        domain.level_of(value).expect("a value of a discrete feature")
    }

    /// The coordinate of a level of a discrete feature; of the last one, where there are fewer.
    pub fn coordinate(&self, feature: usize, level: u64) -> f64 {
        let domain = self.domain(feature);
        let last = domain.levels().expect("a discrete feature") - 1;
        domain.encode(domain.level_value(level.min(last)))
    }

    /// Other values to try for a discrete feature: all where they are few or alike to none, and
    /// otherwise those at distances that double.
    pub fn others(&self, feature: usize, coordinate: f64) -> Vec<f64> {
        let levels = self.levels(feature).expect("a discrete feature");
        let level = self.level(feature, coordinate);
        let place = |level: u64| self.coordinate(feature, level);
        if levels <= 16 || self.kind(feature) == Kind::Choice && levels <= 256 {
            return (0..levels).filter(|each| *each != level).map(place).collect();
        }
        let distances = (0..50).map(|power| 1u64 << power).take_while(|each| *each < levels);
        distances
            .flat_map(|each| [level.checked_sub(each), level.checked_add(each)])
            .flatten()
            .filter(|each| *each < levels)
            .map(place)
            .collect()
    }

    fn domain(&self, feature: usize) -> &Domain {
        self.space.parameters()[self.columns[feature].0].domain()
    }
}
