//! An exponential that a loop can compute for several numbers at once.
//!
//! Densities are compared, never reported, so eight digits are plenty; and a million of them are
//! summed in one proposal of a long study, where a call of `libm::exp` for each would be most of
//! the time.

/// Beyond this the result is clamped, well before it leaves the range of normal numbers.
const LARGEST: f64 = 700.0;

/// e^x with a relative error below 1e-8, for x clamped to -700..=700.
///
/// 2^n times the Taylor polynomial of degree 7 for the rest, whose size is at most half of
/// ln 2. Additions, multiplications and shifts only: the same bits on every platform.
#[inline(always)]
pub(super) fn exponential(x: f64) -> f64 {
    // Adding it leaves a number rounded to whole ones, in the lowest bits of the mantissa.
    const ROUND: f64 = 6755399441055744.0;
    // The upper part has zeros enough in the end that its product with n is exact.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    let x = if x > -LARGEST { x } else { -LARGEST };
    let x = if x < LARGEST { x } else { LARGEST };
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = (x - whole * LN_2[0]) - whole * LN_2[1];
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + coefficient;
    }
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    sum * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_to_eight_digits() {
        for step in -70_000..=70_000 {
            let x = f64::from(step) * 0.01 + 0.003;
            let x = x.clamp(-LARGEST, LARGEST);
            let exact = libm::exp(x);
            assert!((exponential(x) - exact).abs() <= 1e-8 * exact, "{x}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(-1e300) < 1e-300 && exponential(-1e300) > 0.0);
        assert!(exponential(f64::INFINITY).is_finite());
    }
}
