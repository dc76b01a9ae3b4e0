//! From the bytes of a data file to its text, and from any text to one that a message can show.

use std::borrow::Cow;
use std::io::Read as _;

use super::data::DataError;

const ALLOWED: &str = "a CSV file of UTF-8 text, plain or gzipped";

/// Unpacks the bytes of a gzip file; others stay as they are.
pub(super) fn unpacked<'a>(bytes: &'a [u8], file: &str) -> Result<Cow<'a, [u8]>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    match flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked) {
        Ok(_) => Ok(Cow::Owned(unpacked)),
        Err(error) => {
            let found = format!("a gzip file that cannot be unpacked ({error})");
            Err(DataError::new(file, None, "", &found, ALLOWED))
        }
    }
}

/// The bytes as text that is not empty, in UTF-8 and without NUL.
pub(super) fn decoded<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, DataError> {
    let fault = |at: usize, found: &str| {
        let line = bytes[..at].split(|byte| *byte == b'\n').count() as u64;
        Err(DataError::new(file, Some(line), "", found, ALLOWED))
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return fault(0, "UTF-16 text");
    }
    // NUL is valid UTF-8, but there is none in a CSV file: every second byte of plain letters in
    // UTF-16 is one, and almost every binary format has some.
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return fault(at, "a NUL byte, as in UTF-16 text or a binary file");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => {
            let found = "nothing: the file is empty";
            Err(DataError::new(file, None, "", found, "a header, and at least one bar"))
        }
        Ok(text) => Ok(text),
        Err(error) => {
            let at = error.valid_up_to();
            let byte = bytes[at];
            fault(at, &format!("the byte 0x{byte:02X}, as in Latin-1 text or a binary file"))
        }
    }
}

/// The text with its control characters escaped, so that none of them acts on a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        decoded(bytes, "p.csv").expect_err("no text").to_string()
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_named_with_their_line() {
        let utf_16 = |bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            format!("{mark}Date,Open\n").encode_utf16().flat_map(bytes).collect()
        };
        for bytes in [utf_16(u16::to_le_bytes, "\u{feff}"), utf_16(u16::to_be_bytes, "\u{feff}")] {
            let expected = "p.csv:1: found UTF-16 text, allowed: a CSV file of UTF-8 text";
            assert!(message(&bytes).starts_with(expected), "{}", message(&bytes));
        }
        let nul = "p.csv:1: found a NUL byte, as in UTF-16 text or a binary file, allowed: a CSV \
                   file of UTF-8 text";
        assert!(message(&utf_16(u16::to_le_bytes, "")).starts_with(nul));
        assert!(message(b"PK\x03\x04\x14\0\x06\0\xff").starts_with(nul));
        assert!(message(b"Date\n\n2020\0").starts_with("p.csv:3: found a NUL byte"));
        let latin_1 = message(b"Date,Open\n2020-01-01,caf\xe9\n");
        assert!(latin_1.starts_with("p.csv:2: found the byte 0xE9, as in Latin-1"), "{latin_1}");
        assert!(latin_1.contains("allowed: a CSV file of UTF-8 text"), "{latin_1}");
    }

    #[test]
    fn a_file_without_text_is_empty() {
        for bytes in ["", " \r\n\n", "\u{feff}", "\u{feff}\n"] {
            let expected = "p.csv: found nothing: the file is empty, allowed: a header";
            assert!(message(bytes.as_bytes()).starts_with(expected));
        }
    }

    #[test]
    fn control_characters_are_escaped_and_nothing_else_is() {
        assert_eq!(printable("a\u{1b}[31m\t\u{9b}"), "a\\u{1b}[31m\\t\\u{9b}");
        assert_eq!(printable("é \"x\" \\ 'y' 価格"), "é \"x\" \\ 'y' 価格");
    }
}
