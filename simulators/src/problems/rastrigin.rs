//! Rastrigin: a bowl covered with a regular grid of local minima.
//!
//! `f(x) = 10 n + sum over i of (x_i^2 - 10 cos(2 pi x_i))`, usual domain [-5.12, 5.12]^n, minimum
//! f(0) = 0.
//!
//! Source: L. A. Rastrigin, "Systems of Extremal Control", Nauka, 1974; in n variables:
//! H. Muehlenbein, D. Schomisch, J. Born, "The Parallel Genetic Algorithm as Function Optimizer",
//! Parallel Computing 17, 1991.

use std::f64::consts::TAU;

/// Writes f(x).
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    let term = |x: &f64| 10.0 + x * x - 10.0 * libm::cos(TAU * x);
    f[0] = x.iter().map(term).sum();
}
