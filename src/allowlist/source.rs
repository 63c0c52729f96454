// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an entry of the allowlists stands, and what is wrong with it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr_iter, memrchr};
use serde::Serialize;
use serde_path_to_error::{Path, Segment};
use toml::Spanned;

/// A line of an allowlist: what a finding points to as the one that decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as the user knows it.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    #[serde(skip)]
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One thing that is wrong with an allowlist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Fault {
    /// The file.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// One file of an allowlist.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The file as the user knows it.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Whether it is part of the data that ships with symgate.
    pub is_embedded: bool,
}

impl SourceFile {
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text).as_bytes();
        let line_start = memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        (memchr_iter(b'\n', before).count() + 1, before.len() - line_start + 1)
    }

    /// The place of a span.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = self.position(span.start);
        Place { file: Arc::clone(&self.name), line, column }
    }

    /// A fault at a span.
    #[must_use]
    pub fn fault(&self, span: &Range<usize>, message: impl Into<String>) -> Fault {
        let (line, column) = self.position(span.start);
        Fault { file: Arc::clone(&self.name), line, column, message: message.into() }
    }

    /// A fault on a line.
    #[must_use]
    pub fn fault_at(&self, place: &Place, message: impl Into<String>) -> Fault {
        Fault { file: Arc::clone(&self.name), line: place.line, column: 1, message: message.into() }
    }

    /// Parses the text; the fault names line and column. What an entry lacks stands nowhere: it is told where the entry begins.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Fault> {
        let fault = |error: &toml::de::Error, entry: Option<Range<usize>>| {
            self.fault(&error.span().or(entry).unwrap_or(0..0), error.message().replace('\n', "; "))
        };
        let document = toml::Deserializer::parse(&self.text).map_err(|error| fault(&error, None))?;
        serde_path_to_error::deserialize(document).map_err(|error| fault(error.inner(), self.entry(error.path())))
    }

    /// The same; a fault is noted.
    pub(super) fn parsed<T: serde::de::DeserializeOwned>(&self, faults: &mut Vec<Fault>) -> Option<T> {
        self.parse().map_err(|fault| faults.push(fault)).ok()
    }

    /// Where the entry begins that a path leads into: `module[3].name` into the fourth `[[module]]`.
    fn entry(&self, path: &Path) -> Option<Range<usize>> {
        let mut segments = path.iter();
        let (Some(Segment::Map { key }), Some(Segment::Seq { index })) = (segments.next(), segments.next()) else {
            return None;
        };
        let header = format!("[[{key}]]");
        let mut offset = 0;
        let starts = self.text.split_inclusive('\n').filter_map(|line| {
            let start = offset;
            offset += line.len();
            line.starts_with(&header).then_some(start..start + header.len())
        });
        starts.into_iter().nth(*index)
    }

    /// Turns a text into what it means, or notes why it can't be.
    pub fn read<T>(&self, text: &Spanned<String>, faults: &mut Vec<Fault>) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        text.get_ref().parse().map_err(|error| faults.push(self.fault(&text.span(), format!("{error}")))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_line_and_column() {
        let file = SourceFile { name: "x.toml".into(), text: "a = 1\nbb = 2\n".into(), is_embedded: false };
        assert_eq!(file.fault(&(6..8), "no").to_string(), "x.toml:2:1: no");
        assert_eq!(file.fault(&(11..12), "no").to_string(), "x.toml:2:6: no");
        assert_eq!(file.place(&(99..100)).line, 3);
    }

    #[test]
    fn tells_which_entry_lacks_something() {
        #[derive(Debug, serde::Deserialize)]
        struct Entries {
            #[expect(dead_code, reason = "only the error counts")]
            one: Vec<Entry>,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Entry {
            #[expect(dead_code, reason = "only the error counts")]
            name: String,
        }
        let text = "[[one]]\nname = \"a\"\n\n[[one]]\nname = 5\n";
        let told = |text: &str| {
            let file = SourceFile { name: "x.toml".into(), text: text.into(), is_embedded: false };
            file.parse::<Entries>().unwrap_err().to_string()
        };
        assert!(told(text).starts_with("x.toml:5:8: invalid type"), "{}", told(text));
        assert_eq!(told(&text.replace("name = 5", "")), "x.toml:4:1: missing field `name`");
        assert!(told("one = [").starts_with("x.toml:1:"), "{}", told("one = ["));
    }
}
