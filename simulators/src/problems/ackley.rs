//! Ackley: a nearly flat outer region and a hole in the middle, covered with ripples.
//!
//! `f(x) = -20 exp(-0.2 sqrt(mean of x_i^2)) - exp(mean of cos(2 pi x_i)) + 20 + e`, usual domain
//! [-32.768, 32.768]^n, minimum f(0) = 0 (4.4e-16 in floating point).
//!
//! Source: D. H. Ackley, "A Connectionist Machine for Genetic Hillclimbing", Kluwer, 1987.

use std::f64::consts::{E, TAU};

use crate::numbers::real;

/// Writes f(x).
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    let n = real(x.len());
    let square: f64 = x.iter().map(|x| x * x).sum();
    let ripple: f64 = x.iter().map(|x| libm::cos(TAU * x)).sum();
    f[0] = -20.0 * libm::exp(-0.2 * (square / n).sqrt()) - libm::exp(ripple / n) + 20.0 + E;
}
