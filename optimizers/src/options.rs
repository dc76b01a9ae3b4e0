//! The options of an algorithm, as written behind its name: `nsga2:population=200,seed=3`.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::ops::RangeInclusive;
use std::str::FromStr;

use search_spaces::nearest;

/// What was written behind an algorithm's name, and what of it has been understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    given: BTreeMap<String, String>,
}

/// Reads options one by one; what is left over in the end is unknown.
pub(crate) struct Reader<'a> {
    given: BTreeMap<&'a str, &'a str>,
    known: Vec<&'static str>,
}

impl Options {
    /// Reads `key=value,key=value`; a key without a value means `key=true`.
    ///
    /// # Errors
    /// A key that is there twice, or an empty one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut given = BTreeMap::new();
        for option in text.split(',') {
            let (key, value) = option.split_once('=').unwrap_or((option, "true"));
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() || value.is_empty() {
                return Err(format!("found {option:?}, allowed: key=value, such as population=50"));
            }
            if given.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(format!("found {key} twice, allowed: each option once"));
            }
        }
        Ok(Self { given })
    }

    /// A reader of all options.
    pub fn reader(&self) -> Reader<'_> {
        let given = self.given.iter().map(|(key, value)| (&**key, &**value)).collect();
        Reader { given, known: Vec::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

/// In the order of the keys, so that one choice is written in one way only.
impl Display for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (key, value)) in self.given.iter().enumerate() {
            if index > 0 {
                out.write_char(',')?;
            }
            match &**value {
                "true" => out.write_str(key)?,
                value => write!(out, "{key}={value}")?,
            }
        }
        Ok(())
    }
}

impl<'a> Reader<'a> {
    /// A number within a range; `default` where it is not given.
    ///
    /// # Errors
    /// It is no such number.
    pub fn number<T>(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<T>,
        default: T,
    ) -> Result<T, String>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(key) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            let (low, high) = allowed.into_inner();
            format!("found {key}={text}, allowed: a number from {low} to {high}")
        })
    }

    /// One of several names; the first where none is given.
    ///
    /// # Errors
    /// It is none of them.
    pub fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        allowed: &[(&str, T)],
    ) -> Result<T, String> {
        let Some(text) = self.text(key) else { return Ok(allowed[0].1) };
        let found = allowed.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = allowed.iter().map(|(name, _)| *name).collect();
            format!("found {key}={text}, allowed: {}", names.join(", "))
        })
    }

    fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.known.push(key);
        self.given.remove(key)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something was given that nobody has read.
    pub fn finish(self) -> Result<(), String> {
        let Some((key, _)) = self.given.first_key_value() else { return Ok(()) };
        if self.known.is_empty() {
            return Err(format!("found the option {key}, allowed: none"));
        }
        let hint = nearest(key, self.known.iter().copied())
            .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
        Err(format!("found the option {key}{hint}, allowed: {}", self.known.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_in_one_way() {
        let options = Options::parse("population=50, b ,a=x").unwrap();
        assert_eq!(options.to_string(), "a=x,b,population=50");
        assert_eq!(Options::parse(&options.to_string()).unwrap(), options);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("population=1", "found population=1, allowed: a number from 4 to 9"),
            ("population=many", "found population=many, allowed: a number from 4 to 9"),
            ("mode=slow", "found mode=slow, allowed: quick, exact"),
            ("exact=perhaps", "found exact=perhaps, allowed: false, true"),
            (
                "popluation=5",
                "found the option popluation (did you mean population?), allowed: \
                              population, mode, exact",
            ),
        ] {
            let options = Options::parse(text).unwrap();
            let mut reader = options.reader();
            let read = reader
                .number("population", 4..=9, 5)
                .and_then(|_| reader.one_of("mode", &[("quick", 0), ("exact", 1)]))
                .and_then(|_| reader.one_of("exact", &[("false", 0), ("true", 1)]))
                .and_then(|_| reader.finish());
            assert_eq!(read.unwrap_err(), message);
        }
        assert!(Options::parse("a=1,a=2").unwrap_err().contains("a twice"));
        assert!(Options::parse("=1").unwrap_err().contains("key=value"));
    }
}
