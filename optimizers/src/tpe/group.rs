//! Parameters that are active together, and what is known of them.

use rand_chacha::ChaCha8Rng;
use search_spaces::{Constraint, Point, Space, Value};

use super::axis::Axis;
use super::mixture::{Mixture, Weights};

/// A group of parameters, modelled by one pair of densities.
pub(super) struct Group {
    /// All of its parameters; the first says when the group is active.
    parameters: Vec<usize>,
    /// The density of the good observations, and that of all others.
    pub good: Mixture,
    pub others: Mixture,
}

impl Group {
    /// The groups of a space, each after those that its condition depends on.
    ///
    /// A group is what has the same condition, or where `independent`, each parameter.
    pub fn of_space(space: &Space, independent: bool) -> Vec<Self> {
        let condition = |index: usize| space.parameters()[index].when();
        let mut left: Vec<usize> = (0..space.parameters().len()).collect();
        let mut placed = vec![false; left.len()];
        let mut groups = Vec::new();
        while !left.is_empty() {
            let is_ready = |index: &usize| {
                condition(*index).is_none_or(|when| when.mentions().iter().all(|at| placed[*at]))
            };
            // Conditions of a space that was read are without circles.
            let first = left.iter().copied().find(is_ready).unwrap_or(left[0]);
            let belongs = |index: &usize| {
                *index == first
                    || !independent
                        && condition(*index).map(Constraint::source)
                            == condition(first).map(Constraint::source)
            };
            let parameters: Vec<usize> = left.iter().copied().filter(belongs).collect();
            left.retain(|index| !parameters.contains(index));
            for index in &parameters {
                placed[*index] = true;
            }
            groups.push(Self::new(space, parameters));
        }
        groups
    }

    fn new(space: &Space, parameters: Vec<usize>) -> Self {
        let modelled = |index: &usize| Axis::new(*index, space.parameters()[*index].domain());
        let axes: Vec<Axis> = parameters.iter().filter_map(modelled).collect();
        let good = Mixture::new(&axes, Weights::Equal);
        let others = Mixture::new(&axes, Weights::Fading);
        Self { parameters, good, others }
    }

    /// Whether the group is active at coordinates; those of inactive parameters are no numbers.
    pub fn is_at(&self, units: &[f64]) -> bool {
        !units[self.parameters[0]].is_nan()
    }

    /// Whether the group is active where the parameters of the groups before have these values.
    pub fn is_active(&self, space: &Space, values: &Point) -> bool {
        let when = space.parameters()[self.parameters[0]].when();
        when.is_none_or(|when| when.holds(values) == Some(true))
    }

    /// Brings both densities up to date; to be called before they are used.
    pub fn refresh(&mut self) {
        self.good.refresh();
        self.others.refresh();
    }

    /// Draws the group's coordinates from the density of the good observations.
    pub fn draw(&self, generator: &mut ChaCha8Rng, units: &mut [f64]) {
        for index in &self.parameters {
            units[*index] = 0.5;
        }
        self.good.draw(generator, units);
    }

    /// The values at coordinates, beside those that other groups have.
    pub fn decode(&self, space: &Space, units: &[f64], values: &mut [Value]) {
        for index in &self.parameters {
            values[*index] = space.parameters()[*index].domain().decode(units[*index]);
        }
    }

    /// Of several candidates' coordinates, the place of the one that is likeliest to be good: at
    /// which the density of the others is least, compared with that of the good ones.
    pub fn likeliest(&self, candidates: &[Vec<f64>]) -> usize {
        let mut best = (0, f64::INFINITY);
        for (place, units) in candidates.iter().enumerate() {
            let at = self.good.gather(units);
            let ratio = self.others.ratio(&at, self.good.log_density(&at), best.1);
            if ratio < best.1 {
                best = (place, ratio);
            }
        }
        best.0
    }
}
