//! The templates that come with the program.

/// The built-in templates: name and TOML text, sorted by name.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("breakout", include_str!("../templates/breakout.toml")),
    ("ema-crossover", include_str!("../templates/ema-crossover.toml")),
    ("rsi-reversal", include_str!("../templates/rsi-reversal.toml")),
    ("sma-crossover", include_str!("../templates/sma-crossover.toml")),
];

/// The text of the built-in template `name`.
#[must_use]
pub fn template(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
