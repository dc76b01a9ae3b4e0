//! What is done with the bytes that a child writes.

/// Takes bytes as they come.
pub(super) trait Sink {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);

    /// Whether it has seen enough, so that the child need not go on.
    fn has_enough(&self) -> bool {
        false
    }
}

/// All of them are kept.
impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// None of them is kept.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn take(&mut self, _bytes: &[u8]) {}
}

/// The last bytes of a stream, however long it is.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(self.limit)..]
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

impl Sink for Tail {
    fn take(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        self.bytes.extend_from_slice(bytes);
        // Moving them to the front once in a while only keeps the work per byte constant.
        if self.bytes.len() > 2 * self.limit {
            self.bytes.drain(..self.bytes.len() - self.limit);
        }
    }
}

/// The whole lines of a stream that comes in pieces.
#[derive(Debug)]
pub(super) struct Lines {
    begun: Vec<u8>,
    longest: usize,
    too_long: bool,
}

impl Lines {
    /// Lines of more than `longest` bytes are left out.
    pub(super) fn new(longest: usize) -> Self {
        Self { begun: Vec::new(), longest, too_long: false }
    }

    /// Hands over the lines that end in these bytes, without their ends.
    pub(super) fn take(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.too_long |= self.begun.len() + text.len() > self.longest;
            if self.too_long {
                self.begun.clear();
            } else {
                self.begun.extend_from_slice(text);
            }
            if ends {
                if !self.too_long {
                    each(&self.begun);
                }
                self.begun.clear();
                self.too_long = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_the_pieces_end() {
        let text = b"one\n\ntwo three\nmuch too long a line\nfour\nopen";
        for size in 1..text.len() {
            let mut lines = Lines::new(9);
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                lines.take(piece, &mut |line| {
                    seen.push(String::from_utf8(line.to_vec()).expect("ASCII"));
                });
            }
            assert_eq!(seen, ["one", "", "two three", "four"], "in pieces of {size}");
        }
    }

    #[test]
    fn a_tail_is_the_end_of_what_came() {
        let mut tail = Tail::new(4);
        for piece in [&b"abc"[..], b"d", b"", b"efghijklm", b"no"] {
            tail.take(piece);
        }
        assert_eq!(tail.bytes(), b"lmno");
    }
}
