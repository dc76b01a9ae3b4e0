//! How values are written into texts: `{x}`, `{x:.6e}`, `{n:04d}`.

use search_spaces::{Domain, Parameter, Value};

/// A width or precision beyond this is certainly a typing error.
const MOST: usize = 64;

/// The formats, for messages.
pub(super) const FORMATS: &str = "[-|0][width][.precision][d|f|e|E|g], such as .6e, 10.3f or 04d";

/// The notation of a number, as the letters of C's `printf` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// The shortest text that reads back to the same number.
    Shortest,
    /// `d`: a whole number.
    Whole,
    /// `f`: digits after the point, no exponent.
    Fixed,
    /// `e` or `E`: one digit before the point and an exponent of two digits or more.
    Exponent { upper: bool },
    /// `g`: the shorter of both, without trailing zeros.
    General,
}

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    left: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    notation: Notation,
}

impl Format {
    /// The shortest exact text, as it is.
    pub(super) const PLAIN: Self =
        Self { left: false, zeros: false, width: 0, precision: None, notation: Notation::Shortest };

    /// Reads what stands after the colon; none where it is no format.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut format = Self::PLAIN;
        let mut rest = text.trim();
        if let Some(after) = rest.strip_prefix('-') {
            (format.left, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix('0') {
            (format.zeros, rest) = (true, after);
        }
        (format.width, rest) = match number(rest) {
            Some(found) => found,
            None => (0, rest),
        };
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = number(after)?;
            (format.precision, rest) = (Some(precision), after);
        }
        format.notation = match rest {
            "" => Notation::Shortest,
            "d" => Notation::Whole,
            "f" => Notation::Fixed,
            "e" => Notation::Exponent { upper: false },
            "E" => Notation::Exponent { upper: true },
            "g" => Notation::General,
            _ => return None,
        };
        let digits = matches!(
            format.notation,
            Notation::Fixed | Notation::Exponent { .. } | Notation::General
        );
        let sensible = format.width <= MOST
            && format.precision.is_none_or(|precision| precision <= MOST && digits);
        sensible.then_some(format)
    }

    /// Whether values of this parameter can be written so.
    pub(super) fn fits(self, parameter: &Parameter) -> bool {
        match (parameter.domain(), self.notation) {
            (Domain::Int { .. }, _) | (_, Notation::Shortest) => {
                !self.zeros || is_number(parameter.domain())
            }
            (Domain::Float { .. }, notation) => notation != Notation::Whole,
            _ => false,
        }
    }

    /// Writes a value; nothing but the padding where the parameter is inactive.
    pub(super) fn write(self, out: &mut String, parameter: &Parameter, value: Value) {
        let text = match (value, self.notation) {
            (Value::Inactive, _) => String::new(),
            (Value::Float(number), Notation::Shortest) => shortest(number),
            (Value::Int(_) | Value::Label(_) | Value::Bool(_), Notation::Shortest)
            | (_, Notation::Whole) => parameter.text(value),
            (_, notation) => {
                let number = value.as_number().expect("active");
                self.digits(notation, number)
            }
        };
        self.pad(out, &text);
    }

    fn digits(self, notation: Notation, number: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        match notation {
            Notation::Exponent { upper } => exponent(number, precision, upper),
            Notation::General => general(number, precision.max(1)),
            _ => format!("{number:.precision$}"),
        }
    }

    /// Pads a text to the width.
    pub(super) fn pad(self, out: &mut String, text: &str) {
        let missing = self.width.saturating_sub(text.chars().count());
        let padding = |out: &mut String, with: char| (0..missing).for_each(|_| out.push(with));
        if self.left {
            out.push_str(text);
            padding(out, ' ');
        } else if self.zeros {
            let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
            out.push_str(sign);
            padding(out, '0');
            out.push_str(digits);
        } else {
            padding(out, ' ');
            out.push_str(text);
        }
    }
}

fn is_number(domain: &Domain) -> bool {
    matches!(domain, Domain::Float { .. } | Domain::Int { .. })
}

/// The number that a text begins with, and the rest.
fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The shortest text that reads back to the same bits, with a point or an exponent.
pub(super) fn shortest(number: f64) -> String {
    format!("{number:?}")
}

/// C's `%.Pe`: Rust writes exponents without sign and leading zero, which Fortran programs and
/// fixed columns do not expect.
fn exponent(number: f64, precision: usize, upper: bool) -> String {
    let text = format!("{number:.precision$e}");
    let Some((mantissa, power)) = text.split_once('e') else { return text };
    let power: i32 = power.parse().expect("an exponent is a whole number");
    let sign = if power < 0 { '-' } else { '+' };
    let letter = if upper { 'E' } else { 'e' };
    format!("{mantissa}{letter}{sign}{:02}", power.abs())
}

/// C's `%.Pg`.
fn general(number: f64, precision: usize) -> String {
    let text = exponent(number, precision - 1, false);
    let Some((mantissa, power)) = text.split_once('e') else { return text };
    let power: i64 = power.parse().expect("an exponent is a whole number");
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let digits = i64::try_from(precision).expect("a precision is small");
    if power < -4 || power >= digits {
        return format!("{}e{}", trimmed(mantissa), &text[mantissa.len() + 1..]);
    }
    let after = usize::try_from(digits - 1 - power).expect("the exponent is below the digits");
    trimmed(&format!("{number:.after$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &str, number: f64) -> String {
        let format = Format::parse(format).expect(format);
        let domain = Domain::Float {
            low: -1e9,
            high: 1e9,
            scale: search_spaces::Scale::Linear,
            step: None,
            points: None,
        };
        let mut out = String::new();
        format.write(&mut out, &Parameter::new("x", domain), Value::Float(number));
        out
    }

    #[test]
    fn numbers_are_written_as_printf_writes_them() {
        for (format, number, expected) in [
            ("", 0.1, "0.1"),
            ("", 1e-7, "1e-7"),
            (".6e", 12345.678, "1.234568e+04"),
            (".2E", -1.5e-120, "-1.50E-120"),
            ("10.3f", 2.0 / 3.0, "     0.667"),
            ("-8.1f", 2.55, "2.5     "),
            ("08.2f", -3.25159, "-0003.25"),
            ("g", 100000.0, "100000"),
            ("g", 1000000.0, "1e+06"),
            ("g", 0.0001, "0.0001"),
            ("g", 0.00001234, "1.234e-05"),
            (".3g", 999.9, "1e+03"),
            ("e", 0.0, "0.000000e+00"),
        ] {
            assert_eq!(written(format, number), expected, "{format} of {number}");
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for text in ["x", ".", ".f", "3.2", "3.2d", "999f", "5 5f", ".99e"] {
            assert_eq!(Format::parse(text), None, "{text}");
        }
    }
}
