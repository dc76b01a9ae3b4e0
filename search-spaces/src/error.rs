//! What is wrong with a template, said so that it can be mended.

use std::fmt;

/// One fault in a template: where it is, what was found there and what is allowed.
///
/// Displays as `sma.toml:12: space.fast.int: found [60, 2], allowed: two whole numbers, the
/// lower first`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file, or the command-line option, that holds the faulty text.
    pub file: String,
    /// Line in that file, from 1; none where the fault is an absence.
    pub line: Option<u32>,
    /// Dotted key, such as `space.fast.int`; empty for a fault of the whole file.
    pub key: String,
    /// What was found there, in a few words.
    pub found: String,
    /// What would have been accepted.
    pub allowed: String,
    /// The line at fault of a longer text, and below it a mark under the place; none where
    /// `found` is all there is to see.
    pub excerpt: Option<Box<str>>,
}

impl TemplateError {
    /// The same error at a place in a text, such as an expression: `column` counts its characters
    /// from 1. Says where it is, and shows it.
    #[must_use]
    pub fn pointing_at(mut self, text: &str, column: u32) -> Self {
        /// So many characters are shown at most on either side of the place.
        const AROUND: usize = 60;
        let at = (column as usize).saturating_sub(1).min(text.chars().count());
        let before: String = text.chars().take(at).collect();
        let line = before.matches('\n').count();
        let in_line = before.chars().rev().take_while(|c| *c != '\n').count();
        self.found += &match text.trim_end().contains('\n') {
            true => format!(" at line {}, column {} of the text", line + 1, in_line + 1),
            false => format!(" at column {column}"),
        };
        let whole: Vec<char> = text.split('\n').nth(line).unwrap_or_default().chars().collect();
        let start = in_line.saturating_sub(AROUND);
        let end = whole.len().min(in_line + AROUND);
        let (left, right) =
            (if start > 0 { "…" } else { "" }, if end < whole.len() { "…" } else { "" });
        // A control character would act on the terminal, and a tab would shift the mark.
        let plain = |c: &char| if c.is_control() { ' ' } else { *c };
        let shown: String = whole[start.min(end)..end].iter().map(plain).collect();
        let indent = " ".repeat(in_line - start + left.chars().count());
        self.excerpt = Some(format!("    {left}{shown}{right}\n    {indent}^").into());
        self
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(out, ": {}", self.key)?;
        }
        write!(out, ": found {}, allowed: {}", self.found, self.allowed)?;
        match &self.excerpt {
            Some(excerpt) => write!(out, "\n{excerpt}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The name in `known` that `written` was most probably meant to be, if one is near enough:
/// at most a third of the letters are wrong, missing, too many, or exchanged with their neighbour
/// (optimal string alignment distance).
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edit_distance(written, name), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min()
        .map(|(_, name)| name)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(row[j - 1] + 1).min(rows[i - 1][j] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let known = ["constraints", "fast", "slow"];
        assert_eq!(nearest("constrants", known), Some("constraints"));
        assert_eq!(nearest("fats", known), Some("fast"));
        assert_eq!(nearest("slwo", ["sma-crossover"]), None);
        assert_eq!(nearest("gird", ["grid", "random"]), Some("grid"));
        assert_eq!(nearest("sma-crosover", ["sma-crossover", "zdt1"]), Some("sma-crossover"));
    }

    #[test]
    fn the_message_names_file_line_key_found_and_allowed() {
        let error = TemplateError {
            file: "a.toml".into(),
            line: Some(3),
            key: "space.x".into(),
            found: "true".into(),
            allowed: "a table".into(),
            excerpt: None,
        };
        assert_eq!(error.to_string(), "a.toml:3: space.x: found true, allowed: a table");
    }

    #[test]
    fn an_expression_is_shown_with_a_mark_under_the_place() {
        let document = crate::Document::parse("a.toml", "x = 1").expect("valid");
        let shown = |text: &str, column: u32| {
            let error = document.section().error("x", "a fault", "none");
            error.pointing_at(text, column).to_string()
        };
        let first = "a.toml:1: x: found a fault at column 5, allowed: none\n    a < b\n        ^";
        assert_eq!(shown("a < b", 5), first);
        assert_eq!(
            shown("a <\n\tb or c\n", 11),
            "a.toml:1: x: found a fault at line 2, column 7 of the text, allowed: none\n     \
             b or c\n          ^"
        );
        let long = shown(&"a + ".repeat(200), 401);
        let lines: Vec<&str> = long.lines().collect();
        assert_eq!(lines[1].chars().count(), 4 + 1 + 120 + 1);
        assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('a'));
        assert!(shown("", 1).ends_with("\n    \n    ^") && shown("a", 99).ends_with("\n     ^"));
    }
}
