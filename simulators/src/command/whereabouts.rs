//! What must not be in messages: where a study and its trials happen to be.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The paths of folders, for each of which messages say `.`: they are part of the results, which
/// are the same wherever a study runs.
#[derive(Clone, Debug)]
pub(super) struct Whereabouts {
    /// The longest one first, as one of them may be in another.
    paths: Vec<Vec<u8>>,
}

impl Whereabouts {
    /// That of one folder, which is there.
    pub(super) fn of(folder: &Path) -> Self {
        Self { paths: Vec::new() }.and(folder)
    }

    /// These and that of a further folder.
    pub(super) fn and(mut self, folder: &Path) -> Self {
        // Programs know it without the links on the way to it.
        for path in [Some(folder.to_owned()), folder.canonicalize().ok()].into_iter().flatten() {
            let bytes = path.as_os_str().as_bytes();
            let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes).to_vec();
            if bytes.starts_with(b"/") && !self.paths.contains(&bytes) {
                self.paths.push(bytes);
            }
        }
        self.paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
        self
    }

    /// A text without them. What is cut from a text has to be cut afterwards: a longer path
    /// must not move the cut.
    pub(super) fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut text = Cow::Borrowed(text);
        for path in &self.paths {
            if let Some(without) = without(&text, path) {
                text = Cow::Owned(without);
            }
        }
        text
    }

    /// The same of a text that is known to be one.
    pub(super) fn hide_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.hide(text.as_bytes())).into_owned()
    }
}

/// The text with `.` in place of the path; none where it is not in it.
fn without(text: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text[at..].iter().position(|byte| *byte == b'/') {
        let start = at + found;
        let end = start + path.len();
        at = start + 1;
        if text[start..].starts_with(path) && stands_alone(&text[..start], &text[end..]) {
            let out = out.get_or_insert_default();
            out.extend_from_slice(&text[done..start]);
            out.push(b'.');
            (done, at) = (end, end);
        }
    }
    out.map(|mut out| {
        out.extend_from_slice(&text[done..]);
        out
    })
}

/// Whether a path between these texts is a whole one, or the beginning of one: no part of a
/// longer name, and not further down in the path of something else.
fn stands_alone(before: &[u8], after: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte) || *byte > 0x7f;
    let goes_on = match after {
        [b'.', next, ..] | [next, ..] => in_name(next),
        [] => false,
    };
    let name = before.iter().rev().take_while(|byte| in_name(byte) || **byte == b'.').count();
    let is_below = name > 0 && before[..before.len() - name].ends_with(b"/");
    !goes_on && !is_below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_paths_are_hidden_and_nothing_else() {
        let hidden = Whereabouts { paths: vec![b"/a/app/run".to_vec(), b"/a/app".to_vec()] };
        for (text, expected) in [
            ("File \"/a/app/sim.py\", line 3", "File \"./sim.py\", line 3"),
            ("in /a/app.", "in .."),
            ("-I/a/app/include:/a/app/run/x", "-I./include:./x"),
            ("/a/apple /a/app-2 /a/app.bak", "/a/apple /a/app-2 /a/app.bak"),
            ("/usr/a/app/x file:///a/app/x", "/usr/a/app/x file://./x"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(hidden.hide_text(text), expected);
        }
        assert_eq!(Whereabouts::of(Path::new("/")).hide_text("/tmp"), "/tmp");
    }
}
