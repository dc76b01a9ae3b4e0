//! The ZDT family: two objectives, with one difficulty each.
//!
//! All but ZDT6 have f1 = x1; all have f2 = g h, where g >= 1 depends on x2..xn only and the
//! front is at g = 1, that is x2 = .. = xn = 0.
//!
//! | problem | g | h | front (f1 in [0, 1]) |
//! |---|---|---|---|
//! | ZDT1 | 1 + 9 mean(x2..xn) | 1 - sqrt(f1 / g) | f2 = 1 - sqrt(f1), convex |
//! | ZDT2 | as ZDT1 | 1 - (f1 / g)^2 | f2 = 1 - f1^2, concave |
//! | ZDT3 | as ZDT1 | 1 - sqrt(f1 / g) - (f1 / g) sin(10 pi f1) | five separate pieces |
//! | ZDT4 | `1 + 10 (n - 1) + sum(x_i^2 - 10 cos(4 pi x_i))` | as ZDT1 | as ZDT1; 21^9 local |
//! | ZDT6 | 1 + 9 mean(x2..xn)^0.25 | 1 - (f1 / g)^2 | as ZDT2 with f1 >= 0.2807753191, biased |
//!
//! ZDT6 has f1 = 1 - exp(-4 x1) sin(6 pi x1)^6. Domain [0, 1]^n, but x2..xn in [-5, 5] for ZDT4.
//!
//! Source: E. Zitzler, K. Deb, L. Thiele, "Comparison of Multiobjective Evolutionary Algorithms:
//! Empirical Results", Evolutionary Computation 8(2), 2000, equations 7 to 10 and 12.

use std::f64::consts::PI;

use crate::numbers::real;

/// Writes f1 and f2 of ZDT1.
pub(super) fn zdt1(x: &[f64], f: &mut [f64]) {
    let g = linear_g(x);
    f[0] = x[0];
    f[1] = g * (1.0 - (x[0] / g).sqrt());
}

/// Writes f1 and f2 of ZDT2.
pub(super) fn zdt2(x: &[f64], f: &mut [f64]) {
    let g = linear_g(x);
    f[0] = x[0];
    f[1] = g * (1.0 - (x[0] / g) * (x[0] / g));
}

/// Writes f1 and f2 of ZDT3.
pub(super) fn zdt3(x: &[f64], f: &mut [f64]) {
    let g = linear_g(x);
    let ratio = x[0] / g;
    f[0] = x[0];
    f[1] = g * (1.0 - ratio.sqrt() - ratio * libm::sin(10.0 * PI * x[0]));
}

/// Writes f1 and f2 of ZDT4.
pub(super) fn zdt4(x: &[f64], f: &mut [f64]) {
    let term = |x: &f64| 10.0 + x * x - 10.0 * libm::cos(4.0 * PI * x);
    let g = 1.0 + x[1..].iter().map(term).sum::<f64>();
    f[0] = x[0];
    f[1] = g * (1.0 - (x[0] / g).sqrt());
}

/// Writes f1 and f2 of ZDT6.
pub(super) fn zdt6(x: &[f64], f: &mut [f64]) {
    let sine = libm::sin(6.0 * PI * x[0]);
    let cube = sine * sine * sine;
    let g = 1.0 + 9.0 * mean_of_rest(x).sqrt().sqrt();
    f[0] = 1.0 - libm::exp(-4.0 * x[0]) * cube * cube;
    f[1] = g * (1.0 - (f[0] / g) * (f[0] / g));
}

fn linear_g(x: &[f64]) -> f64 {
    1.0 + 9.0 * mean_of_rest(x)
}

fn mean_of_rest(x: &[f64]) -> f64 {
    x[1..].iter().sum::<f64>() / real(x.len() - 1)
}
