//! Supertrend: a line that trails the price by a multiple of the average true range, below it in an
//! uptrend and above it in a downtrend.
//!
//! The bands `(high + low) / 2 ± factor × atr` may only come nearer to the price while the close
//! before was within them. The trend begins downward, as `TradingView`'s does, and turns where the
//! close passes the band that is in force.

/// The line, and the direction of the trend: 1 up, -1 down. Both are known from the bar on from
/// which the average true range is.
pub(super) struct Bands {
    pub line: Vec<f64>,
    pub direction: Vec<f64>,
}

impl Bands {
    /// From high, low, close and the average true range.
    pub(super) fn of(series: &[&[f64]], factor: f64) -> Self {
        let [high, low, close, atr] = series[..] else {
            unreachable!("the definition has four series");
        };
        let bars = high.len();
        let mut bands = Self { line: vec![f64::NAN; bars], direction: vec![f64::NAN; bars] };
        let (mut lower, mut upper, mut direction) = (f64::NAN, f64::NAN, -1.0);
        for bar in 0..bars {
            let (middle, width) = (f64::midpoint(high[bar], low[bar]), factor * atr[bar]);
            if width.is_nan() {
                (lower, upper, direction) = (f64::NAN, f64::NAN, -1.0);
                continue;
            }
            let (below, above) = (middle - width, middle + width);
            let is_first = lower.is_nan();
            // No bar comes before the first one, so the closes are not looked at there.
            if is_first || below > lower || close[bar - 1] < lower {
                lower = below;
            }
            if is_first || above < upper || close[bar - 1] > upper {
                upper = above;
            }
            if direction > 0.0 && close[bar] < lower {
                direction = -1.0;
            } else if direction < 0.0 && close[bar] > upper {
                direction = 1.0;
            }
            bands.direction[bar] = direction;
            bands.line[bar] = if direction > 0.0 { lower } else { upper };
        }
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_trails_the_price_and_the_trend_turns_where_it_is_passed() {
        let close = [10.0, 13.0, 16.0, 15.0, 11.0, 14.0];
        let atr = [f64::NAN, 2.0, 2.0, 2.0, 2.0, 2.0];
        let bands = Bands::of(&[&close, &close, &close, &atr], 1.0);
        assert!(bands.line[0].is_nan() && bands.direction[0].is_nan());
        assert_eq!(bands.direction[1..], [-1.0, 1.0, 1.0, -1.0, 1.0]);
        // 15 is the first band above; 14 below does not fall back to 13; 13 above; 12 below.
        assert_eq!(bands.line[1..], [15.0, 14.0, 14.0, 13.0, 12.0]);
    }
}
