//! Indicators that are formulas of others, written in the language of strategies.
//!
//! A formula sees its arguments, the prices and the indicators that are computed in `indicators`,
//! and nothing of the strategy.

use super::indicators::{Argument, factor, length, series};

/// A function that stands for an expression.
pub(super) struct Formula {
    pub name: &'static str,
    pub arguments: &'static [Argument],
    pub text: &'static str,
}

const fn formula(
    name: &'static str,
    arguments: &'static [Argument],
    text: &'static str,
) -> Formula {
    Formula { name, arguments, text }
}

const X: Argument = series("x");
const N: Argument = length("n");
const N_9: Argument = length("n").or(9.0);
const N_14: Argument = length("n").or(14.0);
const N_20: Argument = length("n").or(20.0);
const N_26: Argument = length("n").or(26.0);
const FAST: Argument = length("fast").or(12.0);
const SLOW: Argument = length("slow").or(26.0);
const SIGNAL: Argument = length("signal").or(9.0);
const DEVIATIONS: Argument = factor("k").or(2.0);
const K: Argument = length("k").or(3.0);
const D: Argument = length("d").or(3.0);
const SUPERTREND: [Argument; 2] = [length("n").or(10.0), factor("factor").or(3.0)];
const KELTNER: [Argument; 3] = [N_20, factor("k").or(2.0), length("range").or(10.0)];
const BANDS: [Argument; 3] = [X, N_20, DEVIATIONS];
const MACD: [Argument; 4] = [X, FAST, SLOW, SIGNAL];

/// All formulas. What a formula divides by can be zero only where a window stood still; its value
/// is NaN there.
pub(super) const FORMULAS: [Formula; 41] = [
    formula("mom", &[X, N], "x - previous(x, n)"),
    formula("roc", &[X, N], "100 * (x / previous(x, n) - 1)"),
    formula("zscore", &[X, N], "(x - sma(x, n)) / std(x, n)"),
    formula("macd", &[X, FAST, SLOW], "ema(x, fast) - ema(x, slow)"),
    formula("macd_signal", &MACD, "ema(macd(x, fast, slow), signal)"),
    formula("macd_hist", &MACD, "macd(x, fast, slow) - macd_signal(x, fast, slow, signal)"),
    formula("bbands_upper", &BANDS, "sma(x, n) + k * stddev(x, n)"),
    formula("bbands_middle", &[X, N_20], "sma(x, n)"),
    formula("bbands_lower", &BANDS, "sma(x, n) - k * stddev(x, n)"),
    formula(
        "bbands_percent",
        &BANDS,
        "(x - bbands_lower(x, n, k)) / (bbands_upper(x, n, k) - bbands_lower(x, n, k))",
    ),
    formula("bbands_width", &BANDS, "2 * k * stddev(x, n) / sma(x, n)"),
    formula("typical", &[], "(high + low + close) / 3"),
    formula("true_range", &[], "_true_range(high, low, close)"),
    formula("atr", &[N_14], "rma(true_range(), n)"),
    formula("natr", &[N_14], "100 * atr(n) / close"),
    formula("donchian_upper", &[N_20], "highest(high, n)"),
    formula("donchian_middle", &[N_20], "(highest(high, n) + lowest(low, n)) / 2"),
    formula("donchian_lower", &[N_20], "lowest(low, n)"),
    formula("keltner_upper", &KELTNER, "ema(close, n) + k * atr(range)"),
    formula("keltner_middle", &[N_20], "ema(close, n)"),
    formula("keltner_lower", &KELTNER, "ema(close, n) - k * atr(range)"),
    formula(
        "stochf_k",
        &[N_14],
        "100 * (close - lowest(low, n)) / (highest(high, n) - lowest(low, n))",
    ),
    formula("stochf_d", &[N_14, D], "sma(stochf_k(n), d)"),
    formula("stoch_k", &[N_14, K], "sma(stochf_k(n), k)"),
    formula("stoch_d", &[N_14, K, D], "sma(stoch_k(n, k), d)"),
    formula(
        "willr",
        &[N_14],
        "-100 * (highest(high, n) - close) / (highest(high, n) - lowest(low, n))",
    ),
    formula("plus_di", &[N_14], "_plus_di(high, low, close, n)"),
    formula("minus_di", &[N_14], "_minus_di(high, low, close, n)"),
    formula("dx", &[N_14], "_dx(high, low, close, n)"),
    formula("adx", &[N_14], "rma(dx(n), n)"),
    formula("cci", &[N_20], "_cci(typical(), n)"),
    formula("ichimoku_conversion", &[N_9], "donchian_middle(n)"),
    formula("ichimoku_base", &[N_26], "donchian_middle(n)"),
    formula(
        "ichimoku_a",
        &[length("conversion").or(9.0), length("base").or(26.0), length("shift").or(26.0)],
        "previous((donchian_middle(conversion) + donchian_middle(base)) / 2, shift)",
    ),
    formula(
        "ichimoku_b",
        &[length("n").or(52.0), length("shift").or(26.0)],
        "previous(donchian_middle(n), shift)",
    ),
    formula("obv", &[], "_obv(close, volume)"),
    formula("mfi", &[N_14], "_mfi(typical(), volume, n)"),
    formula("vwap", &[], "_vwap(typical(), volume, _session)"),
    formula("rolling_vwap", &[N], "sum(typical() * volume, n) / sum(volume, n)"),
    formula("supertrend", &SUPERTREND, "_supertrend(high, low, close, atr(n), factor)"),
    formula(
        "supertrend_direction",
        &SUPERTREND,
        "_supertrend_direction(high, low, close, atr(n), factor)",
    ),
];
