//! A margin for levels: however narrow the distribution, a neighbouring level stays possible.
//!
//! Hamano, Saito, Nomura and Shirakawa, "CMA-ES with margin: lower-bounding marginal probability
//! for mixed-integer black-box optimization", GECCO 2022, section 4.

use super::coordinates::Coordinates;
use super::distribution::Distribution;
use super::normal::{probability, quantile_above};

/// What the steps of the coordinates that stand for levels are multiplied by.
#[derive(Clone, Debug)]
pub(crate) struct Margin {
    ordered: Vec<usize>,
    /// One per coordinate; 1 where it is continuous.
    pub widening: Vec<f64>,
    /// The least probability of leaving a level.
    least: f64,
}

impl Margin {
    /// That of a run, before its first generation.
    pub fn new(coordinates: &Coordinates, population: usize) -> Self {
        let dimensions = coordinates.dimensions();
        Self {
            ordered: coordinates.ordered().collect(),
            widening: vec![1.0; dimensions],
            least: 1.0 / (dimensions.max(1) * population) as f64,
        }
    }

    /// Moves the mean and widens the steps such that no level's neighbour is less likely.
    pub fn keep(&mut self, coordinates: &Coordinates, distribution: &mut Distribution) {
        for &coordinate in &self.ordered {
            let mean = distribution.mean[coordinate];
            let deviation = distribution.deviation(coordinate) * self.widening[coordinate];
            match coordinates.edges(coordinate, mean) {
                [None, None] => {}
                // At the end of the range the mean may be so far from the edge and no farther.
                [None, Some(edge)] | [Some(edge), None] => {
                    let reach = quantile_above(self.least.min(0.5)) * deviation;
                    distribution.mean[coordinate] = mean.clamp(edge - reach, edge + reach);
                }
                [Some(low), Some(high)] => {
                    let below = probability((low - mean) / deviation);
                    let above = probability((mean - high) / deviation);
                    let half = self.least / 2.0;
                    if below >= half && above >= half {
                        continue;
                    }
                    let [below, above] = self.raised(below, above).map(quantile_above);
                    distribution.mean[coordinate] = (low * above + high * below) / (below + above);
                    self.widening[coordinate] *= (high - low) / (deviation * (below + above));
                }
            }
        }
    }

    /// The probabilities of leaving a level downwards and upwards, raised to half the margin at
    /// least, at the cost of the others in proportion.
    fn raised(&self, below: f64, above: f64) -> [f64; 2] {
        let half = self.least / 2.0;
        let within = 1.0 - below - above;
        let [low, high] = [below, above].map(|each| each.max(half));
        let surplus = 1.0 - low - high - within;
        let share = surplus / (low + high + within - 3.0 * half);
        [low, high].map(|each| (each + share * (each - half)).min(0.5))
    }
}
