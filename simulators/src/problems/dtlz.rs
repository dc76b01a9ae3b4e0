//! The DTLZ family: any number M of objectives.
//!
//! The first M - 1 variables place a point on the front, the last k = n - M + 1 its distance g
//! from it. Domain [0, 1]^n.
//!
//! - DTLZ1: `g = 100 (k + sum((x_i - 0.5)^2 - cos(20 pi (x_i - 0.5))))`, 11^k - 1 local fronts;
//!   front at `x_i = 0.5`: the plane `sum(f) = 0.5`.
//! - DTLZ2: `g = sum((x_i - 0.5)^2)`; front at `x_i = 0.5`: the sphere `sum(f^2) = 1`.
//! - DTLZ7: `g = 1 + 9 mean(x_i)`, `f_m = x_m` for m < M and
//!   `f_M = (1 + g) (M - sum over m < M of f_m / (1 + g) (1 + sin(3 pi f_m)))`; front at
//!   `x_i = 0` (g = 1), in 2^(M-1) separate pieces.
//!
//! Source: K. Deb, L. Thiele, M. Laumanns, E. Zitzler, "Scalable Test Problems for Evolutionary
//! Multiobjective Optimization", in "Evolutionary Multiobjective Optimization", Springer, 2005,
//! equations 6.20 (DTLZ1), 6.21 (DTLZ2) and 6.28 (DTLZ7). k counts the distance variables.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::numbers::real;

/// Writes f1..fM of DTLZ1.
pub(super) fn dtlz1(x: &[f64], f: &mut [f64]) {
    let (place, distance) = x.split_at(f.len() - 1);
    let term = |x: &f64| {
        let away = x - 0.5;
        1.0 + away * away - libm::cos(20.0 * PI * away)
    };
    let scale = 0.5 * (1.0 + 100.0 * distance.iter().map(term).sum::<f64>());
    spread(place, f, scale, |x| x, |x| 1.0 - x);
}

/// Writes f1..fM of DTLZ2.
pub(super) fn dtlz2(x: &[f64], f: &mut [f64]) {
    let (place, distance) = x.split_at(f.len() - 1);
    let g: f64 = distance.iter().map(|x| (x - 0.5) * (x - 0.5)).sum();
    let cos = |x: f64| libm::cos(FRAC_PI_2 * x);
    let sin = |x: f64| libm::sin(FRAC_PI_2 * x);
    spread(place, f, 1.0 + g, cos, sin);
}

/// Writes f1..fM of DTLZ7.
pub(super) fn dtlz7(x: &[f64], f: &mut [f64]) {
    let last = f.len() - 1;
    let (place, distance) = x.split_at(last);
    let g = 1.0 + 9.0 * distance.iter().sum::<f64>() / real(distance.len());
    let term = |f: &f64| f / (1.0 + g) * (1.0 + libm::sin(3.0 * PI * f));
    let h = real(f.len()) - place.iter().map(term).sum::<f64>();
    f[..last].copy_from_slice(place);
    f[last] = (1.0 + g) * h;
}

/// `f_m = scale * product of inner(x_i) for i <= M - m, times outer(x_{M-m+1}) from m = 2 on`.
fn spread(
    place: &[f64],
    f: &mut [f64],
    scale: f64,
    inner: impl Fn(f64) -> f64,
    outer: impl Fn(f64) -> f64,
) {
    for (m, f) in f.iter_mut().enumerate() {
        let shared = place.len() - m;
        *f = place[..shared].iter().fold(scale, |f, x| f * inner(*x));
        if m > 0 {
            *f *= outer(place[shared]);
        }
    }
}
