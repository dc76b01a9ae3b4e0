//! Generations and runs: what CMA-ES proposes, and when it learns.
//!
//! A generation is proposed whole, then learnt whole. So a study is the same at any lag; more
//! workers than there are trials in a generation have nothing to do.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use search_spaces::{Point, Space};

use super::MANY;
use super::choices::Choices;
use super::constants::{Constants, default_population};
use super::coordinates::Coordinates;
use super::distribution::Distribution;
use super::margin::Margin;
use super::restarts::{Plan, Policy, Restarts};
use super::start::Given;
use super::stopping::Stopping;
use super::vectors::scale;
use crate::merit::Merit;
use crate::optimizer::{Origin, Strategy, Told};
use crate::sampling::random_point;
use crate::strategies::Task;

/// What the user may say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub population: Option<usize>,
    /// In parts of every range.
    pub sigma: f64,
    pub separable: Option<bool>,
    pub restarts: Policy,
}

/// CMA-ES over a space.
pub(crate) struct CmaEs {
    space: Arc<Space>,
    coordinates: Coordinates,
    sigma: f64,
    separable: bool,
    restarts: Restarts,
    /// For where runs begin, which no trial's own generator is there for.
    generator: ChaCha8Rng,
    given: Given,
    /// The best of the runs that have ended.
    ended: Merit,
    /// The best point of all, with its merit.
    best: Option<(Merit, Point)>,
    /// A given point that is better than all before: the next one to be proposed.
    injected: Option<Point>,
    run: Option<Run>,
}

/// From a start to convergence.
struct Run {
    distribution: Distribution,
    choices: Choices,
    margin: Margin,
    stopping: Stopping,
    /// The number of the generation's first proposal, and how many followed it.
    first: u64,
    proposed: usize,
    learnt: usize,
    trials: u64,
    /// Of each proposal of the generation: the step, one row each, the labels, the merit.
    steps: Vec<f64>,
    labels: Vec<Vec<usize>>,
    merits: Vec<Merit>,
    place: Vec<f64>,
}

/// A step that breaks the constraints is drawn again so often.
const ATTEMPTS: u32 = 30;

/// And then halved so often.
const HALVINGS: u32 = 10;

impl CmaEs {
    /// CMA-ES before its first proposal.
    pub fn new(task: &Task<'_>, settings: Settings) -> Self {
        let coordinates = Coordinates::new(task.space);
        let dimensions = coordinates.dimensions();
        let free = dimensions + coordinates.labels().count();
        let population = settings.population.unwrap_or_else(|| default_population(free));
        Self {
            space: Arc::clone(task.space),
            coordinates,
            sigma: settings.sigma,
            separable: settings.separable.unwrap_or(dimensions > MANY),
            restarts: Restarts::new(settings.restarts, population),
            generator: ChaCha8Rng::seed_from_u64(task.seed),
            given: Given::new(task),
            ended: Merit::WORST,
            best: None,
            injected: None,
            run: None,
        }
    }

    /// The first run, near the points that were given, if any were.
    fn first_run(&mut self) -> Option<Run> {
        let plan = self.restarts.first();
        let Some(suggestion) = self.given.suggestion(&self.coordinates) else {
            return self.run_anywhere(plan);
        };
        let choices = Choices::new(self.coordinates.labels()).leaning(&suggestion.labels);
        let (sigma, covariance) = suggestion.width.unzip();
        let mut run = self.run(plan, suggestion.mean, sigma.unwrap_or(self.sigma), choices);
        if let Some(covariance) = covariance {
            run.distribution = run.distribution.with_covariance(&covariance);
        }
        Some(run)
    }

    fn run_anywhere(&mut self, plan: Plan) -> Option<Run> {
        let point = random_point(&self.space, &mut self.generator)?;
        let (mean, _) = self.coordinates.of(&point);
        let choices = Choices::new(self.coordinates.labels());
        Some(self.run(plan, mean, self.sigma * plan.sigma, choices))
    }

    fn run(&self, plan: Plan, mean: Vec<f64>, sigma: f64, choices: Choices) -> Run {
        let n = self.coordinates.dimensions();
        let constants = Constants::new(n, plan.population, self.separable);
        let distribution = Distribution::new(constants, self.separable, mean, sigma);
        let discrete = self.coordinates.ordered().count() + self.coordinates.labels().count();
        let share = discrete as f64 / (n + self.coordinates.labels().count()).max(1) as f64;
        Run {
            stopping: Stopping::new(&distribution, share, plan.generations),
            margin: Margin::new(&self.coordinates, plan.population),
            distribution,
            choices,
            first: 0,
            proposed: 0,
            learnt: 0,
            trials: 0,
            steps: vec![0.0; plan.population * n],
            labels: vec![Vec::new(); plan.population],
            merits: vec![Merit::WORST; plan.population],
            place: vec![0.0; n],
        }
    }

    /// Ends the generation, and the run where it has converged.
    fn turn(&mut self) {
        let Some(run) = &mut self.run else { return };
        if run.learnt < run.merits.len() {
            return;
        }
        let (coordinates, ended) = (&self.coordinates, self.ended);
        if run.has_ended(coordinates, ended) {
            let (best, trials) = (run.stopping.best(), run.trials);
            self.ended = self.ended.min(best);
            let plan = self.restarts.next(trials, &mut self.generator);
            self.run = self.run_anywhere(plan);
        }
    }
}

impl Strategy for CmaEs {
    fn propose(&mut self, number: u64, generator: &mut ChaCha8Rng, _: &[Point]) -> Option<Point> {
        if self.run.is_none() {
            if self.given.is_awaited() {
                return None;
            }
            self.run = self.first_run();
            // It was given, and has already had its say.
            self.injected = None;
        }
        let run = self.run.as_mut()?;
        if run.proposed == run.merits.len() {
            return None;
        }
        if run.proposed == 0 {
            run.first = number;
        }
        let slot = run.proposed;
        let injected = self.injected.take();
        let point = injected
            .inspect(|point| run.lead_to(slot, &self.coordinates, point))
            .or_else(|| run.draw(slot, &mut self.coordinates, generator))
            .or_else(|| {
                let known = self.best.as_ref().map(|(_, point)| point.clone());
                let point = random_point(&self.space, generator).or(known)?;
                run.lead_to(slot, &self.coordinates, &point);
                Some(point)
            })?;
        run.proposed += 1;
        Some(point)
    }

    fn learn(&mut self, origin: Origin, point: &Point, told: &Told) {
        let merit = Merit::of(told);
        let is_best = self.best.as_ref().is_none_or(|(best, _)| merit < *best);
        if is_best && merit != Merit::WORST {
            self.best = Some((merit, point.clone()));
        }
        let Origin::Proposed(number) = origin else {
            if self.run.is_none() {
                self.given.learn(point, merit);
            } else if is_best && merit.objective().is_some() {
                self.injected = Some(point.clone());
            }
            return;
        };
        let Some(run) = &mut self.run else { return };
        run.merits[(number - run.first) as usize] = merit;
        run.learnt += 1;
        run.trials += 1;
        self.turn();
    }
}

impl Run {
    /// Draws a candidate that meets the constraints: by chance, or else by steps that are shorter
    /// and shorter.
    fn draw(
        &mut self,
        slot: usize,
        coordinates: &mut Coordinates,
        generator: &mut ChaCha8Rng,
    ) -> Option<Point> {
        let n = self.place.len();
        let step = &mut self.steps[slot * n..][..n];
        let labels = &mut self.labels[slot];
        for attempt in 0..ATTEMPTS + HALVINGS {
            if attempt < ATTEMPTS {
                self.distribution.draw(generator, step);
                self.choices.draw(generator, labels);
            } else {
                scale(step, 0.5);
            }
            let sigma = self.distribution.sigma;
            let widened = step.iter().zip(&self.margin.widening).map(|(y, wide)| y * wide);
            for ((place, mean), y) in
                self.place.iter_mut().zip(&self.distribution.mean).zip(widened)
            {
                *place = mean + sigma * y;
            }
            let point = coordinates.point(&self.place, labels);
            if point.is_some() {
                return point;
            }
        }
        None
    }

    /// Takes a point that was not drawn as a candidate. Its step is no longer than one that is
    /// drawn may be (Hansen, "Injecting external solutions into CMA-ES", arXiv:1110.4181).
    fn lead_to(&mut self, slot: usize, coordinates: &Coordinates, point: &Point) {
        let n = self.place.len();
        let (place, labels) = coordinates.of(point);
        self.labels[slot] = labels;
        let step = &mut self.steps[slot * n..][..n];
        let Distribution { mean, sigma, .. } = &self.distribution;
        for (index, y) in step.iter_mut().enumerate() {
            *y = (place[index] - mean[index]) / (sigma * self.margin.widening[index]);
        }
        let length = self.distribution.length_squared(step).sqrt();
        let longest = (n as f64).sqrt() + 2.0 * n as f64 / (n as f64 + 2.0);
        if length > longest {
            scale(step, longest / length);
        }
    }

    /// Learns from the generation; whether it was the last one.
    fn has_ended(&mut self, coordinates: &Coordinates, ended: Merit) -> bool {
        let mut order: Vec<usize> = (0..self.merits.len()).collect();
        order.sort_by_key(|index| self.merits[*index]);
        let merits: Vec<Merit> = order.iter().map(|index| self.merits[*index]).collect();
        self.distribution.learn(&self.steps, &order);
        let Constants { weights, parents, .. } = &self.distribution.constants;
        let best = weights[..*parents].iter().zip(&order);
        self.choices.learn(&best.map(|(weight, index)| (*weight, &*self.labels[*index])));
        self.margin.keep(coordinates, &mut self.distribution);
        (self.proposed, self.learnt) = (0, 0);
        self.stopping.ends(&merits, &self.distribution, ended)
    }
}
