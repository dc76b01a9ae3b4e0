//! A template as it was written: values that know the file and line they came from.
//!
//! Reading a template has two stages. This one knows TOML, overrides and positions, and nothing
//! of what the keys mean; the second ([`crate::Template`], and each simulator for its own table)
//! reads a [`Section`] key by key, and [`Section::finish`] refuses whatever nobody asked for.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::TemplateError;
use crate::section::Section;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub file: String,
    pub line: Option<u32>,
}

/// A value of a template and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub kind: Kind,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// A whole template file, with the overrides of the command line laid over it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub(crate) root: Node,
}

impl Document {
    /// Parses TOML text; `file` is the name that messages use.
    ///
    /// # Errors
    /// The TOML syntax error, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, TemplateError> {
        let lines = LineIndex::new(text);
        let table = DeTable::parse(text).map_err(|error| TemplateError {
            file: file.to_owned(),
            line: error.span().map(|span| lines.line_of(span.start)),
            key: String::new(),
            found: format!("a syntax error ({})", error.message().replace('\n', ", ")),
            allowed: "TOML".to_owned(),
            excerpt: None,
        })?;
        let origin = Origin { file: file.to_owned(), line: None };
        let entries = table_entries(table.get_ref(), file, &lines)?;
        Ok(Self { root: Node { kind: Kind::Table(entries), origin } })
    }

    /// Lays `key=value` over the document, as the option `--set` does. The key is dotted from
    /// the root (`backtest.commission`); the value is TOML, and a bare word is taken as text.
    ///
    /// # Errors
    /// No `=`, an empty key, a value that is not TOML, or a key that runs through a value that
    /// is no table.
    pub fn set(&mut self, assignment: &str) -> Result<(), TemplateError> {
        self.set_from(&format!("--set {assignment}"), assignment)
    }

    /// The same for what was written elsewhere, which messages call `source`.
    ///
    /// # Errors
    /// As [`Document::set`].
    pub fn set_from(&mut self, source: &str, assignment: &str) -> Result<(), TemplateError> {
        let fault = |found: &str, allowed: &str| TemplateError {
            file: source.to_owned(),
            line: None,
            key: String::new(),
            found: found.to_owned(),
            allowed: allowed.to_owned(),
            excerpt: None,
        };
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| fault("no '='", "key=value, such as backtest.commission=0.001"))?;
        let path: Vec<&str> = key.trim().split('.').map(str::trim).collect();
        if path.iter().any(|part| part.is_empty()) {
            return Err(fault("an empty key", "a dotted key, such as backtest.commission"));
        }
        let origin = Origin { file: source.to_owned(), line: None };
        let kind = parse_value(value.trim())
            .map_err(|found| fault(&found, "a TOML value, such as 3, [1, 9] or \"text\""))?;
        let Some(node) = entry_at(&mut self.root, &path, &origin) else {
            return Err(fault("a key that runs through a value", "a key inside a table"));
        };
        *node = Node { kind, origin: origin.clone() };
        stamp(node, &origin);
        Ok(())
    }

    /// The document as a section to read.
    #[must_use]
    pub fn section(&self) -> Section<'_> {
        Section::new(String::new(), &self.root)
    }

    /// The document, overrides included, as TOML text that parses to the same values.
    #[must_use]
    pub fn to_toml(&self) -> String {
        self.to_toml_without(&[])
    }

    /// Like [`Document::to_toml`], leaving out some of the top-level keys.
    #[must_use]
    pub fn to_toml_without(&self, keys: &[&str]) -> String {
        let kept = self.entries().iter().filter(|(key, _)| !keys.contains(&key.as_str()));
        kept.map(|(key, node)| format!("{} = {node}\n", quoted_key(key))).collect()
    }

    /// Takes the top-level keys that are absent here from another document.
    pub fn fill_from(&mut self, other: &Self) {
        let missing: Vec<_> = other
            .entries()
            .iter()
            .filter(|(key, _)| self.entries().iter().all(|(known, _)| known != key))
            .cloned()
            .collect();
        if let Kind::Table(entries) = &mut self.root.kind {
            entries.extend(missing);
        }
    }

    fn entries(&self) -> &[(String, Node)] {
        match &self.root.kind {
            Kind::Table(entries) => entries,
            _ => &[],
        }
    }
}

/// The place of a key that is given as its path, made where it is absent; none where the path
/// runs through a value that is no table.
pub(crate) fn entry_at<'a>(
    root: &'a mut Node,
    path: &[&str],
    origin: &Origin,
) -> Option<&'a mut Node> {
    let mut node = root;
    for part in path {
        let Kind::Table(entries) = &mut node.kind else { return None };
        let index = entries.iter().position(|(name, _)| name == part).unwrap_or_else(|| {
            let table = Node { kind: Kind::Table(Vec::new()), origin: origin.clone() };
            entries.push(((*part).to_owned(), table));
            entries.len() - 1
        });
        node = &mut entries[index].1;
    }
    Some(node)
}

fn stamp(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(|item| stamp(item, origin)),
        Kind::Table(entries) => entries.iter_mut().for_each(|(_, item)| stamp(item, origin)),
        _ => {}
    }
}

fn parse_value(text: &str) -> Result<Kind, String> {
    let line = format!("value = {text}");
    let read = |line: &str| {
        let lines = LineIndex::new(line);
        let table = DeTable::parse(line).ok()?;
        let mut entries = table_entries(table.get_ref(), "", &lines).ok()?;
        (entries.len() == 1).then(|| entries.remove(0).1.kind)
    };
    let bare = !text.is_empty() && !text.contains(['"', '[', '{', '\'', '=', '\n']);
    read(&line)
        .or_else(|| bare.then(|| Kind::Text(text.to_owned())))
        .ok_or_else(|| format!("{text:?}"))
}

fn table_entries(
    table: &DeTable<'_>,
    file: &str,
    lines: &LineIndex,
) -> Result<Vec<(String, Node)>, TemplateError> {
    // The parser sorts keys; the order of writing carries meaning (objectives are in order of
    // importance, parameters in order of their columns), and the spans give it back.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
        .into_iter()
        .map(|(key, value)| Ok((key.get_ref().to_string(), node_of(key, value, file, lines)?)))
        .collect()
}

fn node_of(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    file: &str,
    lines: &LineIndex,
) -> Result<Node, TemplateError> {
    let line = lines.line_of(value.span().start);
    let origin = Origin { file: file.to_owned(), line: Some(line) };
    let fault = |found: String, allowed: &str| TemplateError {
        file: file.to_owned(),
        line: Some(line),
        key: key.get_ref().to_string(),
        found,
        allowed: allowed.to_owned(),
        excerpt: None,
    };
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Boolean(value) => Kind::Boolean(*value),
        DeValue::Integer(number) => Kind::Integer(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| fault(number.to_string(), "a whole number of 64 bits"))?,
        ),
        DeValue::Float(number) => Kind::Number(
            number.as_str().parse().map_err(|_| fault(number.to_string(), "a number"))?,
        ),
        DeValue::Datetime(date) => Kind::Text(date.to_string()),
        DeValue::Array(items) => Kind::Array(
            items.iter().map(|item| node_of(key, item, file, lines)).collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Kind::Table(table_entries(table, file, lines)?),
    };
    Ok(Node { kind, origin })
}

struct LineIndex(Vec<usize>);

impl LineIndex {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line_of(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|newline| *newline < offset) + 1).unwrap_or(u32::MAX)
    }
}

/// Text in the quotes of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

fn quoted_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

/// A node displays as the TOML value that it was read from, tables inline.
impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Text(text) => out.write_str(&quoted(text)),
            Kind::Integer(value) => write!(out, "{value}"),
            Kind::Number(value) if value.is_nan() => out.write_str("nan"),
            Kind::Number(value) if value.is_infinite() => {
                out.write_str(if *value > 0.0 { "inf" } else { "-inf" })
            }
            // `Debug` prints the shortest text that reads back to the same bits, and always
            // with a point or an exponent, as TOML wants it.
            Kind::Number(value) => write!(out, "{value:?}"),
            Kind::Boolean(value) => write!(out, "{value}"),
            Kind::Array(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", items.join(", "))
            }
            Kind::Table(entries) if entries.is_empty() => out.write_str("{}"),
            Kind::Table(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, node)| format!("{} = {node}", quoted_key(key)))
                    .collect();
                write!(out, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        Document::parse("t.toml", "b = 1\na = 'x'\n[table]\nlist = [1.5, 2]\nflag = true\n")
            .expect("valid")
    }

    #[test]
    fn keeps_the_order_of_writing_and_the_lines() {
        let document = document();
        let mut root = document.section();
        assert_eq!(root.keys(), ["b", "a", "table"]);
        let mut table = root.section("table").unwrap().unwrap();
        assert_eq!(table.numbers("list").unwrap(), Some(vec![1.5, 2.0]));
        let error = table.number("flag").unwrap_err();
        assert_eq!(error.to_string(), "t.toml:5: table.flag: found true, allowed: a finite number");
    }

    #[test]
    fn overrides_replace_add_and_say_where_they_came_from() {
        let mut document = document();
        document.set("table.list=[3]").unwrap();
        document.set("table.fresh=bare").unwrap();
        let mut root = document.section();
        let mut table = root.section("table").unwrap().unwrap();
        assert_eq!(table.numbers("list").unwrap(), Some(vec![3.0]));
        assert_eq!(table.text("fresh").unwrap().as_deref(), Some("bare"));
        let error = table.number("fresh").unwrap_err();
        assert!(error.to_string().starts_with("--set table.fresh=bare: table.fresh"), "{error}");
        assert!(document.set("nothing").is_err());
        assert!(document.set("a.b=1").is_err(), "a is no table");
        assert!(document.set("x=[1,").is_err());
    }

    #[test]
    fn prints_toml_that_reads_back_to_the_same() {
        let text = "x = 0.1\ny = 1e300\nz = 5.0\n\"odd key\" = \"a \\\"b\\\" \\\\ c\"\nt = { u = [1, true] }\n";
        let document = Document::parse("t", text).unwrap();
        let again = Document::parse("t", &document.to_toml()).unwrap();
        assert_eq!(again.to_toml(), document.to_toml());
        assert!(document.to_toml().contains("z = 5.0"));
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let error = Document::parse("t.toml", "a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(error.line, Some(2));
    }
}
