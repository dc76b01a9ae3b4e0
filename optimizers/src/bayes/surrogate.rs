//! What is believed of one quantity: a process over its values, and over how they are written down.
//!
//! Values that span orders of magnitude are hard to model as they are. So the quantity itself and
//! logarithms of its distance from the least value compete, with two kernels each, and the
//! likelihood of the data decides (Snelson, Rasmussen and Ghahramani, "Warped Gaussian processes",
//! 2003, equation 5: the derivative of the warping enters). Since a warping keeps the order, an
//! improvement in one is an improvement in the other.
//!
//! The likelihood is that of all values, and most of them are far from good. Where they span orders
//! of magnitude it prefers a logarithm, and yet a process over the values as they are may find the
//! ground sooner: a polynomial ceases to be one under a logarithm. So either is at hand.

use libm::{log, log1p, sqrt};

use super::process::{Inputs, Process, Settings, Shape, fit};

/// How values are written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Warp {
    /// As they are.
    Plain,
    /// By the logarithm of their distance from the least one, plus this share of the median's.
    Log(f64),
}

impl Warp {
    /// The values written so, with mean 0 and deviation 1, and the logarithm of the product of
    /// their derivatives.
    fn apply(self, values: &[f64]) -> (Vec<f64>, f64) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, median) = (sorted[0], sorted[sorted.len() / 2]);
        let (mut warped, mut stretch) = (values.to_vec(), 0.0);
        if let Self::Log(share) = self
            && median > least
        {
            let unit = share * (median - least);
            for value in &mut warped {
                let distance = (*value - least) / unit;
                stretch -= log1p(distance) + log(unit);
                *value = log1p(distance);
            }
        }
        let (mean, unit) = standard(&warped);
        for value in &mut warped {
            *value = (*value - mean) / unit;
        }
        (warped, stretch - values.len() as f64 * log(unit))
    }
}

/// The mean of values, which is 0 to a process over them as they are, and their deviation, which
/// is 1 to it.
pub(crate) fn standard(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    let deviation = sqrt(square / count);
    (mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
}

/// One way of modelling.
#[derive(Debug)]
struct Candidate {
    warp: Warp,
    settings: Settings,
    /// At how many values it is fitted again.
    next_fit: usize,
}

/// Which of the candidates is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// The likeliest of all.
    Likeliest,
    /// The likeliest of those that take the values as they are.
    Plain,
}

/// Iterations of a fit from scratch, and of one that only follows the data.
const FIRST: usize = 100;
const NEXT: usize = 40;

/// Up to so many values, fits from scratch are made as well.
const CHEAP: usize = 100;

/// The candidates, and which of them are believed.
#[derive(Debug)]
pub(crate) struct Surrogate {
    candidates: Vec<Candidate>,
    likeliest: usize,
    /// The likeliest of the plain ones.
    plain: usize,
    /// At how many values the candidates compete again.
    next_choice: usize,
    started: bool,
}

impl Surrogate {
    /// For values over so many features, written down in one of these ways.
    pub fn new(features: usize, warps: &[Warp]) -> Self {
        let shapes = [Shape::Matern, Shape::Smooth];
        let candidate = |warp: &Warp| {
            let warp = *warp;
            shapes.map(|shape| {
                let settings = Settings::guess(shape, features);
                Candidate { warp, settings, next_fit: 0 }
            })
        };
        let candidates = warps.iter().flat_map(candidate).collect();
        Self { candidates, likeliest: 0, plain: 0, next_choice: 0, started: false }
    }

    /// Per feature, one over the squared length scale, as last fitted.
    pub fn weights(&self) -> Vec<f64> {
        self.candidates[self.likeliest].settings.weights()
    }

    /// The settings that are believed, as last fitted.
    pub fn settings(&self) -> &Settings {
        &self.candidates[self.likeliest].settings
    }

    /// The process over these values, of which `known` are known in all; more than there are
    /// here, where these are a part.
    pub fn process(
        &mut self,
        inputs: &Inputs,
        values: &[f64],
        known: usize,
        belief: Belief,
    ) -> Process {
        let next_fit = known + 1 + known / 50;
        if known >= self.next_choice {
            self.choose(inputs, values);
            self.candidates.iter_mut().for_each(|each| each.next_fit = next_fit);
            self.next_choice = known + 1 + known / 10;
        }
        let candidate = &mut self.candidates[match belief {
            Belief::Likeliest => self.likeliest,
            Belief::Plain => self.plain,
        }];
        let (warped, _) = candidate.warp.apply(values);
        if known >= candidate.next_fit {
            candidate.settings = fit(inputs, &warped, &candidate.settings, NEXT).0;
            candidate.next_fit = next_fit;
        }
        Process::new(inputs, &warped, &candidate.settings)
    }

    /// Fits all candidates, each from where it was and, while that is cheap, from scratch, and
    /// compares them.
    fn choose(&mut self, inputs: &Inputs, values: &[f64]) {
        let iterations = if self.started { NEXT } else { FIRST };
        self.started = true;
        let (mut least, mut least_plain) = (f64::INFINITY, f64::INFINITY);
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            let (warped, stretch) = candidate.warp.apply(values);
            let (mut settings, mut misfit) = fit(inputs, &warped, &candidate.settings, iterations);
            if values.len() <= CHEAP {
                let afresh = Settings::guess(settings.shape, inputs.features());
                let afresh = fit(inputs, &warped, &afresh, iterations);
                if afresh.1 < misfit {
                    (settings, misfit) = afresh;
                }
            }
            candidate.settings = settings;
            misfit -= stretch;
            if misfit < least {
                (least, self.likeliest) = (misfit, index);
            }
            if candidate.warp == Warp::Plain && misfit < least_plain {
                (least_plain, self.plain) = (misfit, index);
            }
        }
    }
}
