//! Durations and sizes as a template writes them: `"30s"`, `"2GiB"`.

use search_spaces::{Section, TemplateError};
use std::time::Duration;

const TIMES: [(&str, f64); 4] = [("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0)];
const SIZES: [(&str, f64); 8] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1048576.0),
    ("GiB", 1073741824.0),
    ("TiB", 1099511627776.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
];

/// A century of seconds and a thousand TiB: more is a typing error, and would overflow.
const MOST: f64 = 1e15;

/// A length of time above 0.
pub(super) fn duration(
    section: &mut Section<'_>,
    key: &str,
) -> Result<Option<Duration>, TemplateError> {
    let seconds = read(
        section,
        key,
        &TIMES,
        1e-3,
        3.2e9,
        "a time such as \"500ms\", \"30s\", \"5min\", \"2h\"",
    )?;
    Ok(seconds.map(Duration::from_secs_f64))
}

/// A number of bytes above 0.
pub(super) fn bytes(section: &mut Section<'_>, key: &str) -> Result<Option<u64>, TemplateError> {
    let size = read(section, key, &SIZES, 1.0, MOST, "a size such as \"64KiB\", \"2GiB\"")?;
    Ok(size.map(|size| size as u64))
}

fn read(
    section: &mut Section<'_>,
    key: &str,
    units: &[(&str, f64)],
    least: f64,
    most: f64,
    allowed: &str,
) -> Result<Option<f64>, TemplateError> {
    let Some(text) = section.text(key)? else { return Ok(None) };
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..split].parse::<f64>().ok(), text[split..].trim());
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    let value = number.zip(factor).map(|(number, factor)| number * factor);
    match value.filter(|value| (least..=most).contains(value)) {
        Some(value) => Ok(Some(value)),
        None => Err(section.error(key, format!("{text:?}"), allowed)),
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::Document;

    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        let text = "a = '1.5s'\nb = '64 KiB'\nc = '0s'\nd = '5'\ne = '2GiB'\n";
        let document = Document::parse("t.toml", text).expect("TOML");
        let mut section = document.section();
        assert_eq!(duration(&mut section, "a").unwrap(), Some(Duration::from_millis(1500)));
        assert_eq!(bytes(&mut section, "b").unwrap(), Some(65536));
        assert_eq!(bytes(&mut section, "e").unwrap(), Some(2 << 30));
        assert_eq!(duration(&mut section, "none").unwrap(), None);
        for key in ["c", "d", "e"] {
            let error = duration(&mut section, key).unwrap_err().to_string();
            assert!(error.contains("a time such as"), "{error}");
        }
    }
}
