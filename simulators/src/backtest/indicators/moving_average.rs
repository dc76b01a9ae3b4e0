//! Simple moving average, with the two ways of adding that the setting `summation` names.
//!
//! The last bit of an average decides whether two averages touch or cross, so how it is added is
//! part of the contract.

use multiversion::multiversion;

use crate::numbers::real;

/// "exact": each window added by itself, from its oldest bar to its newest, then divided by the
/// length. No window knows of bars outside it.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn exact(series: &[f64], length: usize) -> Vec<f64> {
    // As many sums as the registers of AVX2 hold beside the bars.
    const BLOCK: usize = 48;
    let mut averages = vec![f64::NAN; series.len()];
    let count = real(length);
    let mut start = 0;
    // Neighbouring windows are added side by side, each in its own order, so that the additions
    // of one window need not wait for each other.
    while start + length + BLOCK <= series.len() + 1 {
        let mut sums = [0.0; BLOCK];
        for offset in 0..length {
            let bars = &series[start + offset..start + offset + BLOCK];
            for (sum, bar) in sums.iter_mut().zip(bars) {
                *sum += bar;
            }
        }
        let first = start + length - 1;
        for (average, sum) in averages[first..first + BLOCK].iter_mut().zip(sums) {
            *average = sum / count;
        }
        start += BLOCK;
    }
    for end in start + length..=series.len() {
        let sum = series[end - length..end].iter().fold(0.0, |a, b| a + b);
        averages[end - 1] = sum / count;
    }
    averages
}

/// The state of a rolling sum: bars enter and leave it one at a time, each side with its own
/// compensation of the rounding (W. Kahan, "Further Remarks on Reducing Truncation Errors",
/// Communications of the ACM 8(1), 1965).
#[derive(Default)]
struct RollingSum {
    sum: f64,
    known: usize,
    negative: usize,
    compensation_in: f64,
    compensation_out: f64,
    last: f64,
    run: usize,
}

impl RollingSum {
    fn add(&mut self, bar: f64) {
        if bar.is_nan() {
            return;
        }
        self.known += 1;
        self.negative += usize::from(bar.is_sign_negative());
        compensated(&mut self.sum, &mut self.compensation_in, bar);
        let again = bar == self.last;
        self.run = if again { self.run + 1 } else { 1 };
        self.last = bar;
    }

    fn remove(&mut self, bar: f64) {
        if bar.is_nan() {
            return;
        }
        self.known -= 1;
        self.negative -= usize::from(bar.is_sign_negative());
        compensated(&mut self.sum, &mut self.compensation_out, -bar);
    }

    fn average(&self, length: usize) -> f64 {
        let average = self.sum / real(length);
        match () {
            () if self.known < length => f64::NAN,
            // Rounding may leave a trace where the result is known: in a run of equal values, and
            // in the sign of values that all have one.
            () if self.run >= length => self.last,
            () if self.negative == 0 && average < 0.0 => 0.0,
            () if self.negative == length && average > 0.0 => 0.0,
            () => average,
        }
    }
}

fn compensated(sum: &mut f64, compensation: &mut f64, term: f64) {
    let mended = term - *compensation;
    let total = *sum + mended;
    *compensation = total - *sum - mended;
    *sum = total;
}

/// "rolling": the rolling mean of pandas, bit for bit: the sum moves along the series with Kahan's
/// compensation, so a window may carry rounding from bars before it.
pub(super) fn rolling(series: &[f64], length: usize) -> Vec<f64> {
    // pandas treats infinities as missing values, and starts windows of one bar afresh.
    let clean = |bar: f64| if bar.is_finite() { bar } else { f64::NAN };
    if length == 1 {
        return series.iter().map(|bar| clean(*bar)).collect();
    }
    let mut state = RollingSum {
        last: series.first().map_or(f64::NAN, |bar| clean(*bar)),
        ..RollingSum::default()
    };
    let mut averages = Vec::with_capacity(series.len());
    for (at, bar) in series.iter().enumerate() {
        if at >= length {
            state.remove(clean(series[at - length]));
        }
        state.add(clean(*bar));
        averages.push(state.average(length));
    }
    averages
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::backtest::data::Price;
    use crate::backtest::read::{BUILT_IN, read};

    #[test]
    fn both_ways_agree_on_whole_numbers_and_know_nothing_at_first() {
        let series: Vec<f64> = (0..200).map(|i| f64::from(i * 7919 % 101)).collect();
        for length in [1, 2, 3, 31, 32, 33, 64, 199, 200] {
            let exact = exact(&series, length);
            let rolling = rolling(&series, length);
            assert!(exact[..length - 1].iter().all(|v| v.is_nan()));
            assert!(rolling[..length - 1].iter().all(|v| v.is_nan()));
            assert_eq!(exact[length - 1..], rolling[length - 1..], "{length}");
            let by_hand = series[..length].iter().sum::<f64>() / real(length);
            assert_eq!(exact[length - 1], by_hand);
        }
    }

    #[test]
    fn windows_with_a_gap_are_unknown_and_later_ones_are_not() {
        let series = [1.0, 2.0, f64::NAN, 3.0, 5.0, 7.0];
        for averages in [exact(&series, 2), rolling(&series, 2)] {
            let known: Vec<bool> = averages.iter().map(|v| !v.is_nan()).collect();
            assert_eq!(known, [false, true, false, false, true, true]);
            assert_eq!(averages[5], 6.0);
        }
    }

    /// Digests of `pandas.Series(series).rolling(n).mean()` of pandas 3.1.1 on the built-in data:
    /// the bits of all values, NaN as zero, folded with rotations and multiplications.
    #[rustfmt::skip]
    const PANDAS: [(&str, &str, usize, u64); 40] = [
        ("AAPL", "adjusted", 1, 0x4fb4_614a_2977_5c73),
        ("AAPL", "adjusted", 2, 0xa64a_da62_0255_d08d),
        ("AAPL", "adjusted", 10, 0x329f_4508_9944_bcdf),
        ("AAPL", "adjusted", 30, 0xf376_0503_7fb1_f353),
        ("AAPL", "adjusted", 200, 0xd032_36b6_3837_8d64),
        ("AAPL", "volume", 1, 0xf167_3351_1d85_eb78),
        ("AAPL", "volume", 2, 0x7f48_1b57_cf86_bff7),
        ("AAPL", "volume", 10, 0xa8f2_5f4e_011c_eb08),
        ("AAPL", "volume", 30, 0x2d28_e502_a41c_a53f),
        ("AAPL", "volume", 200, 0x90bb_1b8e_e778_2a49),
        ("AAPL", "change", 1, 0x8177_9735_5619_82e9),
        ("AAPL", "change", 2, 0xdaef_198f_43b6_ff5e),
        ("AAPL", "change", 10, 0x7918_ebfc_fc31_54e3),
        ("AAPL", "change", 30, 0x9c19_c6b6_46e4_7bcf),
        ("AAPL", "change", 200, 0x4e32_d5c1_8ead_847d),
        ("AAPL", "sign", 1, 0x9026_3106_1cf7_d0ed),
        ("AAPL", "sign", 2, 0x9a15_bf04_259c_f816),
        ("AAPL", "sign", 10, 0x984c_8ef2_84ea_8634),
        ("AAPL", "sign", 30, 0x35a7_2e3e_5e3f_1100),
        ("AAPL", "sign", 200, 0xbcaa_3a20_214f_127c),
        ("GOOG", "adjusted", 1, 0x599f_e9d4_ab64_d72c),
        ("GOOG", "adjusted", 2, 0x8418_35f0_bbd9_2184),
        ("GOOG", "adjusted", 10, 0x17f8_97b3_75ab_79ce),
        ("GOOG", "adjusted", 30, 0x3bc9_eddc_9ac5_7165),
        ("GOOG", "adjusted", 200, 0xa028_69aa_b58a_dc87),
        ("GOOG", "volume", 1, 0x36cf_64b2_8ed9_b88d),
        ("GOOG", "volume", 2, 0xf27b_5e9e_2f90_f05c),
        ("GOOG", "volume", 10, 0xd249_b23b_8b00_f6ea),
        ("GOOG", "volume", 30, 0x19cf_655e_97d7_eadf),
        ("GOOG", "volume", 200, 0xc68c_ac75_c638_5233),
        ("GOOG", "change", 1, 0xcabd_db27_a8bd_8539),
        ("GOOG", "change", 2, 0x2c36_ce3f_859b_bce5),
        ("GOOG", "change", 10, 0xccf8_1ab2_3d60_ce15),
        ("GOOG", "change", 30, 0x1ec1_707c_21e3_8291),
        ("GOOG", "change", 200, 0x4751_da4f_1442_b6c1),
        ("GOOG", "sign", 1, 0x4dc1_f8cc_396e_2ecb),
        ("GOOG", "sign", 2, 0x660d_c456_773d_8de4),
        ("GOOG", "sign", 10, 0xad57_af41_1f5c_bb98),
        ("GOOG", "sign", 30, 0x6e1b_6a56_51bb_97c5),
        ("GOOG", "sign", 200, 0x89f0_ec9f_51b2_4029),
    ];

    #[test]
    fn rolling_is_the_rolling_mean_of_pandas_bit_for_bit() {
        let all = read(BUILT_IN, Path::new("")).expect("valid");
        for (symbol, name, length, expected) in PANDAS {
            let raw = all.iter().find(|series| series.symbol == symbol);
            let raw = raw.expect("built in");
            let mut adjusted = raw.clone();
            adjusted.adjust();
            let bars = raw.price(Price::Close).iter().zip(raw.price(Price::Open));
            let change = bars.map(|(close, open)| close - open);
            let series: Vec<f64> = match name {
                "adjusted" => adjusted.price(Price::Close).to_vec(),
                "volume" => raw.price(Price::Volume).to_vec(),
                "change" => change.collect(),
                _ => change.map(|c| if c == 0.0 { 0.0 } else { c.signum() }).collect(),
            };
            let digest = rolling(&series, length).iter().fold(0_u64, |digest, value| {
                let bits = if value.is_nan() { 0 } else { value.to_bits() };
                (digest.rotate_left(5) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
            assert_eq!(digest, expected, "{symbol} {name} {length}");
        }
    }
}
