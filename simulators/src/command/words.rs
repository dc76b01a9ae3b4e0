//! What messages and people are told.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::whereabouts::Whereabouts;

/// How a child ended: `exit code 3`, `signal 9`.
pub(super) fn end(status: Option<ExitStatus>) -> String {
    match (status.and_then(|it| it.code()), status.and_then(|it| it.signal())) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}

/// The same as the verb of a message.
pub(super) fn ending(status: ExitStatus) -> String {
    let verb = if status.code().is_some() { "ended with" } else { "was ended by" };
    format!("{verb} {}", end(Some(status)))
}

/// The last words of a standard error stream as the end of a message.
pub(super) fn last_words(errors: &[u8], hidden: &Whereabouts) -> String {
    const LINES: usize = 5;
    const BYTES: usize = 1000;
    let errors = hidden.hide(errors);
    let text = String::from_utf8_lossy(&errors[errors.len().saturating_sub(BYTES)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("; standard error ends: {}", last.join(" | "))
}

/// The end of a text for a person, with a mark where something is left out before it.
pub(super) fn excerpt(text: &[u8]) -> String {
    const LINES: usize = 20;
    const BYTES: usize = 2000;
    const MARK: &str = "[...]";
    let text = text.trim_ascii_end();
    let start = text.len().saturating_sub(BYTES);
    let end = String::from_utf8_lossy(&text[start..]);
    let lines: Vec<&str> = end.lines().collect();
    let skipped = lines.len().saturating_sub(LINES);
    let last = lines[skipped..].join("\n");
    match (start, skipped) {
        (0, 0) => last,
        (_, 0) => format!("{MARK}{last}"),
        _ => format!("{MARK}\n{last}"),
    }
}

/// A program and its arguments as one would type them.
pub(super) fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let words = words.into_iter().map(|word| match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_ends_with_a_mark() {
        assert_eq!(excerpt(b"a\nb\n\n"), "a\nb");
        let many: String = (0..30).map(|i| format!("{i}\n")).collect();
        let last: Vec<String> = (10..30).map(|i| i.to_string()).collect();
        assert_eq!(excerpt(many.as_bytes()), format!("[...]\n{}", last.join("\n")));
        assert_eq!(excerpt(&[b'x'; 5000]), format!("[...]{}", "x".repeat(2000)));
    }

    #[test]
    fn command_lines_can_be_pasted() {
        assert_eq!(command_line(["sh", "-c", "it's", ""]), "sh -c 'it'\\''s' ''");
    }
}
