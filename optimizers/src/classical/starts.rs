//! Where runs start.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

use super::axes::Axes;
use super::cost::{Aim, has_slope, is_sound};
use crate::evolution::Genome;
use crate::optimizer::Told;
use crate::sampling::Design;
use crate::strategies::Task;

/// Starting points: the best of those that are known and lie apart, then evenly spread ones.
pub(crate) struct Starts {
    /// Points whose costs are known and where no run has started, the best first.
    known: Vec<(f64, Genome)>,
    /// Where runs have started.
    used: Vec<Genome>,
    /// Points that are evaluated before any run starts, and may not be known yet. A run that
    /// starts there asks again and hears of them when they are.
    given: VecDeque<Point>,
    design: Design,
    drawn: u64,
    /// So many points of the design are to be evaluated before any run starts.
    scouts: u64,
}

/// So many known points are kept.
const KEPT: usize = 256;

/// Starting points lie this far apart along one axis at least, as long as there are such.
const APART: f64 = 0.1;

impl Starts {
    /// The starting points of a task. The best are found among those that are given and `scouts`
    /// further ones.
    pub fn new(task: &Task<'_>, scouts: u64) -> Self {
        Self {
            known: Vec::new(),
            used: Vec::new(),
            given: task.first.clone().into(),
            design: Design::new(task.space, task.seed),
            drawn: 0,
            scouts,
        }
    }

    /// The next point that is to be evaluated before any run starts; none where there were enough.
    pub fn scout(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<Genome> {
        self.scouts = self.scouts.checked_sub(1)?;
        self.drawn(axes, generator)
    }

    fn drawn(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<Genome> {
        self.drawn += 1;
        let point = self.design.point(self.drawn - 1, generator)?;
        Some(axes.genes().genome(&point))
    }

    /// Where the next run starts. None where the constraints leave no point that is found.
    pub fn next(&mut self, axes: &Axes, generator: &mut ChaCha8Rng) -> Option<Genome> {
        let used = &self.used;
        let is_apart = |genome: &Genome| {
            let apart =
                |other: &Genome| genome.iter().zip(other).any(|(a, b)| (a - b).abs() > APART);
            used.iter().all(apart)
        };
        let start = match self.known.iter().position(|(_, genome)| is_apart(genome)) {
            Some(place) => self.known.remove(place).1,
            None => match self.given.pop_front() {
                Some(point) => axes.genes().genome(&point),
                None => self.drawn(axes, generator)?,
            },
        };
        self.used.push(start.clone());
        Some(start)
    }

    /// Takes in a point that was evaluated.
    pub fn offer(&mut self, axes: &Axes, point: &Point, told: &Told) {
        let cost = Aim::First.cost(told);
        let genome = axes.genes().genome(point);
        self.given.retain(|given| given != point);
        if has_slope(cost) && !self.used.contains(&genome) {
            let place = self.known.partition_point(|(other, _)| *other <= cost);
            self.known.insert(place, (cost, genome));
            self.known.truncate(KEPT);
        }
    }

    /// How far the costs of known points are apart: from the best to the median; 1 where that is
    /// not known.
    pub fn spread(&self) -> f64 {
        let sound: Vec<f64> =
            self.known.iter().map(|(cost, _)| *cost).filter(|cost| is_sound(*cost)).collect();
        let spread = |best: &f64| sound[sound.len() / 2] - best;
        sound.first().map(spread).filter(|spread| *spread > 0.0).unwrap_or(1.0)
    }
}
