// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other people's bytes as text: what may be shown on somebody's terminal or in a build's log, and how.

use std::borrow::Cow;

use crate::limits;

/// Two hexadecimal digits a byte, as build-ids and hashes are written.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of so many pairs of hexadecimal digits; nothing if it is anything else.
pub(crate) fn bytes_of_digits<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The same with a space between two bytes, as a dump shows them.
pub(crate) fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Bytes as a name; nothing if they are not UTF-8, or would do something to a terminal. No compiler makes such a
/// name, and no kernel exports one.
pub(crate) fn name(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(acts)).then_some(text)
}

/// Bytes as a symbol or namespace: a name without blanks, as no table of the kernel's could hold one.
pub(crate) fn symbol(bytes: &[u8]) -> Option<&str> {
    name(bytes).filter(|name| !name.contains(char::is_whitespace))
}

/// A text with what would do something to a terminal written out.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if acts(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// A text as TOML quotes it.
pub(crate) fn quoted(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if acts(c) => format!("\\U{:08X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// A list for a sentence: the first few, and how many more.
pub(crate) fn list(items: &[impl AsRef<str>]) -> String {
    let shown = items.iter().take(limits::NAMED).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(limits::NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether a character does something instead of showing something: control characters, those that change the
/// direction of what follows, those that can't be seen, and those that are none (XML holds no U+FFFE and U+FFFF).
fn acts(c: char) -> bool {
    c.is_control()
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing() {
        assert_eq!(name(b"dma_buf_get"), Some("dma_buf_get"));
        for not in [b"".as_slice(), b"a\nb", b"a\x1b[2Jb", b"\xff", "a\u{202e}b".as_bytes()] {
            assert_eq!(name(not), None, "{not:?}");
        }
    }

    #[test]
    fn lists_are_capped() {
        let items: Vec<String> = (0..12).map(|number| format!("s{number}")).collect();
        assert_eq!(list(&items), "s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more");
        assert_eq!(list(&items[..2]), "s0, s1");
    }

    #[test]
    fn what_acts_is_written_out() {
        assert_eq!(shown("plain/path.ko"), "plain/path.ko");
        assert_eq!(shown("a\nERROR: b\u{1b}[0m"), "a\\nERROR: b\\u{1b}[0m");
    }
}
