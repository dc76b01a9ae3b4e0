//! SQL that a user typed.
//!
//! What keeps it from doing harm is the connection that it runs on: read-only, without access to
//! files, its configuration locked. This file sees to it that a message is readable, and that a
//! text is one statement, since DuckDB runs all but the last of several while it prepares them.

use crate::error::ResultsError;

/// The one statement in `text`, without a semicolon at its end.
pub(crate) fn single_statement(text: &str) -> Result<&str, ResultsError> {
    let refuse = |found: &str| {
        let allowed = "one statement, such as SELECT * FROM trials";
        Err(ResultsError::Query(format!("found {found}, allowed: {allowed}")))
    };
    let end = first_semicolon(text).unwrap_or(text.len());
    let (statement, rest) = text.split_at(end);
    if is_blank(statement) {
        return refuse("no SQL");
    }
    if !is_blank(rest) {
        return refuse("several statements");
    }
    Ok(statement)
}

/// The statement as something to select from: DuckDB takes DESCRIBE and its like there too.
pub(crate) fn as_source(statement: &str) -> String {
    let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    if matches!(first.as_str(), "DESCRIBE" | "SHOW" | "SUMMARIZE" | "PIVOT" | "UNPIVOT") {
        // The line break ends a comment that the statement may end in.
        return format!("FROM ({statement}\n)");
    }
    statement.to_owned()
}

/// Whether there is nothing but white space, semicolons and comments.
fn is_blank(text: &str) -> bool {
    let skip = |c: char| c.is_whitespace() || c == ';';
    let mut rest = text.trim_start_matches(skip);
    while let Some(len) = comment(rest) {
        rest = rest[len..].trim_start_matches(skip);
    }
    rest.is_empty()
}

/// Where the first semicolon stands that is not within a text, a name or a comment.
fn first_semicolon(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if next == ';' {
            return Some(at);
        }
        at += comment(rest).or_else(|| literal(rest)).unwrap_or(next.len_utf8());
    }
    None
}

/// Length of the comment at the beginning of `text`; comments in `/* */` nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("--") {
        return Some(text.find('\n').map_or(text.len(), |end| end + 1));
    }
    let mut at = text.strip_prefix("/*").map(|_| 2)?;
    let mut depth = 1;
    while depth > 0 {
        let rest = &text.as_bytes()[at..];
        let step = match rest {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            [] => break,
            _ => 1,
        };
        at += step;
    }
    Some(at)
}

/// Length of the text or quoted name at the beginning of `text`. A doubled quote within needs no
/// care: it ends one literal and begins the next.
fn literal(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let ends_after = |open: usize, close: &str| {
        let end = text[open..].find(close).map(|end| open + end + close.len());
        Some(end.unwrap_or(text.len()))
    };
    match first {
        '\'' | '"' => ends_after(1, &first.to_string()),
        'e' | 'E' if text[1..].starts_with('\'') => Some(escaped_literal(text)),
        '$' => {
            let tag = text[1..].find('$')?;
            let is_tag = |c: char| c.is_alphanumeric() || c == '_';
            let delimiter = &text[..tag + 2];
            text[1..=tag].chars().all(is_tag).then(|| ends_after(tag + 2, delimiter))?
        }
        // A word is passed as a whole, so that an `e` at its end is not taken for E'...'.
        _ if first.is_alphanumeric() || first == '_' => {
            Some(text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len()))
        }
        _ => None,
    }
}

/// Length of `E'...'`, in which a backslash takes the next character along.
fn escaped_literal(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(2) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_passes() {
        for text in [
            "SELECT 1",
            "SELECT 1;",
            "SELECT ';' AS a, \";\" FROM t; -- done; really",
            "SELECT 'it''s; fine' /* a; /* nested; */ b; */ ; ",
            "SELECT $$a;b$$, $x$ ; $$ ; $x$",
            "SELECT E'\\';', e'\\\\' ;",
            "SELECT type'a' -- no escape: ends in \\'",
            "SELECT 'é;ü' ;;",
            "SELECT $1 + $2",
        ] {
            assert!(single_statement(text).is_ok(), "{text}");
        }
        assert_eq!(single_statement("SELECT 1 ; ").unwrap(), "SELECT 1 ");
    }

    #[test]
    fn several_or_none_do_not() {
        for text in ["SELECT 1; SELECT 2", "SELECT 'a\\'; DROP TABLE t --'", "", " ;", "-- a"] {
            assert!(single_statement(text).is_err(), "{text}");
        }
    }
}
