//! Bayesian optimization as a strategy: an even start, then the point that promises most.
//!
//! With one objective, proposals take turns: the greatest expected improvement within a trust
//! region, the greatest of all, and plain greed, which ends a search in a smooth valley quickly (De
//! Ath, Everson, Rahat and Fieldsend, "Greed is good: exploration and exploitation trade-offs in
//! Bayesian optimization", 2021). Once greed finds nothing new, the rest of the trials look for a
//! better valley. Every third round of turns believes the process over the values as they are.

use libm::{log, sqrt};
use rand_chacha::ChaCha8Rng;
use search_spaces::Point;

use super::ascent::{Ascent, Effort};
use super::feasibility::Feasibility;
use super::features::Features;
use super::improvement::{All, Hypervolume, Improvement, Low, Promise};
use super::known::{Engine, Known};
use super::process::{Inputs, Process};
use super::records::Table;
use super::region::{Region, everywhere};
use super::surrogate::{Belief, Surrogate, Warp};
use crate::draw::unit;
use crate::optimizer::Told;
use crate::sampling::random_point;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The expected improvement of the objective.
    Improvement,
    /// The expected improvement of the hypervolume of two objectives.
    Hypervolume,
    /// The expected improvement of one value made of all objectives, by weights that are drawn
    /// for every proposal (Knowles, "`ParEGO`", IEEE Trans. Evol. Comput. 10(1), 2006).
    Scalar,
}

/// What a proposal is for; they take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The greatest promise within the trust region.
    Near,
    /// The greatest promise of all.
    Anywhere,
    /// The lowest expected value.
    Greedy,
}

/// A greedy proposal this near to a known point would tell nothing new.
const NEAR: f64 = 2e-6;

/// Once the best point is settled, the rest is looked for at this distance from it, times the
/// root of the number of features.
const APART: f64 = 0.1;

const EFFORT: Effort = Effort { anywhere: 512, near: 256, starts: 4 };

/// Gaussian processes over the features of a space.
pub(crate) struct Bayes {
    manner: Manner,
    /// One per objective, or one for all of them.
    surrogates: Vec<Surrogate>,
    feasibility: Feasibility,
    /// Whether greed finds nothing new: the best point is the bottom of its valley.
    settled: bool,
    region: Region,
}

impl Bayes {
    pub fn new(features: &Features, objectives: usize, manner: Manner) -> Self {
        let (count, warps): (usize, &[Warp]) = match manner {
            Manner::Improvement => (1, &[Warp::Plain, Warp::Log(1.0), Warp::Log(0.01)]),
            Manner::Hypervolume => (objectives, &[Warp::Plain]),
            Manner::Scalar => (1, &[Warp::Plain]),
        };
        let surrogate = |warps| Surrogate::new(features.len(), warps);
        Self {
            manner,
            surrogates: (0..count).map(|_| surrogate(warps)).collect(),
            feasibility: Feasibility::new(features.len()),
            settled: false,
            region: Region::new(features.len()),
        }
    }

    /// The most promising point.
    fn promising(
        &mut self,
        turn: Turn,
        belief: Belief,
        known: &Known,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        let features = &known.features;
        let pending_places: Vec<Vec<f64>> =
            pending.iter().map(|point| features.place(point)).collect();
        let (table, mut processes) = self.processes(belief, known, generator);
        let weights = self.surrogates[0].weights();
        let mut border = self.feasibility.border(known, &weights);
        let models = border.iter_mut().map(|border| &mut border.process);
        for process in processes.iter_mut().chain(models) {
            for place in &pending_places {
                process.believe(place);
            }
        }
        let weights = processes[0].weights().to_vec();
        let front = table.front();
        // Without a feasible point, the first one is all that is looked for.
        let improvement = (!front.is_empty()).then(|| promise(&processes, &table));
        let improvement = All::of(improvement, border.as_ref());
        let ranked = table.ranked();
        let best: Vec<Vec<f64>> = ranked
            .iter()
            .take(front.len().clamp(3, 10))
            .map(|row| table.places[*row].clone())
            .collect();
        // Turns are for one objective: several have no single best point.
        let turn = if self.manner == Manner::Improvement { turn } else { Turn::Anywhere };
        let region = match turn {
            Turn::Near if !self.settled => self.region.about(features, &best[0]),
            _ => everywhere(features),
        };
        let ascent = Ascent {
            features,
            promise: &improvement,
            weights: &weights,
            best: &best,
            region: &region,
            away: None,
        };
        let mut seen = known.seen.clone();
        seen.extend(pending.iter().map(Point::hash));
        if turn == Turn::Greedy && !front.is_empty() {
            let low = Box::new(Low { process: &processes[0] });
            let low = All::of(Some(low), border.as_ref());
            let greedy = Ascent { promise: &low, ..ascent };
            let point = greedy.summit(EFFORT, &seen, generator)?;
            let place = features.place(&point);
            let is_near =
                |others: &[Vec<f64>]| others.iter().any(|other| distance(&place, other) < NEAR);
            self.settled = is_near(&table.places);
            // What is out may yet turn out to be lower than anything known.
            if !self.settled && !is_near(&pending_places) {
                return Some(point);
            }
        }
        let away = self.settled.then(|| (&*best[0], APART * sqrt(features.len() as f64)));
        let ascent = Ascent { away, ..ascent };
        ascent.summit(EFFORT, &seen, generator)
    }

    /// The table of objectives, or of one value made of them, and a process for each.
    fn processes(
        &mut self,
        belief: Belief,
        known: &Known,
        generator: &mut ChaCha8Rng,
    ) -> (Table, Vec<Process>) {
        let mut table = known.records.objectives(false);
        let count = table.len();
        if self.manner == Manner::Scalar {
            scalarise(&mut table, generator);
        }
        let weights = self.surrogates[0].weights();
        let table = table.part(known.limits.points, &weights);
        let inputs = Inputs::new(table.places.clone(), known.features.choices());
        let columns = self.surrogates.iter_mut().zip(&table.values);
        let processes =
            columns.map(|(each, values)| each.process(&inputs, values, count, belief)).collect();
        (table, processes)
    }
}

/// The greatest difference between two places.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// What is promised by processes over a table with a feasible row.
fn promise<'a>(processes: &'a [Process], table: &Table) -> Box<dyn Promise + 'a> {
    // What the processes say of the points that are known: without noise, their very values. With
    // noise, what was luckiest need not be what is expected to be best, so all of them count.
    let of_row = |process: &Process, row: &usize| process.expected(&table.places[*row]).mean;
    let feasible = (0..table.len()).filter(|row| table.outcomes[*row].is_feasible());
    match processes {
        [first, second] => {
            let rows = feasible.map(|row| [of_row(first, &row), of_row(second, &row)]);
            let reference = [first, second].map(|process| {
                let values = (0..table.len()).map(|row| of_row(process, &row));
                let (low, high) = values
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
                high + 0.1 * (high - low)
            });
            Box::new(Hypervolume::new([first, second], rows.collect(), reference))
        }
        processes => {
            let process = &processes[0];
            let best = feasible.map(|row| of_row(process, &row)).fold(f64::INFINITY, f64::min);
            Box::new(Improvement { process, best })
        }
    }
}

/// Replaces the objectives by the augmented Tchebycheff distance from the ideal point, with
/// weights that are drawn uniformly: equation 2 of `ParEGO`.
fn scalarise(table: &mut Table, generator: &mut ChaCha8Rng) {
    let draws: Vec<f64> = table.values.iter().map(|_| -log(1.0 - unit(generator))).collect();
    let sum: f64 = draws.iter().sum();
    let mut most = vec![f64::NEG_INFINITY; table.len()];
    let mut total = vec![0.0; table.len()];
    for (column, draw) in table.values.iter().zip(draws) {
        let least = column.iter().copied().fold(f64::INFINITY, f64::min);
        let range = column.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
        let range = if range > 0.0 { range } else { 1.0 };
        for ((value, most), total) in column.iter().zip(&mut most).zip(&mut total) {
            let weighted = draw / sum * (value - least) / range;
            *most = most.max(weighted);
            *total += weighted;
        }
    }
    let scalar = most.iter().zip(&total).map(|(most, total)| most + 0.05 * total).collect();
    table.values = vec![scalar];
}

impl Engine for Bayes {
    fn chosen(
        &mut self,
        number: u64,
        known: &Known,
        generator: &mut ChaCha8Rng,
        pending: &[Point],
    ) -> Option<Point> {
        let turn = match number % 3 {
            0 => Turn::Near,
            1 => Turn::Anywhere,
            _ => Turn::Greedy,
        };
        let belief = match number / 3 % 3 {
            0 | 1 => Belief::Likeliest,
            _ => Belief::Plain,
        };
        self.promising(turn, belief, known, generator, pending)
            .or_else(|| random_point(&known.space, generator))
    }

    fn hear(&mut self, told: &Told) {
        if let Told::Complete { objectives, violation } = told
            && *violation <= 0.0
        {
            self.region.learn(objectives[0]);
        }
    }
}
