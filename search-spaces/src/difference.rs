//! What two templates do not have in common.

use crate::document::{Document, Kind, Node};

/// A key whose values differ. Tables are compared key by key, lists as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The dotted key.
    pub key: String,
    /// The value in the first document as TOML, if it has one.
    pub first: Option<String>,
    /// The value in the second.
    pub second: Option<String>,
}

impl Document {
    /// What differs between this document and another, in the order of this one's keys, then what
    /// only the other has in the order of its own. Where the order of the keys of a table counts,
    /// as that of objectives and parameters does, a difference of order is one of the table.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        compare("", Some(&self.root), Some(&other.root), &mut all);
        all
    }
}

/// The tables whose order counts.
const ORDERED: [&str; 2] = ["objectives", "space"];

fn compare(key: &str, first: Option<&Node>, second: Option<&Node>, all: &mut Vec<Difference>) {
    // What is absent is as an empty table next to one.
    let table = |node: Option<&Node>| node.is_none_or(|node| matches!(node.kind, Kind::Table(_)));
    let (Some(node), true, true) = (first.or(second), table(first), table(second)) else {
        let text = |node: Option<&Node>| node.map(ToString::to_string);
        if text(first) != text(second) {
            let key = key.to_owned();
            all.push(Difference { key, first: text(first), second: text(second) });
        }
        return;
    };
    debug_assert!(matches!(node.kind, Kind::Table(_)), "both are tables, or one is absent");
    let (ours, theirs) = (entries(first), entries(second));
    let inner = |name: &str| match key {
        "" => name.to_owned(),
        key => format!("{key}.{name}"),
    };
    let find =
        |entries: &'_ [(String, Node)], name: &str| entries.iter().position(|(own, _)| own == name);
    for (name, node) in ours {
        let other = find(theirs, name).map(|place| &theirs[place].1);
        compare(&inner(name), Some(node), other, all);
    }
    for (name, node) in theirs.iter().filter(|(name, _)| find(ours, name).is_none()) {
        compare(&inner(name), None, Some(node), all);
    }
    let common = |a: &[(String, Node)], b: &[(String, Node)]| -> Vec<String> {
        a.iter().filter(|(name, _)| find(b, name).is_some()).map(|(name, _)| name.clone()).collect()
    };
    let (first, second) = (common(ours, theirs), common(theirs, ours));
    if ORDERED.contains(&key) && first != second {
        all.push(Difference {
            key: format!("{key} (order)"),
            first: Some(first.join(", ")),
            second: Some(second.join(", ")),
        });
    }
}

fn entries(node: Option<&Node>) -> &[(String, Node)] {
    match node.map(|node| &node.kind) {
        Some(Kind::Table(entries)) => entries,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(first: &str, second: &str) -> Vec<(String, String, String)> {
        let document = |text| Document::parse("t.toml", text).expect(text);
        let all = document(first).differences(&document(second));
        let text = |side: Option<String>| side.unwrap_or_default();
        all.into_iter().map(|d| (d.key, text(d.first), text(d.second))).collect()
    }

    #[test]
    fn values_are_compared_key_by_key_and_not_as_they_are_written() {
        let first = "a = 1\n[b]\nc = [1, 2]\nd = { e = 'x' }\n[g]\nh = 1\n";
        let same = "[b]\nc = [ 1,2 ]\nd.e = \"x\"\n[g]\nh = 1 # one\n";
        assert_eq!(differences(first, &format!("a = 1\n{same}")), []);
        let second = "a = 2\n[b]\nc = [1, 2]\nd = { e = 'y', f = true }\n";
        let expected =
            [("a", "1", "2"), ("b.d.e", "\"x\"", "\"y\""), ("b.d.f", "", "true"), ("g.h", "1", "")];
        let expected = expected.map(|(key, a, b)| (key.to_owned(), a.to_owned(), b.to_owned()));
        assert_eq!(differences(first, second), expected);
    }

    #[test]
    fn a_value_and_a_table_differ_as_a_whole() {
        assert_eq!(
            differences("size = 'all'", "size = { risk = 0.1 }"),
            [("size".to_owned(), "\"all\"".to_owned(), "{ risk = 0.1 }".to_owned())]
        );
    }

    #[test]
    fn the_order_of_objectives_and_parameters_counts() {
        let first = "[objectives]\na = 'maximize'\nb = 'minimize'\n";
        let second = "[objectives]\nb = 'minimize'\na = 'maximize'\n";
        assert_eq!(
            differences(first, second),
            [("objectives (order)".to_owned(), "a, b".to_owned(), "b, a".to_owned())]
        );
    }
}
