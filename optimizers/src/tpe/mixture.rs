//! A density over some parameters: one kernel per observation and one over everything.
//!
//! Observations come and go one by one, and only what depends on them is computed anew: the
//! widths of their neighbours on each axis, for which each axis keeps its centres in order. What
//! a density is evaluated with lies together, block by block, so that a processor does several
//! kernels at once.
#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for AVX2")]

use libm::log;
use multiversion::multiversion;
use rand_chacha::ChaCha8Rng;

use super::axis::{Axis, Bell};
use super::exponential::exponential;
use crate::draw::{below, unit};

/// Kernels per block.
const LANES: usize = 32;

/// A number for each kernel of a block, so that no register's worth lies across two cache lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Lanes([f64; LANES]);

/// So many axes are computed before it is asked whether a block still counts.
const AXES_AT_ONCE: usize = 8;

/// The exponent of a place that no kernel has.
const EMPTY: f64 = -1e9;

/// By so much less than that of the kernel over everything, an exponent does not count: 32 such
/// kernels together are less than a billionth of it.
const NEGLIGIBLE: f64 = 25.0;

/// So many of the latest observations count in full; before them, the older the less.
pub(super) const RECENT: usize = 25;

/// How the kernels share the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// Alike.
    Equal,
    /// The latest in full, the others in proportion to how late they came (Bergstra, Yamins and
    /// Cox, "Making a Science of Model Search", ICML 2013).
    Fading,
}

/// A mixture of products of kernels.
pub(super) struct Mixture {
    axes: Vec<Axis>,
    weighting: Weights,
    /// Identity and place of each observation, ascending: in order of time.
    members: Vec<(u64, u32)>,
    /// Places without a kernel.
    free: Vec<u32>,
    /// Per axis with an order, centre and place of each kernel, ascending.
    sorted: Vec<Vec<(f64, u32)>>,
    /// The narrowest kernel allowed.
    narrowest: f64,
    /// Whether weights and constants are those of the present members.
    is_fresh: bool,

    /// Per block and axis, block by block.
    centres: Vec<Lanes>,
    sharpness: Vec<Lanes>,
    widths: Vec<Lanes>,
    log_heights: Vec<Lanes>,
    /// Per block: the logarithm of the product of the heights, but for what is common to all.
    heights: Vec<Lanes>,
    weights: Vec<Lanes>,

    /// The sum of all weights, that of the kernel over everything included.
    total_weight: f64,
    /// What a choice that differs takes off the exponent.
    differing: f64,
    /// What all observations' kernels have in common: the heights of the choices.
    common: f64,
    /// The kernel over everything: per axis with an order, its bell; and for all choices.
    prior: Vec<Bell>,
    prior_common: f64,
}

impl Mixture {
    /// A mixture without observations.
    pub fn new(axes: &[Axis], weighting: Weights) -> Self {
        let prior = axes.iter().map(|axis| axis.bell(0.5, 1.0)).collect();
        let prior_common = axes.iter().filter_map(Axis::choices).map(|levels| -log(levels)).sum();
        Self {
            axes: axes.to_vec(),
            weighting,
            members: Vec::new(),
            free: Vec::new(),
            sorted: vec![Vec::new(); axes.len()],
            narrowest: narrowest(0),
            is_fresh: false,
            centres: Vec::new(),
            sharpness: Vec::new(),
            widths: Vec::new(),
            log_heights: Vec::new(),
            heights: Vec::new(),
            weights: Vec::new(),
            total_weight: 1.0,
            differing: 0.0,
            common: 0.0,
            prior,
            prior_common,
        }
    }

    /// How many observations there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Adds an observation; `units` are the coordinates of the whole space.
    pub fn insert(&mut self, identity: u64, units: &[f64]) {
        let at = self.members.partition_point(|(other, _)| *other < identity);
        debug_assert!(self.members.get(at).is_none_or(|(other, _)| *other != identity));
        let place = self.free.pop().unwrap_or_else(|| self.new_block());
        self.members.insert(at, (identity, place));
        let (block, lane) = split(place);
        self.heights[block].0[lane] = 0.0;
        for axis in 0..self.axes.len() {
            let centre = units[self.axes[axis].parameter];
            let cell = self.cell(block, axis);
            self.centres[cell].0[lane] = centre;
            self.log_heights[cell].0[lane] = 0.0;
            if self.axes[axis].choices().is_some() {
                continue;
            }
            let sorted = &mut self.sorted[axis];
            let at = sorted.partition_point(|other| *other < (centre, place));
            sorted.insert(at, (centre, place));
            self.widths[cell].0[lane] = f64::NAN;
            self.update_widths(axis, at.saturating_sub(1), at + 1);
        }
        self.is_fresh = false;
    }

    /// Removes an observation, if it is there.
    pub fn remove(&mut self, identity: u64) {
        let Ok(at) = self.members.binary_search_by_key(&identity, |(other, _)| *other) else {
            return;
        };
        let (_, place) = self.members.remove(at);
        let (block, lane) = split(place);
        for axis in 0..self.axes.len() {
            let cell = self.cell(block, axis);
            if self.axes[axis].choices().is_none() {
                let sorted = &mut self.sorted[axis];
                let centre = self.centres[cell].0[lane];
                let at = sorted.partition_point(|other| *other < (centre, place));
                sorted.remove(at);
                if !sorted.is_empty() {
                    self.update_widths(axis, at.saturating_sub(1), at);
                }
            }
            self.centres[cell].0[lane] = 0.0;
            self.sharpness[cell].0[lane] = 0.0;
        }
        self.heights[block].0[lane] = EMPTY;
        self.weights[block].0[lane] = 0.0;
        self.free.push(place);
        self.is_fresh = false;
    }

    /// Removes one of the observations that are not recent, whichever.
    pub fn thin(&mut self, generator: &mut ChaCha8Rng) {
        let old = self.len().saturating_sub(RECENT).max(1);
        let (identity, _) = self.members[below(generator, old)];
        self.remove(identity);
    }

    /// Makes room for more kernels, and gives one of the new places.
    fn new_block(&mut self) -> u32 {
        let first = (self.heights.len() * LANES) as u32;
        for cells in
            [&mut self.centres, &mut self.sharpness, &mut self.widths, &mut self.log_heights]
        {
            cells.extend(std::iter::repeat_n(Lanes([0.0; LANES]), self.axes.len()));
        }
        self.heights.push(Lanes([EMPTY; LANES]));
        self.weights.push(Lanes([0.0; LANES]));
        self.free.extend((first + 1..first + LANES as u32).rev());
        first
    }

    fn cell(&self, block: usize, axis: usize) -> usize {
        block * self.axes.len() + axis
    }

    /// Gives the kernels from `first` to `last` in the order of an axis the widths that their
    /// neighbours leave them: the larger of the two distances, at both ends the only one.
    fn update_widths(&mut self, axis: usize, first: usize, last: usize) {
        let count = self.sorted[axis].len();
        for at in first..=last.min(count - 1) {
            let sorted = &self.sorted[axis];
            let (centre, place) = sorted[at];
            let left = (at > 0).then(|| centre - sorted[at - 1].0);
            let right = sorted.get(at + 1).map(|(other, _)| other - centre);
            let gap = match (left, right) {
                (Some(left), Some(right)) => left.max(right),
                (Some(gap), None) | (None, Some(gap)) => gap,
                (None, None) => centre.max(1.0 - centre),
            };
            self.set_width(axis, place, centre, gap.clamp(self.narrowest, 1.0));
        }
    }

    fn set_width(&mut self, axis: usize, place: u32, centre: f64, width: f64) {
        let (block, lane) = split(place);
        let cell = self.cell(block, axis);
        if self.widths[cell].0[lane] == width {
            return;
        }
        let bell = self.axes[axis].bell(centre, width);
        self.widths[cell].0[lane] = width;
        self.sharpness[cell].0[lane] = bell.sharpness;
        self.heights[block].0[lane] += bell.log_height - self.log_heights[cell].0[lane];
        self.log_heights[cell].0[lane] = bell.log_height;
    }

    /// Brings everything up to date that depends on how many observations there are.
    pub fn refresh(&mut self) {
        if self.is_fresh {
            return;
        }
        self.is_fresh = true;
        let count = self.len();
        if self.narrowest != narrowest(count) {
            self.narrowest = narrowest(count);
            for axis in 0..self.axes.len() {
                if !self.sorted[axis].is_empty() {
                    self.update_widths(axis, 0, count - 1);
                }
            }
        }
        // A choice has the weight 1 for the observed level and `spread` for every one.
        let spread = 1.0 / (count + 1) as f64;
        self.differing = log((1.0 + spread) / spread);
        let choices = self.axes.iter().filter_map(Axis::choices);
        self.common = choices.map(|levels| log((1.0 + spread) / (1.0 + levels * spread))).sum();
        self.total_weight = 1.0;
        let fading = match self.weighting {
            Weights::Equal => 0,
            Weights::Fading => count.saturating_sub(RECENT),
        };
        let least = 1.0 / count.max(1) as f64;
        let step = (1.0 - least) / fading.saturating_sub(1).max(1) as f64;
        for (age, (_, place)) in self.members.iter().enumerate() {
            let (block, lane) = split(*place);
            let weight = if age < fading { least + step * age as f64 } else { 1.0 };
            self.weights[block].0[lane] = weight;
            self.total_weight += weight;
        }
    }

    /// A draw from the mixture, all kernels alike: into `units`, the coordinates of the space.
    pub fn draw(&self, generator: &mut ChaCha8Rng, units: &mut [f64]) {
        let kernel = self.members.get(below(generator, self.len() + 1));
        for (index, axis) in self.axes.iter().enumerate() {
            let cell = |(_, place): &(u64, u32)| {
                let (block, lane) = split(*place);
                (self.cell(block, index), lane)
            };
            units[axis.parameter] = match (kernel.map(cell), axis.choices()) {
                (None, None) => axis.draw_near(0.5, 1.0, generator),
                (None, Some(_)) => axis.draw_any(generator),
                (Some((cell, lane)), None) => {
                    axis.draw_near(self.centres[cell].0[lane], self.widths[cell].0[lane], generator)
                }
                (Some((cell, lane)), Some(levels)) => {
                    let as_observed = 1.0 / (1.0 + levels / (self.len() + 1) as f64);
                    if unit(generator) < as_observed {
                        self.centres[cell].0[lane]
                    } else {
                        axis.draw_any(generator)
                    }
                }
            };
        }
    }

    /// The coordinates of its own axes among those of the space.
    pub fn gather(&self, units: &[f64]) -> Vec<f64> {
        self.axes.iter().map(|axis| units[axis.parameter]).collect()
    }

    /// The logarithm of the density at the coordinates of its own axes.
    pub fn log_density(&self, at: &[f64]) -> f64 {
        log_density(self, at)
    }

    /// The density over one whose logarithm is `log_other`, at the coordinates of its own axes;
    /// anything above `enough` where it is more than that, which is found out sooner.
    pub fn ratio(&self, at: &[f64], log_other: f64, enough: f64) -> f64 {
        ratio(self, at, log_other, enough)
    }

    /// The exponents of a block's kernels, less `offset`; none where all are below `least`.
    #[inline(always)]
    fn exponents(&self, block: usize, at: &[f64], offset: f64, least: f64) -> Option<Lanes> {
        let from = self.cell(block, 0);
        let cells = from..from + self.axes.len();
        let common = self.common - offset;
        let mut exponents = self.heights[block].0.map(|height| height + common);
        let kernels = self.centres[cells.clone()].iter().zip(&self.sharpness[cells]);
        let axes = self.axes.iter().zip(at).zip(kernels);
        for (index, ((axis, x), (Lanes(centres), Lanes(sharpness)))) in axes.enumerate() {
            if axis.choices().is_some() {
                for (exponent, centre) in exponents.iter_mut().zip(centres) {
                    *exponent -= if centre == x { 0.0 } else { self.differing };
                }
            } else {
                for lane in 0..LANES {
                    let distance = (x - centres[lane]) * sharpness[lane];
                    exponents[lane] -= distance * distance;
                }
            }
            // No axis makes an exponent larger.
            let is_time = (index + 1) % AXES_AT_ONCE == 0 || index + 1 == self.axes.len();
            if is_time && exponents.iter().all(|exponent| *exponent <= least) {
                return None;
            }
        }
        Some(Lanes(exponents))
    }

    fn prior_exponent(&self, at: &[f64]) -> f64 {
        let mut exponent = self.prior_common;
        for ((axis, x), bell) in self.axes.iter().zip(at).zip(&self.prior) {
            if axis.choices().is_none() {
                let distance = (x - 0.5) * bell.sharpness;
                exponent += bell.log_height - distance * distance;
            }
        }
        exponent
    }
}

/// [`Mixture::log_density`]: the same operations and so the same bits on every processor, but more
/// kernels at once where it can.
#[multiversion(targets("x86_64+avx2"))]
fn log_density(mixture: &Mixture, at: &[f64]) -> f64 {
    let prior = mixture.prior_exponent(at);
    let blocks: Vec<Lanes> = (0..mixture.heights.len())
        .filter_map(|block| mixture.exponents(block, at, 0.0, f64::NEG_INFINITY))
        .collect();
    let mut highest = prior;
    for exponents in &blocks {
        highest = exponents.0.iter().fold(highest, |a, b| if *b > a { *b } else { a });
    }
    let mut sum = exponential(prior - highest);
    for (exponents, weights) in blocks.iter().zip(&mixture.weights) {
        sum += weighted_sum(exponents, weights, highest);
    }
    log(sum / mixture.total_weight) + highest
}

/// [`Mixture::ratio`], likewise.
#[multiversion(targets("x86_64+avx2"))]
fn ratio(mixture: &Mixture, at: &[f64], log_other: f64, enough: f64) -> f64 {
    let enough = enough * mixture.total_weight;
    let prior = mixture.prior_exponent(at) - log_other;
    let negligible = prior - NEGLIGIBLE;
    let mut sum = exponential(prior);
    // The latest observations are the likeliest to be near.
    for block in (0..mixture.heights.len()).rev() {
        if sum > enough {
            break;
        }
        // Most blocks are too far away to count: all of such a one is less than a billionth of
        // what the kernel over everything has.
        if let Some(exponents) = mixture.exponents(block, at, log_other, negligible) {
            sum += weighted_sum(&exponents, &mixture.weights[block], 0.0);
        }
    }
    sum / mixture.total_weight
}

/// The narrowest kernel among so many observations, the kernel over everything counted.
fn narrowest(count: usize) -> f64 {
    1.0 / (count as f64 + 2.0).min(100.0)
}

fn split(place: u32) -> (usize, usize) {
    (place as usize / LANES, place as usize % LANES)
}

/// The sum of the weighted exponentials of a block, less an offset.
#[inline(always)]
fn weighted_sum(exponents: &Lanes, weights: &Lanes, offset: f64) -> f64 {
    let mut terms = [0.0; LANES];
    for ((term, weight), exponent) in terms.iter_mut().zip(&weights.0).zip(&exponents.0) {
        *term = weight * exponential(exponent - offset);
    }
    terms.iter().sum()
}

#[cfg(test)]
mod tests {
    use libm::{erf, exp};
    use rand_core::SeedableRng;
    use search_spaces::{Domain, Scale};

    use super::*;

    fn axes() -> Vec<Axis> {
        let real =
            Domain::Float { low: 0.0, high: 1.0, scale: Scale::Linear, step: None, points: None };
        let labels = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let choice = Domain::Labels { labels, ordered: false };
        [real.clone(), choice, real]
            .iter()
            .enumerate()
            .map(|(index, domain)| Axis::new(index, domain).unwrap())
            .collect()
    }

    /// The width of the kernel at `own` among the centres of an axis.
    fn width(centres: &[f64], own: usize) -> f64 {
        let mut sorted: Vec<(f64, usize)> = centres.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let at = sorted.iter().position(|(_, index)| *index == own).unwrap();
        let gaps = [at.checked_sub(1), Some(at + 1)]
            .into_iter()
            .flatten()
            .filter_map(|other| sorted.get(other))
            .map(|(centre, _)| (centre - centres[own]).abs());
        gaps.fold(0.0, f64::max).clamp(narrowest(centres.len()), 1.0)
    }

    /// The density, from nothing but the observations in order of time.
    fn plainly(observed: &[Vec<f64>], fading: bool, at: &[f64]) -> f64 {
        let normal = |x: f64, centre: f64, width: f64| {
            let below = |x: f64| 0.5 * erf((x - centre) / width / 2f64.sqrt());
            let z = (x - centre) / width;
            exp(-0.5 * z * z) / (width * 2.506628274631 * (below(1.0) - below(0.0)))
        };
        let count = observed.len();
        let spread = 1.0 / (count + 1) as f64;
        let column = |axis: usize| observed.iter().map(|units| units[axis]).collect::<Vec<_>>();
        let columns = [column(0), column(2)];
        let ramp = count.saturating_sub(RECENT);
        let mut sum = normal(at[0], 0.5, 1.0) * normal(at[2], 0.5, 1.0) / 3.0;
        let mut total = 1.0;
        for (index, units) in observed.iter().enumerate() {
            let least = 1.0 / count as f64;
            let weight = if fading && index < ramp {
                least + (1.0 - least) * index as f64 / (ramp - 1).max(1) as f64
            } else {
                1.0
            };
            let choice =
                (spread + if units[1] == at[1] { 1.0 } else { 0.0 }) / (1.0 + 3.0 * spread);
            sum += weight
                * choice
                * normal(at[0], units[0], width(&columns[0], index))
                * normal(at[2], units[2], width(&columns[1], index));
            total += weight;
        }
        sum / total
    }

    #[test]
    fn the_density_is_that_of_the_observations_left_after_some_came_and_went() {
        let axes = axes();
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        for weighting in [Weights::Equal, Weights::Fading] {
            let mut mixture = Mixture::new(&axes, weighting);
            let mut observed: Vec<(u64, Vec<f64>)> = Vec::new();
            for identity in 0..300 {
                let units: Vec<f64> =
                    axes.iter().map(|axis| axis.settled(unit(&mut generator))).collect();
                mixture.insert(identity, &units);
                observed.push((identity, units));
                if identity % 3 == 2 {
                    let gone = observed.remove(below(&mut generator, observed.len()));
                    mixture.remove(gone.0);
                }
                if identity % 20 > 2 && identity > 20 {
                    continue;
                }
                mixture.refresh();
                let left: Vec<Vec<f64>> = observed.iter().map(|(_, units)| units.clone()).collect();
                let mut at = vec![0.0; 3];
                for _ in 0..20 {
                    mixture.draw(&mut generator, &mut at);
                    let fading = weighting == Weights::Fading;
                    let exact = if left.len() > 1 { plainly(&left, fading, &at) } else { continue };
                    let found = exp(mixture.log_density(&at));
                    assert!((found - exact).abs() < 1e-6 * exact, "{identity}: {found} {exact}");
                    let ratio = mixture.ratio(&at, log(2.0 * exact), f64::INFINITY);
                    assert!((ratio - 0.5).abs() < 1e-6, "{identity}: {ratio}");
                    assert!(mixture.ratio(&at, log(2.0 * exact), 0.1) > 0.1);
                }
            }
        }
    }

    #[test]
    fn thinning_spares_the_latest() {
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let mut mixture = Mixture::new(&axes(), Weights::Fading);
        for identity in 0..1000 {
            let x = unit(&mut generator);
            mixture.insert(identity, &[x, 0.5, x]);
            while mixture.len() > 100 {
                mixture.thin(&mut generator);
            }
        }
        let left: Vec<u64> = mixture.members.iter().map(|(identity, _)| *identity).collect();
        assert_eq!(left.len(), 100);
        assert_eq!(left[75..], (975..1000).collect::<Vec<_>>());
        assert!(left[0] < 800 && mixture.heights.len() <= 4);
    }
}
