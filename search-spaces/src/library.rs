//! The templates that come with the program.

/// The built-in templates: name and TOML text, sorted by name.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("bollinger-reversion", include_str!("../templates/bollinger-reversion.toml")),
    ("breakout", include_str!("../templates/breakout.toml")),
    ("ema-crossover", include_str!("../templates/ema-crossover.toml")),
    ("ladder-exits", include_str!("../templates/ladder-exits.toml")),
    ("macd-trend", include_str!("../templates/macd-trend.toml")),
    ("momentum-rotation", include_str!("../templates/momentum-rotation.toml")),
    ("multi-timeframe", include_str!("../templates/multi-timeframe.toml")),
    ("pairs", include_str!("../templates/pairs.toml")),
    ("rsi-reversal", include_str!("../templates/rsi-reversal.toml")),
    ("sma-crossover", include_str!("../templates/sma-crossover.toml")),
    ("stochastic-swing", include_str!("../templates/stochastic-swing.toml")),
    ("supertrend", include_str!("../templates/supertrend.toml")),
    ("trailing-stop", include_str!("../templates/trailing-stop.toml")),
    ("turtle", include_str!("../templates/turtle.toml")),
    ("volatility-target", include_str!("../templates/volatility-target.toml")),
];

/// The text of the built-in template `name`.
#[must_use]
pub fn template(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
