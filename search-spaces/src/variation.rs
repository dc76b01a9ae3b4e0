//! Other values for some keys of a table, so that one template stands for several.

use std::fmt;

use crate::document::{Document, Kind, Node, entry_at};
use crate::error::TemplateError;
use crate::section::Section;

/// More combinations than this are certainly a typing error.
const MOST: usize = 1000;

/// Keys of a table with other values than it has.
///
/// Displays as `data=MSFT, execution.failure=0.1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variation {
    /// Each key as its path from the table, and its value.
    changes: Vec<(Vec<String>, Node)>,
}

impl Section<'_> {
    /// The variations that `key` asks for; none where it is absent. It is a table of lists, which
    /// stands for all combinations of their items, the last key changing fastest; or a list of
    /// tables, each of which is one variation. Tables inside are gone through.
    ///
    /// # Errors
    /// The value is neither, a list or a table is empty, or there are too many combinations.
    pub fn variations(&mut self, key: &str) -> Result<Vec<Variation>, TemplateError> {
        let allowed = "a table of lists, such as { data = [\"a\", \"b\"] }, or a list of tables, \
             such as [{ from = 2001, to = 2005 }, { from = 2006, to = 2010 }]";
        let Some(node) = self.node(key) else { return Ok(Vec::new()) };
        let variations = match &node.kind {
            Kind::Table(entries) if !entries.is_empty() => {
                let Some(section) = self.section(key)? else { return Ok(Vec::new()) };
                let mut found = vec![Variation::default()];
                combine(&section, entries, &mut Vec::new(), &mut found)?;
                found
            }
            Kind::Array(items) if !items.is_empty() => {
                let sections = self.sections(key)?;
                let variation = |(section, item): (&Section<'_>, &Node)| {
                    let mut variation = Variation::default();
                    variation.take_leaves(item, &mut Vec::new());
                    match variation.changes.is_empty() {
                        true => Err(section.error("", "an empty table", "a key and its value")),
                        false => Ok(variation),
                    }
                };
                sections.iter().zip(items).map(variation).collect::<Result<_, _>>()?
            }
            _ => return Err(self.error(key, node.to_string(), allowed)),
        };
        if variations.len() > MOST {
            let found = format!("{} combinations", variations.len());
            return Err(self.error(key, found, format!("up to {MOST}")));
        }
        Ok(variations)
    }
}

/// Multiplies what was found so far with the lists of a table.
fn combine(
    section: &Section<'_>,
    entries: &[(String, Node)],
    path: &mut Vec<String>,
    found: &mut Vec<Variation>,
) -> Result<(), TemplateError> {
    for (key, node) in entries {
        path.push(key.clone());
        match &node.kind {
            Kind::Table(inner) if !inner.is_empty() => {
                let section = Section::new(section.path_of(key), node);
                combine(&section, inner, path, found)?;
            }
            Kind::Array(items) if !items.is_empty() => {
                // What is beyond the limit is only counted, and never made.
                let combinations = found.len().saturating_mul(items.len());
                if combinations > MOST {
                    let found = format!("{combinations} combinations");
                    return Err(section.error(key, found, format!("up to {MOST}")));
                }
                let with = |known: &Variation, item: &Node| {
                    let mut changes = known.changes.clone();
                    changes.push((path.clone(), item.clone()));
                    Variation { changes }
                };
                *found = found
                    .iter()
                    .flat_map(|known| items.iter().map(move |item| with(known, item)))
                    .collect();
            }
            _ => {
                let allowed = "a list of values, such as [\"a\", \"b\"]";
                return Err(section.error(key, node.to_string(), allowed));
            }
        }
        path.pop();
    }
    Ok(())
}

impl Variation {
    fn take_leaves(&mut self, node: &Node, path: &mut Vec<String>) {
        match &node.kind {
            Kind::Table(entries) => {
                for (key, inner) in entries {
                    path.push(key.clone());
                    self.take_leaves(inner, path);
                    path.pop();
                }
            }
            _ => self.changes.push((path.clone(), node.clone())),
        }
    }
}

impl Document {
    /// The document with a variation laid over its table `table`. Values keep the line that they
    /// were written in.
    ///
    /// # Errors
    /// A key runs through a value that is no table.
    pub fn varied(&self, table: &str, variation: &Variation) -> Result<Self, TemplateError> {
        let mut document = self.clone();
        for (keys, value) in &variation.changes {
            let path: Vec<&str> =
                std::iter::once(table).chain(keys.iter().map(String::as_str)).collect();
            let place = entry_at(&mut document.root, &path, &value.origin);
            *place.ok_or_else(|| TemplateError {
                file: value.origin.file.clone(),
                line: value.origin.line,
                key: path.join("."),
                found: "a key that runs through a value".to_owned(),
                allowed: "a key inside a table".to_owned(),
                excerpt: None,
            })? = value.clone();
        }
        Ok(document)
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, value)) in self.changes.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(out, "{comma}{}=", path.join("."))?;
            match &value.kind {
                Kind::Text(text) => out.write_str(text)?,
                _ => write!(out, "{value}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variations(text: &str) -> Result<(Document, Vec<Variation>), TemplateError> {
        let document = Document::parse("t.toml", text)?;
        let found = document.section().variations("vary")?;
        Ok((document, found))
    }

    fn labels(text: &str) -> Vec<String> {
        let (_, found) = variations(text).expect(text);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_are_combined_and_tables_taken_one_by_one() {
        assert_eq!(labels("a = 1\n"), Vec::<String>::new());
        assert_eq!(
            labels("[vary]\ndata = ['A', 'B']\nrisk.most = [1, 2]\n"),
            [
                "data=A, risk.most=1",
                "data=A, risk.most=2",
                "data=B, risk.most=1",
                "data=B, risk.most=2"
            ]
        );
        assert_eq!(
            labels("vary = [{ from = 1, risk = { most = 2 } }, { symbols = ['A'] }]\n"),
            ["from=1, risk.most=2", "symbols=[\"A\"]"]
        );
    }

    #[test]
    fn a_variation_changes_its_keys_and_no_others() {
        let text = "[own]\ndata = 'A'\nrisk = { most = 1, least = 0 }\n\
             [vary]\nrisk.most = [5]\nfresh = ['x']\n";
        let (document, found) = variations(text).expect("valid");
        let varied = document.varied("own", &found[0]).expect("fits").to_toml();
        assert!(
            varied.starts_with(
                "own = { data = \"A\", risk = { most = 5, least = 0 }, fresh = \"x\" }"
            ),
            "{varied}"
        );
        assert!(document.to_toml().contains("most = 1"), "the document itself stays");
        let absent = Document::parse("t", "a = 1\n").expect("valid").varied("own", &found[0]);
        assert!(absent.expect("a table is made").to_toml().contains("own = { risk = { most = 5 }"));
    }

    #[test]
    fn faults_name_the_line_and_the_key() {
        for (text, message) in [
            ("\nvary = 3\n", "t.toml:2: vary: found 3, allowed: a table of lists"),
            ("vary = []\n", "vary: found [], allowed: a table of lists"),
            ("[vary]\nx.y = 3\n", "t.toml:2: vary.x.y: found 3, allowed: a list of values"),
            ("[vary]\nx = []\n", "t.toml:2: vary.x: found [], allowed: a list of values"),
            ("vary = [{ a = 1 }, {}]\n", "vary[1]: found an empty table"),
            ("vary = [1]\n", "vary: found 1, allowed: a list of tables"),
        ] {
            let error = variations(text).expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        let many = format!("[vary]\na = {:?}\nb = {:?}\n", [0; 50], [0; 50]);
        let error = variations(&many).expect_err("too many").to_string();
        assert!(error.contains("vary.b: found 2500 combinations, allowed: up to 1000"), "{error}");
        let (document, found) = variations("own.x = 3\n[vary]\nx.y = [1]\n").expect("valid");
        let error = document.varied("own", &found[0]).expect_err("x is no table").to_string();
        assert!(error.starts_with("t.toml:3: own.x.y: found a key that runs"), "{error}");
    }
}
