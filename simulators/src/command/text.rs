//! Texts with placeholders: arguments, environment, standard input and input decks.

use search_spaces::{Parameter, Space};

use super::format::{FORMATS, Format};
use crate::contract::Trial;

/// What placeholders can stand for, beside a trial's own numbers.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// The parameters, whose names come first.
    pub space: &'a Space,
    /// The budget of a whole trial.
    pub budget: Option<u64>,
}

/// How placeholders are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `{name}`; `{{` and `}}` stand for single braces.
    Inline,
    /// `{{ name }}`; single braces are text, as input decks are full of them.
    Deck,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Parameter(usize, Format),
    Seed(Format),
    Trial(Format),
    Budget(Format, u64),
}

/// A text whose placeholders are known to exist.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text(Vec<Piece>);

impl Text {
    /// Reads a text.
    ///
    /// # Errors
    /// What was found and what is allowed, in this order.
    pub(super) fn parse(
        source: &str,
        style: Style,
        names: Names<'_>,
    ) -> Result<Self, (String, String)> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        let (open, close) = match style {
            Style::Inline => ("{", "}"),
            Style::Deck => ("{{", "}}"),
        };
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let doubled = rest.starts_with("{{") || rest.starts_with("}}");
            if style == Style::Inline && doubled {
                literal.push_str(&rest[..1]);
                rest = &rest[2..];
            } else if let Some(after) = rest.strip_prefix(open) {
                let Some(end) = after.find(close) else {
                    let line = rest.lines().next().unwrap_or_default();
                    return Err((format!("{line:?}"), format!("a closing {close:?}")));
                };
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(placeholder(&after[..end], names)?);
                rest = &after[end + close.len()..];
            } else if style == Style::Inline {
                let allowed = "braces in pairs; write {{ or }} for a brace itself";
                return Err((format!("a lone \"}}\" in {source:?}"), allowed.to_owned()));
            } else {
                literal.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }

    /// Whether there is a placeholder in it.
    pub(super) fn varies(&self) -> bool {
        self.0.iter().any(|piece| !matches!(piece, Piece::Literal(_) | Piece::Budget(..)))
    }

    /// The text of one trial.
    pub(super) fn fill(&self, parameters: &[Parameter], trial: &Trial<'_>) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Parameter(index, format) => {
                    let value = trial.point.values()[*index];
                    format.write(&mut out, &parameters[*index], value);
                }
                Piece::Seed(format) => format.pad(&mut out, &trial.seed.to_string()),
                Piece::Trial(format) => format.pad(&mut out, &trial.number.to_string()),
                Piece::Budget(format, whole) => {
                    format.pad(&mut out, &trial.budget(*whole).to_string());
                }
            }
        }
        out
    }
}

fn placeholder(inside: &str, names: Names<'_>) -> Result<Piece, (String, String)> {
    let (name, format) = match inside.split_once(':') {
        Some((name, format)) => (name.trim(), Some(format)),
        None => (inside.trim(), None),
    };
    let format = match format {
        None => Format::PLAIN,
        Some(text) => Format::parse(text).ok_or_else(|| {
            (format!("the number format {:?} of {name}", text.trim()), FORMATS.to_owned())
        })?,
    };
    let Names { space, budget } = names;
    if let Some(index) = space.index_of(name) {
        let parameter = &space.parameters()[index];
        if format.fits(parameter) {
            return Ok(Piece::Parameter(index, format));
        }
        let allowed = "formats for numbers with numbers, d with int parameters only";
        return Err((format!("{{{inside}}}, whose values do not take it"), allowed.to_owned()));
    }
    match (name, budget) {
        ("seed", _) => return Ok(Piece::Seed(format)),
        ("trial", _) => return Ok(Piece::Trial(format)),
        ("budget", Some(budget)) => return Ok(Piece::Budget(format, budget)),
        _ => {}
    }
    let names: Vec<&str> = space.parameters().iter().map(Parameter::name).collect();
    let hint = search_spaces::nearest(name, names.iter().copied())
        .map_or(String::new(), |near| format!(" (did you mean {near}?)"));
    let found = format!("the unknown placeholder {{{name}}}{hint}");
    let budget = if budget.is_some() { "budget" } else { "and budget where that is set" };
    Err((found, format!("{}, seed, trial, {budget}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use search_spaces::{Document, Point, Template, Value};
    use std::path::Path;

    use super::*;

    fn space() -> Space {
        let text = "name = 't'\nsimulator = 'problem'\n[objectives]\nf = 'minimize'\n[space]\n\
             x = { float = [0, 1] }\nn = { int = [1, 9] }\nk = { choice = ['a b', '$(c)'] }\n";
        let document = Document::parse("t.toml", text).expect("TOML");
        Template::read(document, Path::new("")).expect("valid").space
    }

    fn filled(source: &str, style: Style) -> String {
        let space = space();
        let point = Point::new(vec![Value::Float(0.5), Value::Int(7), Value::Label(1)]);
        let names = Names { space: &space, budget: Some(50) };
        let text = Text::parse(source, style, names).expect(source);
        text.fill(space.parameters(), &Trial { number: 3, ..Trial::new(&point, 42) })
    }

    #[test]
    fn both_styles_fill_in_and_keep_their_braces() {
        assert_eq!(
            filled("-x={x} {{n}} {n:03d} {k}/{seed}/{trial:02}/{budget}", Style::Inline),
            "-x=0.5 {n} 007 $(c)/42/03/50"
        );
        assert_eq!(
            filled("{ a } {{x:.2e}} {{ n }} }{ {{ k }}", Style::Deck),
            "{ a } 5.00e-01 7 }{ $(c)"
        );
    }

    #[test]
    fn faults_say_what_is_there_to_choose_from() {
        for (source, found, allowed) in [
            ("{y}", "unknown placeholder {y}", "x, n, k, seed, trial"),
            ("{budget}", "unknown placeholder {budget}", "budget where that is set"),
            ("{x", "\"{x\"", "a closing"),
            ("x}", "a lone \"}\"", "{{ or }}"),
            ("{x:q}", "the number format \"q\" of x", "such as .6e"),
            ("{k:.2f}", "{k:.2f}", "numbers"),
            ("{x:d}", "{x:d}", "int parameters only"),
        ] {
            let names = Names { space: &space(), budget: None };
            let error = Text::parse(source, Style::Inline, names).expect_err(source);
            assert!(error.0.contains(found) && error.1.contains(allowed), "{error:?}");
        }
    }
}
