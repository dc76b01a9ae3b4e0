//! SQL that a user typed.
//!
//! What keeps it from doing harm is the connection that it runs on: read-only, without access to
//! files, its configuration locked. This file sees to it that a message is readable, and that a
//! text is one statement, since DuckDB runs all but the last of several while it prepares them.

use crate::error::ResultsError;

const ALLOWED: &str = "a single SELECT, such as SELECT * FROM trials";

/// First words of what can be selected from.
const QUERIES: [&str; 7] = ["SELECT", "FROM", "WITH", "VALUES", "TABLE", "PIVOT", "UNPIVOT"];

/// First words of what tells about tables.
const DESCRIPTIONS: [&str; 4] = ["DESCRIBE", "DESC", "SHOW", "SUMMARIZE"];

fn refuse<T>(found: &str, allowed: &str) -> Result<T, ResultsError> {
    Err(ResultsError::Query(format!("found {found}, allowed: {allowed}")))
}

/// The one query in `text`, as something to write after `CREATE TABLE ... AS` or in brackets.
pub(crate) fn single_query(text: &str) -> Result<String, ResultsError> {
    let statement = single_statement(text, ALLOWED)?;
    let first = first_word(statement);
    let is = |word: &&str| first.eq_ignore_ascii_case(word);
    let is_query = QUERIES.iter().any(is);
    if !is_query && !DESCRIPTIONS.iter().any(is) {
        return refuse(&format!("a statement that begins with {first:?}"), ALLOWED);
    }
    if is_query && !first.to_ascii_uppercase().ends_with("PIVOT") {
        return Ok(statement.to_owned());
    }
    // The line break ends a comment that the statement may end in.
    Ok(format!("FROM ({statement}\n)"))
}

/// The condition in `text`, which may be put in brackets.
pub(crate) fn single_condition(text: &str) -> Result<&str, ResultsError> {
    single_statement(text, "one condition, such as status = 'complete'")
}

/// What stands before the one semicolon that may be at the end.
fn single_statement<'a>(text: &'a str, allowed: &str) -> Result<&'a str, ResultsError> {
    let end = code(text).find(|(_, c)| *c == ';').map_or(text.len(), |(at, _)| at);
    let (statement, rest) = text.split_at(end);
    if skip_blank(statement).is_empty() {
        return refuse("no SQL", allowed);
    }
    if !skip_blank(rest).is_empty() {
        return refuse("several statements", allowed);
    }
    match unbalanced(statement) {
        Some(found) => refuse(&found, allowed),
        None => Ok(statement),
    }
}

/// The word that says what kind of statement it is; up to the white space where it is no word.
fn first_word(statement: &str) -> &str {
    let mut rest = skip_blank(statement);
    while let Some(inner) = rest.strip_prefix('(') {
        rest = skip_blank(inner);
    }
    let end = rest.find(|c| !is_word(c)).filter(|end| *end > 0);
    let end = end.or_else(|| rest.find(char::is_whitespace)).unwrap_or(rest.len());
    &rest[..end]
}

/// What is wrong with the brackets: one too many could end the brackets around a text.
fn unbalanced(text: &str) -> Option<String> {
    let mut awaited = Vec::new();
    for (_, c) in code(text) {
        match c {
            '(' => awaited.push(')'),
            '[' => awaited.push(']'),
            '{' => awaited.push('}'),
            ')' | ']' | '}' if awaited.pop() != Some(c) => {
                return Some(format!("a `{c}` that closes nothing"));
            }
            _ => {}
        }
    }
    awaited.last().map(|c| format!("a bracket without its `{c}`"))
}

/// What DuckDB says of a user's SQL, without the excerpt that shows what was put around it.
pub(crate) fn said_of_sql(text: &str) -> String {
    let is_excerpt = |(at, found): &(usize, &str)| {
        text[at + found.len()..].starts_with(|c: char| c.is_ascii_digit())
    };
    let end = text.match_indices("\nLINE ").find(is_excerpt).map_or(text.len(), |(at, _)| at);
    // The bracket may be the one after the user's text.
    let [ours, plain] =
        ["syntax error at or near \")\"", "syntax error before a closing bracket or at the end"];
    text[..end].trim_end().replace(ours, plain)
}

pub(crate) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The text after the white space, semicolons and comments at its beginning.
fn skip_blank(text: &str) -> &str {
    let skip = |c: char| c.is_whitespace() || c == ';';
    let mut rest = text.trim_start_matches(skip);
    while let Some(len) = comment(rest) {
        rest = rest[len..].trim_start_matches(skip);
    }
    rest
}

/// The characters that are not within a word, a text, a quoted name or a comment, and where they
/// stand.
fn code(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &text[at..];
            let next = rest.chars().next()?;
            match comment(rest).or_else(|| literal(rest)) {
                Some(len) => at += len,
                None => {
                    at += next.len_utf8();
                    return Some((at - next.len_utf8(), next));
                }
            }
        }
    })
}

/// As DuckDB's scanner has it: every letter beyond ASCII, and so far every other character there
/// but white space, is part of a word.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !(c.is_ascii() || c.is_whitespace())
}

/// Length of the comment at the beginning of `text`; comments in `/* */` nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("--") {
        return Some(text.find(['\n', '\r']).map_or(text.len(), |end| end + 1));
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
            let delimiter = &text[..tag + 2];
            text[1..=tag].chars().all(is_word).then(|| ends_after(tag + 2, delimiter))?
        }
        // A word is passed as a whole, so that an `e` at its end is not taken for E'...', nor a
        // dollar within a name for the beginning of a text. A number has no dollars within.
        _ if is_word(first) => {
            let dollars = !first.is_ascii_digit();
            let ends = |c: char| !(is_word(c) || dollars && c == '$');
            Some(text.find(ends).unwrap_or(text.len()))
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
            "SELECT 1 -- a\r + 2; -- b",
            "SELECT (1), [(2)], {'a': ')'}, \"(\" /* ( */ -- ]",
            "-- first\n (from trials)",
        ] {
            assert!(single_query(text).is_ok(), "{text}");
        }
        assert_eq!(single_query("SELECT 1 ; ").unwrap(), "SELECT 1 ");
        assert_eq!(single_query("/**/ show tables").unwrap(), "FROM (/**/ show tables\n)");
    }

    #[test]
    fn several_or_none_do_not() {
        for text in ["SELECT 1; SELECT 2", "SELECT 'a\\'; DROP TABLE t --'", "", " ;", "-- a"] {
            assert!(single_query(text).is_err(), "{text}");
        }
        let several = single_query("SELECT 1 -- a\r; SELECT 2").unwrap_err().to_string();
        assert!(several.starts_with("found several statements, allowed: a single SELECT"));
    }

    #[test]
    fn what_is_no_query_is_named() {
        for (text, word) in
            [("drop table trials", "drop"), ("(/**/ SELEC 1)", "SELEC"), ("'a' b", "'a'")]
        {
            let error = single_query(text).unwrap_err().to_string();
            let expected =
                format!("found a statement that begins with {word:?}, allowed: a single");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn brackets_of_a_condition_are_its_own() {
        for text in
            ["1=1) or (1=1", ")", "(", "[(])", "a$$ ) or ( $$", "é$$ ) or ( $$", "1 --\r) or (1"]
        {
            let error = single_condition(text).unwrap_err().to_string();
            assert!(error.contains("bracket") || error.contains("closes nothing"), "{error}");
            assert!(error.contains("allowed: one condition, such as"), "{error}");
        }
        for text in ["kind = ')'", "(a OR b) AND list[1] > 2 -- )", "$$)$$ = '('"] {
            assert_eq!(single_condition(text).unwrap(), text);
        }
    }

    #[test]
    fn of_what_duckdb_says_the_excerpt_is_left_out() {
        let said = "Binder Error: no \"a\"!\nCandidate bindings: \"b\"\n\nLINE 4: ))\n   ^";
        assert_eq!(said_of_sql(said), "Binder Error: no \"a\"!\nCandidate bindings: \"b\"");
        let said = "Parser Error: syntax error at or near \")\"\n\nLINE 2: )\n        ^";
        let expected = "Parser Error: syntax error before a closing bracket or at the end";
        assert_eq!(said_of_sql(said), expected);
        assert_eq!(said_of_sql("no such\nLINE of text"), "no such\nLINE of text");
    }
}
