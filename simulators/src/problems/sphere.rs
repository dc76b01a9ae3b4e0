//! The sphere: the easiest problem, convex and separable.
//!
//! `f(x) = sum over i of x_i^2`, usual domain [-5.12, 5.12]^n, minimum f(0) = 0.
//!
//! Source: K. A. De Jong, "An Analysis of the Behavior of a Class of Genetic Adaptive Systems",
//! doctoral thesis, University of Michigan, 1975 (function F1).

/// Writes f(x).
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    f[0] = x.iter().map(|x| x * x).sum();
}
