//! One distribution over the labels of every choice.
//!
//! Hamano, Saito, Nomura, Uchida and Shirakawa, "`CatCMA`: stochastic optimization for
//! mixed-category problems", GECCO 2024: a step along the natural gradient, whose length is
//! adapted by how far the last steps agree (Akimoto, Shirakawa, Yoshinari, Uchida, Saito and
//! Nishida, "Adaptive stochastic natural gradient method for one-shot neural architecture
//! search", ICML 2019), and a margin that keeps every label possible.

use libm::{exp, pow};
use rand_chacha::ChaCha8Rng;

use super::vectors::scale;
use crate::draw::unit;

/// The distributions of all choices.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    /// Of each choice the probability of each label.
    probabilities: Vec<Vec<f64>>,
    /// How far one step goes.
    length: f64,
    /// The cumulated direction of the steps, and the cumulated weight of one of them.
    path: Vec<f64>,
    path_weight: f64,
}

/// Steps grow while the path is longer than that of random ones by this factor.
const AGREEMENT: f64 = 1.5;

/// With this probability no label of any choice is drawn for the margin alone.
const UNDISTURBED: f64 = 0.73;

impl Choices {
    /// Every label equally likely.
    pub fn new(labels: impl Iterator<Item = usize>) -> Self {
        let probabilities: Vec<Vec<f64>> =
            labels.map(|labels| vec![1.0 / labels as f64; labels]).collect();
        let degrees = probabilities.iter().map(|each| each.len() - 1).sum();
        Self { probabilities, length: 1.0, path: vec![0.0; degrees], path_weight: 0.0 }
    }

    /// The same, leaning towards labels that have proved themselves: half of the probability is
    /// theirs, by how often each is among them.
    pub fn leaning(mut self, proven: &[Vec<usize>]) -> Self {
        for (choice, probabilities) in self.probabilities.iter_mut().enumerate() {
            scale(probabilities, 0.5);
            for labels in proven {
                probabilities[labels[choice]] += 0.5 / proven.len() as f64;
            }
        }
        self
    }

    /// Draws a label for each choice.
    pub fn draw(&self, generator: &mut ChaCha8Rng, labels: &mut Vec<usize>) {
        labels.clear();
        for probabilities in &self.probabilities {
            let mut left = unit(generator);
            let drawn = probabilities.iter().position(|probability| {
                left -= probability;
                left < 0.0
            });
            labels.push(drawn.unwrap_or(probabilities.len() - 1));
        }
    }

    /// Learns from the labels of a generation's best, with weights that sum to one.
    pub fn learn<'a>(&mut self, best: &(impl Iterator<Item = (f64, &'a [usize])> + Clone)) {
        if self.path.is_empty() {
            return;
        }
        let gradient: Vec<Vec<f64>> = self
            .probabilities
            .iter()
            .enumerate()
            .map(|(choice, probabilities)| {
                let mut gradient: Vec<f64> = probabilities.iter().map(|each| -each).collect();
                for (weight, labels) in best.clone() {
                    gradient[labels[choice]] += weight;
                }
                gradient
            })
            .collect();
        let direction = self.direction(&gradient);
        let norm = direction.iter().map(|each| each * each).sum::<f64>().sqrt();
        if norm < 1e-12 {
            return;
        }
        let step = self.length / norm;
        for (probabilities, gradient) in self.probabilities.iter_mut().zip(&gradient) {
            for (probability, slope) in probabilities.iter_mut().zip(gradient) {
                *probability += step * slope;
            }
        }
        self.keep_margin();
        let degrees = self.path.len() as f64;
        let rate = (self.length / degrees.sqrt()).min(1.0);
        let gain = (rate * (2.0 - rate)).sqrt();
        for (path, direction) in self.path.iter_mut().zip(&direction) {
            *path = (1.0 - rate) * *path + gain * direction / norm;
        }
        self.path_weight = (1.0 - rate) * (1.0 - rate) * self.path_weight + gain * gain;
        let squared: f64 = self.path.iter().map(|each| each * each).sum();
        self.length *= exp(rate * (squared / AGREEMENT - self.path_weight));
        self.length = self.length.min(degrees.sqrt());
    }

    /// The gradient where the Fisher information is the identity.
    fn direction(&self, gradient: &[Vec<f64>]) -> Vec<f64> {
        let mut direction = Vec::with_capacity(self.path.len());
        for (probabilities, gradient) in self.probabilities.iter().zip(gradient) {
            let (last, rest) = probabilities.split_last().expect("two labels or more");
            let sum: f64 = gradient[..rest.len()].iter().sum();
            direction.extend(rest.iter().zip(gradient).map(|(probability, slope)| {
                slope / probability.sqrt() + probability.sqrt() * sum / (last + last.sqrt())
            }));
        }
        direction
    }

    /// No label becomes less likely than the margin.
    fn keep_margin(&mut self) {
        let disturbed = 1.0 - pow(UNDISTURBED, 1.0 / self.probabilities.len() as f64);
        for probabilities in &mut self.probabilities {
            let least = disturbed / (probabilities.len() - 1) as f64;
            for each in probabilities.iter_mut() {
                *each = each.max(least);
            }
            let sum: f64 = probabilities.iter().sum();
            let above: f64 = probabilities.iter().map(|each| each - least).sum();
            let share = (1.0 - sum) / above;
            for each in probabilities.iter_mut() {
                *each += share * (*each - least);
            }
        }
    }
}
