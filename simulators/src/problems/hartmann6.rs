//! Hartmann's function of six variables: six local minima in a smooth landscape.
//!
//! `f(x) = - sum over i = 1..4 of alpha_i exp(- sum over j = 1..6 of A_ij (x_j - P_ij)^2)`,
//! domain [0, 1]^6. Minimum -3.322368011415515 at (0.20169, 0.150011, 0.476874, 0.275332,
//! 0.311652, 0.6573).
//!
//! Source: L. C. W. Dixon and G. P. Szego, "Towards Global Optimization 2", North-Holland, 1978.

const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];

const A: [[f64; 6]; 4] = [
    [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
    [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
    [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
    [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
];

const P: [[f64; 6]; 4] = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

/// Writes f(x); x has six values.
pub(super) fn evaluate(x: &[f64], f: &mut [f64]) {
    f[0] = 0.0;
    for i in 0..4 {
        let distance: f64 = (0..6).map(|j| A[i][j] * (x[j] - P[i][j]) * (x[j] - P[i][j])).sum();
        f[0] -= ALPHA[i] * libm::exp(-distance);
    }
}
