//! What a person sees of a trial that is run for them.

use super::words::excerpt;

/// So many entries are kept from the beginning, and as many from the end.
const MOST: usize = 100;

/// Notes what happens, in order, where somebody wants to see it; otherwise it does nothing.
pub(super) struct Trace {
    seen: Option<Vec<(String, String)>>,
    left_out: usize,
}

impl Trace {
    /// Nobody looks.
    pub(super) fn off() -> Self {
        Self { seen: None, left_out: 0 }
    }

    /// Somebody looks.
    pub(super) fn on() -> Self {
        Self { seen: Some(Vec::new()), left_out: 0 }
    }

    /// Whether somebody looks.
    pub(super) fn is_on(&self) -> bool {
        self.seen.is_some()
    }

    /// Notes the end of a text under a label.
    pub(super) fn note(&mut self, label: &str, text: &[u8]) {
        let Some(seen) = &mut self.seen else { return };
        seen.push((label.to_owned(), excerpt(text)));
        // A trial may report a million times; how it begins and how it ends is what tells.
        if seen.len() > 2 * MOST {
            seen.remove(MOST);
            self.left_out += 1;
        }
    }

    /// All that was seen.
    pub(super) fn finish(self) -> Vec<(String, String)> {
        let mut seen = self.seen.unwrap_or_default();
        if self.left_out > 0 {
            seen.insert(MOST, ("...".to_owned(), format!("{} more", self.left_out)));
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_trace_keeps_its_beginning_and_its_end() {
        let mut trace = Trace::on();
        for i in 0..1000 {
            trace.note("n", i.to_string().as_bytes());
        }
        let seen = trace.finish();
        assert_eq!(seen.len(), 2 * MOST + 1);
        assert_eq!((seen[99].1.as_str(), seen[100].1.as_str()), ("99", "800 more"));
        assert_eq!((seen[101].1.as_str(), seen[200].1.as_str()), ("900", "999"));
    }
}
