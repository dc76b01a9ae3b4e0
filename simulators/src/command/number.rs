//! Numbers as programs write them, in JSON and in texts.

use serde_json::Value;

use crate::numbers::canonical;

/// The number of a JSON value: a number, or one of the texts for what JSON has no number for.
#[must_use]
pub fn of_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().map(canonical),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "nan" => Some(f64::NAN),
            "inf" | "infinity" | "+inf" => Some(f64::INFINITY),
            "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// The number of a text, also where Fortran wrote its exponent with a D.
pub(super) fn of_text(text: &str) -> Option<f64> {
    let text = text.trim();
    let fortran = || text.replace(['d', 'D'], "e").parse();
    text.parse().or_else(|_| fortran()).ok().map(canonical)
}

/// Parses a JSON text in which `NaN`, `Infinity` and `-Infinity` may stand for numbers, as
/// Python's `json` writes them.
#[must_use]
pub fn parse_json(text: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(text) {
        return Some(value);
    }
    let text = str::from_utf8(text).ok()?;
    // In JSON, every second piece between quotation marks is a string; escaped marks inside of
    // strings are stepped over.
    let mut out = String::with_capacity(text.len() + 16);
    let mut in_string = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"]
            .into_iter()
            .find(|word| !in_string && rest.starts_with(word));
        let taken = match (word, first) {
            (Some(word), _) => {
                out.push('"');
                out.push_str(word);
                out.push('"');
                rest = &rest[word.len()..];
                continue;
            }
            (None, '\\') if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => first.len_utf8(),
        };
        in_string ^= first == '"';
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    serde_json::from_str(&out).ok()
}

/// One value per metric out of a JSON object.
///
/// # Errors
/// The metrics that are missing or no numbers, by name.
pub fn metrics_of(
    names: &[String],
    object: &serde_json::Map<String, Value>,
) -> Result<Vec<f64>, String> {
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        let Some(value) = object.get(name) else {
            let found: Vec<&str> = object.keys().take(20).map(String::as_str).collect();
            return Err(format!("metric {name} is missing; found: {}", listed(&found)));
        };
        let Some(number) = of_json(value) else {
            let text: String = value.to_string().chars().take(80).collect();
            return Err(format!(
                "metric {name} is {text}, allowed: a number, \"nan\", \"inf\" or \"-inf\""
            ));
        };
        values.push(number);
    }
    Ok(values)
}

pub(super) fn listed(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_tokens_are_numbers_outside_of_strings_only() {
        let text = br#"{"a": NaN, "b": -Infinity, "NaN\" Infinity": "x NaN", "c": [Infinity]}"#;
        let value = parse_json(text).expect("JSON with tokens");
        assert!(of_json(&value["a"]).expect("a number").is_nan());
        assert_eq!(of_json(&value["b"]), Some(f64::NEG_INFINITY));
        assert_eq!(value["NaN\" Infinity"], "x NaN");
        assert_eq!(of_json(&value["c"][0]), Some(f64::INFINITY));
        assert_eq!(parse_json(b"{\"a\": nothing}"), None);
    }

    #[test]
    fn numbers_keep_their_bits() {
        for number in [0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, 123456789.12345679] {
            let text = format!("{number:?}");
            assert_eq!(of_json(&parse_json(text.as_bytes()).unwrap()), Some(number));
            assert_eq!(of_text(&text), Some(number));
        }
        assert_eq!(of_text(" 1.5D+02"), Some(150.0));
        assert_eq!(of_text("twelve"), None);
    }
}
