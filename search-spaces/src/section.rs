//! Reading a table of a template key by key.

use std::cell::RefCell;

use crate::document::{Kind, Node, Origin};
use crate::error::{TemplateError, nearest};

/// A table of a template, read key by key.
///
/// Every getter marks its key as known and gives `None` where the key is absent; a value of
/// another kind is an error that names file, line, key, what was found and what is allowed.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    node: &'a Node,
    known: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(path: String, node: &'a Node) -> Self {
        Self { path, node, known: RefCell::new(Vec::new()) }
    }

    fn entries(&self) -> &'a [(String, Node)] {
        match &self.node.kind {
            Kind::Table(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key.to_owned());
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The keys of the section in the order of writing.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.entries().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The dotted path of `key` from the root of the template.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    fn read<T>(
        &mut self,
        key: &str,
        allowed: &str,
        convert: impl Fn(&Kind) -> Option<T>,
    ) -> Result<Option<T>, TemplateError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match convert(&node.kind) {
            Some(value) => Ok(Some(value)),
            None => Err(self.error(key, node.to_string(), allowed)),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, TemplateError> {
        self.read(key, "text in quotes", as_text)
    }

    /// A finite number; whole numbers count.
    ///
    /// # Errors
    /// The value is of another kind, NaN or infinite.
    pub fn number(&mut self, key: &str) -> Result<Option<f64>, TemplateError> {
        self.read(key, "a finite number", as_number)
    }

    /// A whole number.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn integer(&mut self, key: &str) -> Result<Option<i64>, TemplateError> {
        self.read(key, "a whole number", as_integer)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, TemplateError> {
        self.read(key, "true or false", |kind| match kind {
            Kind::Boolean(value) => Some(*value),
            _ => None,
        })
    }

    /// A list of texts.
    ///
    /// # Errors
    /// The value, or one of its items, is of another kind.
    pub fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, TemplateError> {
        self.read(key, "a list of texts, such as [\"a\", \"b\"]", |kind| list(kind, as_text))
    }

    /// A list of finite numbers.
    ///
    /// # Errors
    /// The value, or one of its items, is of another kind.
    pub fn numbers(&mut self, key: &str) -> Result<Option<Vec<f64>>, TemplateError> {
        self.read(key, "a list of finite numbers, such as [1, 2.5]", |kind| list(kind, as_number))
    }

    /// A list of whole numbers.
    ///
    /// # Errors
    /// The value, or one of its items, is of another kind.
    pub fn integers(&mut self, key: &str) -> Result<Option<Vec<i64>>, TemplateError> {
        self.read(key, "a list of whole numbers, such as [1, 9]", |kind| list(kind, as_integer))
    }

    /// One of a few named values.
    ///
    /// # Errors
    /// The value is none of the names.
    pub fn one_of<T: Copy>(
        &mut self,
        key: &str,
        names: &[(&str, T)],
    ) -> Result<Option<T>, TemplateError> {
        let allowed: Vec<String> = names.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        self.read(key, &allowed.join(", "), |kind| {
            let text = as_text(kind)?;
            names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
        })
    }

    /// A table inside this one.
    ///
    /// # Errors
    /// The value is no table.
    pub fn section(&mut self, key: &str) -> Result<Option<Section<'a>>, TemplateError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.kind {
            Kind::Table(_) => Ok(Some(Section::new(self.path_of(key), node))),
            _ => Err(self.error(key, node.to_string(), "a table")),
        }
    }

    /// Whether the value of `key` is a table, for keys that take a table or something shorter.
    #[must_use]
    pub fn is_table(&self, key: &str) -> bool {
        let entry = self.entries().iter().find(|(name, _)| name == key);
        entry.is_some_and(|(_, node)| matches!(node.kind, Kind::Table(_)))
    }

    /// Whether the value of `key` is a list, for keys that take a list or one item.
    #[must_use]
    pub fn is_list(&self, key: &str) -> bool {
        let entry = self.entries().iter().find(|(name, _)| name == key);
        entry.is_some_and(|(_, node)| matches!(node.kind, Kind::Array(_)))
    }

    /// What an expression is written as: text, or a finite number, which is given as its text.
    ///
    /// # Errors
    /// The value is of another kind, NaN or infinite.
    pub fn expression(&mut self, key: &str) -> Result<Option<String>, TemplateError> {
        self.read(key, "a number, or an expression in quotes", |kind| {
            as_text(kind).or_else(|| as_number(kind).map(|number| number.to_string()))
        })
    }

    /// Like [`Section::section`], for a table that may be left out: an absent one reads as
    /// empty.
    ///
    /// # Errors
    /// The value is no table.
    pub fn section_or_empty(&mut self, key: &str) -> Result<Section<'a>, TemplateError> {
        static EMPTY: Node = Node {
            kind: Kind::Table(Vec::new()),
            origin: Origin { file: String::new(), line: None },
        };
        let path = self.path_of(key);
        Ok(self.section(key)?.unwrap_or_else(|| Section::new(path, &EMPTY)))
    }

    /// A list of tables, written as `[[key]]` or as `key = [{ … }, { … }]`; empty where the key is
    /// absent.
    ///
    /// # Errors
    /// The value, or one of its items, is of another kind.
    pub fn sections(&mut self, key: &str) -> Result<Vec<Section<'a>>, TemplateError> {
        let Some(node) = self.node(key) else { return Ok(Vec::new()) };
        let Kind::Array(items) = &node.kind else {
            return Err(self.error(key, node.to_string(), "a list of tables"));
        };
        if let Some(item) = items.iter().find(|item| !matches!(item.kind, Kind::Table(_))) {
            return Err(self.error(key, item.to_string(), "a list of tables"));
        }
        let path = self.path_of(key);
        let table = |(index, node)| Section::new(format!("{path}[{index}]"), node);
        Ok(items.iter().enumerate().map(table).collect())
    }

    /// A number, truth value or text as a person writes it, without quotes.
    ///
    /// # Errors
    /// The value is a list or a table.
    pub fn written(&mut self, key: &str) -> Result<Option<String>, TemplateError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.kind {
            Kind::Text(text) => Ok(Some(text.clone())),
            Kind::Array(_) | Kind::Table(_) => {
                Err(self.error(key, node.to_string(), "a number, text, true or false"))
            }
            _ => Ok(Some(node.to_string())),
        }
    }

    /// An error at `key` of this section.
    #[must_use]
    pub fn error(
        &self,
        key: &str,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> TemplateError {
        let entry = self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node);
        let origin = &entry.unwrap_or(self.node).origin;
        TemplateError {
            file: origin.file.clone(),
            line: origin.line,
            key: self.path_of(key),
            found: found.into(),
            allowed: allowed.into(),
            excerpt: None,
        }
    }

    /// The error for a key that has to be there and is not.
    #[must_use]
    pub fn missing(&self, key: &str, allowed: impl Into<String>) -> TemplateError {
        let known = self.known.borrow();
        let unknown = self.entries().iter().map(|(name, _)| name.as_str());
        let unknown = unknown.filter(|name| known.iter().all(|known| known != name));
        let found = match nearest(key, unknown) {
            Some(name) => format!("nothing (but \"{name}\")"),
            None => "nothing".to_owned(),
        };
        self.error(key, found, allowed)
    }

    /// Ends the reading: every key that no getter asked for is refused.
    ///
    /// # Errors
    /// The first unknown key, with the known ones and, where one is near, what was meant.
    pub fn finish(self) -> Result<(), TemplateError> {
        let mut known = self.known.borrow().clone();
        known.sort();
        known.dedup();
        let Some((key, _)) = self.entries().iter().find(|(key, _)| !known.contains(key)) else {
            return Ok(());
        };
        let meant = nearest(key, known.iter().map(String::as_str));
        let found = match meant {
            Some(name) => format!("an unknown key (did you mean {name:?}?)"),
            None => "an unknown key".to_owned(),
        };
        Err(self.error(key, found, known.join(", ")))
    }
}

fn as_text(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn as_number(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Number(value) if value.is_finite() => Some(*value),
        Kind::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

fn as_integer(kind: &Kind) -> Option<i64> {
    match kind {
        Kind::Integer(value) => Some(*value),
        _ => None,
    }
}

fn list<T>(kind: &Kind, convert: impl Fn(&Kind) -> Option<T>) -> Option<Vec<T>> {
    match kind {
        Kind::Array(items) => items.iter().map(|item| convert(&item.kind)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::document::Document;

    #[test]
    fn refuses_what_nobody_asked_for_and_guesses_what_was_meant() {
        let document = Document::parse("t.toml", "colour = 1\nsize = 2\n").unwrap();
        let mut root = document.section();
        root.integer("color").unwrap();
        root.integer("size").unwrap();
        let error = root.finish().unwrap_err().to_string();
        assert!(error.contains("t.toml:1: colour"), "{error}");
        assert!(error.contains("did you mean \"color\""), "{error}");
        assert!(error.contains("allowed: color, size"), "{error}");
    }

    #[test]
    fn lists_of_tables_name_their_items_and_expressions_may_be_numbers() {
        let text = "steps = [{ at = 1 }, { at = 'n', by = 2 }]\nnone = [1]\nflag = true\n";
        let document = Document::parse("t.toml", text).unwrap();
        let mut root = document.section();
        let mut steps = root.sections("steps").unwrap();
        assert_eq!(steps[0].expression("at").unwrap().as_deref(), Some("1"));
        assert_eq!(steps[1].expression("at").unwrap().as_deref(), Some("n"));
        let error = steps.pop().unwrap().finish().unwrap_err().to_string();
        assert!(error.contains("t.toml:1: steps[1].by: found an unknown key"), "{error}");
        assert!(root.is_list("steps") && !root.is_table("steps") && !root.is_list("flag"));
        assert!(root.sections("absent").unwrap().is_empty());
        let error = root.sections("none").unwrap_err().to_string();
        assert!(error.contains("none: found 1, allowed: a list of tables"), "{error}");
        assert!(root.expression("flag").unwrap_err().to_string().contains("an expression in"));
    }
}
