//! Branin: two variables, three equally good minima.
//!
//! f(x) = (x2 - b x1^2 + c x1 - r)^2 + s (1 - t) cos(x1) + s, with b = 5.1 / (4 pi^2),
//! c = 5 / pi, r = 6, s = 10, t = 1 / (8 pi); domain x1 in [-5, 10], x2 in [0, 15].
//! Minimum 0.39788735772973816 = 10 / (8 pi) at (-pi, 12.275), (pi, 2.275), (3 pi, 2.475).
//!
//! Source: L. C. W. Dixon and G. P. Szego, "Towards Global Optimization 2", North-Holland, 1978.

use std::f64::consts::PI;

/// Writes f(x); x has two values.
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    let bend = 5.1 / (4.0 * PI * PI);
    let slope = 5.0 / PI;
    let valley = x[1] - bend * x[0] * x[0] + slope * x[0] - 6.0;
    f[0] = valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * libm::cos(x[0]) + 10.0;
}
