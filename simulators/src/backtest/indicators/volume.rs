//! Indicators that weigh prices by volume.

use super::window::over_windows;

/// On-balance volume: the volume of the first bar, then that of each bar added where the close
/// rose, and taken off where it fell.
///
/// Source: J. E. Granville, "Granville's New Key to Stock Market Profits", Prentice-Hall, 1963.
pub(super) fn on_balance(close: &[f64], volume: &[f64]) -> Vec<f64> {
    let mut balance = 0.0;
    let mut before = f64::NEG_INFINITY;
    let step = |(close, volume): (&f64, &f64)| {
        if *close > before {
            balance += volume;
        } else if *close < before {
            balance -= volume;
        }
        before = *close;
        balance
    };
    close.iter().zip(volume).map(step).collect()
}

/// The money flow index: 100 times the flow (typical price times volume) of bars that rose, divided
/// by that of all bars that rose or fell, over the last n changes; 50 where there was none. Known
/// from bar n on.
///
/// Source: G. Quong, A. Soudack, "Volume-Weighted RSI: Money Flow", Technical Analysis of Stocks &
/// Commodities 7(3), 1989.
pub(super) fn money_flow(typical: &[f64], volume: &[f64], length: usize) -> Vec<f64> {
    // A flow with the sign of its change; the first bar has none.
    let mut flows = vec![0.0; typical.len()];
    for bar in 1..typical.len() {
        let flow = typical[bar] * volume[bar];
        let change = typical[bar] - typical[bar - 1];
        flows[bar] = match () {
            () if change > 0.0 => flow,
            () if change < 0.0 => -flow,
            () => 0.0,
        };
    }
    let mut index = over_windows(&flows, length, |window| {
        let (mut risen, mut fallen) = (0.0, 0.0);
        for flow in window {
            if *flow < 0.0 {
                fallen -= flow;
            } else {
                risen += flow;
            }
        }
        if risen + fallen == 0.0 { 50.0 } else { 100.0 * (risen / (risen + fallen)) }
    });
    if let Some(first) = index.get_mut(length - 1) {
        *first = f64::NAN;
    }
    index
}

/// The volume-weighted average price since the session began; NaN while no volume has been traded.
/// A session is a run of bars with the same number.
pub(super) fn session_vwap(typical: &[f64], volume: &[f64], session: &[f64]) -> Vec<f64> {
    let (mut value, mut traded) = (0.0, 0.0);
    let mut last = f64::NAN;
    let step = |bar: usize| {
        if session[bar] != last {
            (value, traded, last) = (0.0, 0.0, session[bar]);
        }
        value += typical[bar] * volume[bar];
        traded += volume[bar];
        if traded > 0.0 { value / traded } else { f64::NAN }
    };
    (0..typical.len()).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: [f64; 5] = [4.0, 6.0, 6.0, 5.0, 8.0];
    const VOLUME: [f64; 5] = [1.0, 3.0, 0.0, 2.0, 1.0];

    #[test]
    fn volume_counts_with_the_change_of_the_price() {
        assert_eq!(on_balance(&PRICE, &VOLUME), [1.0, 4.0, 4.0, 2.0, 3.0]);
        let flow = money_flow(&PRICE, &VOLUME, 2);
        assert!(flow[0].is_nan() && flow[1].is_nan());
        assert_eq!(flow[2..], [100.0, 0.0, 100.0 * (8.0 / 18.0)]);
        assert_eq!(money_flow(&[5.0; 3], &[1.0; 3], 1)[1..], [50.0, 50.0]);
    }

    #[test]
    fn a_session_begins_afresh() {
        let vwap = session_vwap(&PRICE, &VOLUME, &[0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(vwap[..2], [4.0, 22.0 / 4.0]);
        assert!(vwap[2].is_nan());
        assert_eq!(vwap[3..], [5.0, 18.0 / 3.0]);
    }
}
