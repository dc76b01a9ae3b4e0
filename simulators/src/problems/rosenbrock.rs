//! Rosenbrock: a curved narrow valley, easy to find and slow to follow.
//!
//! `f(x) = sum over i = 1..n-1 of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2`, usual domain
//! [-2.048, 2.048]^n, minimum f(1, .., 1) = 0.
//!
//! Source: H. H. Rosenbrock, "An Automatic Method for Finding the Greatest or Least Value of a
//! Function", The Computer Journal 3(3), 1960; in n variables as used by De Jong, 1975.

/// Writes f(x); x has at least two values.
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    let step = |pair: &[f64]| {
        let valley = pair[1] - pair[0] * pair[0];
        let along = 1.0 - pair[0];
        100.0 * valley * valley + along * along
    };
    f[0] = x.windows(2).map(step).sum();
}
