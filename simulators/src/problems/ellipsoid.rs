//! Ellipsoid: convex and separable, but a million times steeper along the last axis than along
//! the first, so that steps of one length suit none of them.
//!
//! `f(x) = sum over i = 1..n of 10^(6 (i - 1) / (n - 1)) x_i^2`, usual domain [-5, 5]^n, minimum
//! f(0) = 0. In one variable it is the sphere.
//!
//! Source: N. Hansen, A. Ostermeier, "Completely Derandomized Self-Adaptation in Evolution
//! Strategies", Evolutionary Computation 9(2), 2001 (function elli); f2 of the BBOB suite without
//! its transformations.

use crate::numbers::real;

/// Writes f(x).
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    let last = real(x.len().max(2) - 1);
    let term = |(i, x): (usize, &f64)| libm::pow(10.0, 6.0 * real(i) / last) * x * x;
    f[0] = x.iter().enumerate().map(term).sum();
}
