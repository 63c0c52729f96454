// SPDX-License-Identifier: MIT OR Apache-2.0
//! `.modinfo`: NUL-separated `tag=value` strings (`include/linux/moduleparam.h:MODULE_INFO`, read by
//! `kernel/module/main.c:get_next_modinfo`).

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// All of a module's `.modinfo`, in file order, repeated tags included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModInfo {
    /// The whole section as text; the ranges below point into it, because a tree's modules have tens
    /// of thousands of aliases and none of them is worth an allocation.
    text: Box<str>,
    tags: Vec<(Range<u32>, Range<u32>)>,
    strays: Vec<(Range<u32>, Option<usize>)>,
    /// Whether the section ends without a NUL.
    pub unterminated: bool,
}

impl ModInfo {
    /// Reads the section's bytes.
    #[must_use]
    pub fn parse(section: &[u8]) -> Self {
        let text = String::from_utf8_lossy(section);
        let mut info = Self { unterminated: section.last().is_some_and(|&byte| byte != 0), ..Self::default() };
        let mut start = 0_usize;
        for string in text.split('\0') {
            let end = start + string.len();
            // Behind a NUL in a string anything may stand, an `=` too; but no tag has a blank in it.
            let is_tag = |equals: &usize| string.get(..*equals).is_some_and(is_tag);
            if let Some(equals) = string.find('=').filter(is_tag) {
                info.tags.push((range(start, start + equals), range(start + equals + 1, end)));
            } else if !string.is_empty() {
                info.strays.push((range(start, end), info.tags.len().checked_sub(1)));
            }
            start = end + 1;
        }
        info.text = text.into();
        info
    }

    fn slice(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// All tags and values in file order.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.tags.iter().map(|(tag, value)| (self.slice(tag), self.slice(value)))
    }

    /// Strings that are no `tag=value`, each with the tag that it follows. A NUL inside a `MODULE_LICENSE` leaves
    /// one; no stock module has any.
    pub fn strays(&self) -> impl Iterator<Item = (&str, Option<&str>)> + '_ {
        self.strays.iter().map(|(text, follows)| {
            let follows = follows.and_then(|index| self.tags.get(index)).map(|(tag, _)| self.slice(tag));
            (self.slice(text), follows)
        })
    }

    /// All values of a tag, in file order.
    pub fn all<'i>(&'i self, tag: &'i str) -> impl Iterator<Item = &'i str> + 'i {
        self.tags().filter(move |&(name, _)| name == tag).map(|(_, value)| value)
    }

    /// The first of these tags whose value is not UTF-8, and stands here with replacement characters. (An author's name
    /// may be; nothing hangs on it.)
    #[must_use]
    pub fn not_utf8<'t>(&self, tags: &[&'t str]) -> Option<&'t str> {
        tags.iter().copied().find(|tag| self.all(tag).any(|value| value.contains('\u{fffd}')))
    }

    /// The first value of a tag, which is the one that the loader reads.
    #[must_use]
    pub fn first<'i>(&'i self, tag: &'i str) -> Option<&'i str> {
        self.all(tag).next()
    }
}

/// Whether a text can be a tag: they are C identifiers, with a module's name before a dot in what is built in.
fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// A range in a section, whose size `limits::FILE_BYTES` keeps below what 32 bits hold.
fn range(start: usize, end: usize) -> Range<u32> {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    short(start)..short(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_repeats() {
        let info = ModInfo::parse(b"license=GPL\0import_ns=A\0\0import_ns=B=C\0license=MIT\0");
        assert_eq!(info.all("license").collect::<Vec<_>>(), ["GPL", "MIT"]);
        assert_eq!(info.all("import_ns").collect::<Vec<_>>(), ["A", "B=C"]);
        assert_eq!(info.first("license"), Some("GPL"));
        assert_eq!(info.strays().count(), 0);
        assert!(!info.unterminated && info.not_utf8(&["license"]).is_none());
    }

    #[test]
    fn tells_a_stray_and_what_it_follows() {
        let info = ModInfo::parse(b"license=GPL\0 but not really\0name=x");
        assert_eq!(info.strays().collect::<Vec<_>>(), [(" but not really", Some("license"))]);
        assert!(info.unterminated);
        assert_eq!(ModInfo::parse(b"stray\0a=b\0").strays().collect::<Vec<_>>(), [("stray", None)]);
        let hidden = ModInfo::parse(b"license=GPL\0 for files=all\0=x\0");
        assert_eq!(hidden.strays().map(|(text, _)| text).collect::<Vec<_>>(), [" for files=all", "=x"]);
    }

    #[test]
    fn reads_nothing_from_nothing() {
        assert_eq!(ModInfo::parse(b""), ModInfo::default());
        let info = ModInfo::parse(b"author=J\xf6rg\0license=\xff\0");
        assert_eq!(info.not_utf8(&["name", "license"]), Some("license"));
    }
}
