// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Module.symvers`: the table of exports that modpost writes (`scripts/mod/modpost.c:write_dump`, 7.2)
//! and reads (`read_dump`).
//!
//! A line is `CRC symbol module type namespace`, tab-separated. Before 5.7 there was no namespace, or it
//! stood third. modpost reads a few things by accident: a sixth column becomes part of the namespace, a
//! carriage return becomes one, an empty CRC is zero. Here those are errors, because whoever wrote them
//! meant something else.

use std::collections::HashSet;
use std::io::{self, Write};

use memchr::{memchr, memchr_iter};
use rayon::prelude::*;

use crate::exports::{Class, Export, Provided, USERSPACE_GPL_TYPE};

/// What is wrong with a `Module.symvers`, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct SymversError {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: SymversErrorKind,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymversErrorKind {
    /// Bytes that are no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// An empty line.
    #[error("the line is empty")]
    EmptyLine,
    /// A carriage return.
    #[error("a carriage return (modpost would take it for a namespace)")]
    CarriageReturn,
    /// Fewer than four columns, or more than five.
    #[error("{0} columns; there are four, or five with a namespace")]
    Columns(usize),
    /// Not `0x` and up to eight hexadecimal digits.
    #[error("the CRC is {0:?}, not 0x and up to eight hexadecimal digits")]
    Crc(String),
    /// An empty symbol, or one with a blank in it.
    #[error("{0:?} is no symbol")]
    Symbol(String),
    /// An empty module, or one with a blank in it.
    #[error("{0:?} is no module")]
    Module(String),
    /// No column is an export type that there is or was.
    #[error("{0:?} is no export type")]
    Type(String),
    /// A namespace with a blank in it.
    #[error("{0:?} is no namespace")]
    Namespace(String),
    /// The symbol stood on an earlier line already.
    #[error("{0} is exported twice")]
    Twice(String),
}

/// Whether a file's first bytes look like a `Module.symvers`: a CRC and a tab.
#[must_use]
pub fn looks_like(start: &[u8]) -> bool {
    let Some(rest) = start.strip_prefix(b"0x") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    digits > 0 && rest.get(digits) == Some(&b'\t')
}

/// Reads a whole `Module.symvers`; the first thing that is wrong with it is an error.
pub fn parse(text: &[u8]) -> Result<Vec<Provided>, SymversError> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<_> = parts(text, rayon::current_num_threads()).into_par_iter().map(parse_lines).collect();
    let (mut entries, mut wrong) = (Vec::with_capacity(text.len() / 64), None);
    for (read, error) in parts {
        let before = entries.len();
        entries.extend(read);
        wrong = error.map(|error| SymversError { line: before + error.line, ..error });
        if wrong.is_some() {
            break;
        }
    }
    let mut seen = HashSet::with_capacity(entries.len());
    // Each line before the first that is wrong is one entry.
    let twice = entries.iter().position(|provided| !seen.insert(&*provided.export.name));
    if let Some((index, provided)) = twice.and_then(|index| Some((index, entries.get(index)?))) {
        let kind = SymversErrorKind::Twice(provided.export.name.to_string());
        return Err(SymversError { line: index + 1, column: 1, kind });
    }
    wrong.map_or(Ok(entries), Err)
}

/// The same text in about so many parts of whole lines.
fn parts(text: &[u8], count: usize) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    let size = text.len() / count.max(1);
    while let Some(end) = rest.get(size..).and_then(|behind| memchr(b'\n', behind)) {
        let (part, behind) = rest.split_at(size + end);
        parts.push(part);
        rest = behind.get(1..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// Reads lines up to the first that is wrong.
fn parse_lines(text: &[u8]) -> (Vec<Provided>, Option<SymversError>) {
    let mut entries: Vec<Provided> = Vec::with_capacity(text.len() / 64);
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let at = |column: usize, kind| SymversError { line: index + 1, column: column + 1, kind };
        let line = std::str::from_utf8(line).map_err(|error| at(error.valid_up_to(), SymversErrorKind::NotUtf8));
        let line = line.and_then(|line| parse_line(line).map_err(|(column, kind)| at(column, kind)));
        let (export, module) = match line {
            Ok(line) => line,
            Err(error) => return (entries, Some(error)),
        };
        // Most lines are of the same provider as the one before.
        let provided = match entries.last() {
            Some(Provided { path, provider, .. }) if **path == *module => {
                Provided { export, path: path.clone(), provider: provider.clone() }
            }
            _ => Provided::by_path(export, module),
        };
        entries.push(provided);
    }
    (entries, None)
}

/// Columns of the newest layout.
const MOST_COLUMNS: usize = 5;

/// What a line says: the export, and the module's path.
fn parse_line(line: &str) -> Result<(Export, &str), (usize, SymversErrorKind)> {
    if line.is_empty() {
        return Err((0, SymversErrorKind::EmptyLine));
    }
    if let Some(column) = memchr(b'\r', line.as_bytes()) {
        return Err((column, SymversErrorKind::CarriageReturn));
    }
    // No column is put on the heap: a kernel has thirty thousand lines.
    let mut columns = [(0, ""); MOST_COLUMNS];
    let (mut count, mut start) = (0, 0);
    for end in memchr_iter(b'\t', line.as_bytes()).chain([line.len()]) {
        if let (Some(column), Some(text)) = (columns.get_mut(count), line.get(start..end)) {
            *column = (start, text);
        }
        (count, start) = (count + 1, end + 1);
    }
    let none = (line.len(), "");
    let (crc, symbol, module, kind, namespace) = match *columns.get(..count).unwrap_or_default() {
        [crc, symbol, module, kind] => (crc, symbol, module, kind, none),
        // 5.4 to 5.6: the namespace stands third. Only a type begins like this.
        [crc, symbol, namespace, module, kind] if kind.1.starts_with("EXPORT_") && !module.1.starts_with("EXPORT_") => {
            (crc, symbol, module, kind, namespace)
        }
        [crc, symbol, module, kind, namespace] => (crc, symbol, module, kind, namespace),
        _ => return Err((0, SymversErrorKind::Columns(count))),
    };
    let wrong = |column: (usize, &str), kind: fn(String) -> SymversErrorKind| (column.0, kind(column.1.to_owned()));
    let is_plain = |byte: &u8| (b'!'..=b'~').contains(byte);
    let blank =
        |text: &str| !text.as_bytes().iter().all(is_plain) && text.chars().any(|c| c.is_whitespace() || c.is_control());
    if symbol.1.is_empty() || blank(symbol.1) {
        return Err(wrong(symbol, SymversErrorKind::Symbol));
    }
    if module.1.is_empty() || blank(module.1) {
        return Err(wrong(module, SymversErrorKind::Module));
    }
    if blank(namespace.1) {
        return Err(wrong(namespace, SymversErrorKind::Namespace));
    }
    let crc = parse_crc(crc.1).ok_or_else(|| wrong(crc, SymversErrorKind::Crc))?;
    let (class, declared_userspace_gpl) = parse_type(kind.1).ok_or_else(|| wrong(kind, SymversErrorKind::Type))?;
    let export = Export {
        name: symbol.1.into(),
        class,
        namespace: Some(namespace.1).filter(|namespace| !namespace.is_empty()).map(Into::into),
        crc,
        flags: None,
        declared_userspace_gpl,
    };
    Ok((export, module.1))
}

/// A CRC; zero is what modpost writes where there is none.
#[expect(clippy::option_option, reason = "the outer is whether the text is a CRC, the inner whether there is one")]
fn parse_crc(text: &str) -> Option<Option<u32>> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let crc = u32::from_str_radix(digits, 16).ok()?;
    Some(Some(crc).filter(|&crc| crc != 0))
}

fn parse_type(text: &str) -> Option<(Class, bool)> {
    const CLASSES: [Class; 5] = [Class::Plain, Class::Gpl, Class::GplFuture, Class::Unused, Class::UnusedGpl];
    if text == USERSPACE_GPL_TYPE {
        return Some((Class::Gpl, true));
    }
    CLASSES.into_iter().find(|class| class.symvers_type() == text).map(|class| (class, false))
}

/// Writes one line as modpost does: five columns, the last empty without a namespace. `kind` is the fourth.
pub fn write_line(out: &mut dyn Write, provided: &Provided, kind: &str) -> io::Result<()> {
    let Provided { export, path, .. } = provided;
    let namespace = export.namespace.as_deref().unwrap_or_default();
    writeln!(out, "0x{:08x}\t{}\t{path}\t{kind}\t{namespace}", export.crc.unwrap_or(0), export.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Provided {
        let mut entries = parse(line.as_bytes()).unwrap();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    fn error(text: &[u8]) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn parts_are_whole_lines_and_all_of_them() {
        for text in ["a\nbb\nccc\ndddd", "a", "aaaaaaaaa\nb", "\n\n", "a\n\nb\n"] {
            for count in 0..6 {
                let joined = parts(text.as_bytes(), count).join(&b'\n');
                assert_eq!(String::from_utf8(joined).unwrap(), text, "{count}");
            }
        }
        // What is wrong first is told, in whichever part it stands.
        let line = |number: usize| format!("0x1\tf{number}\tm\tEXPORT_SYMBOL\t\n");
        let many: String = (0..500).map(line).collect();
        assert_eq!(parse(many.as_bytes()).unwrap().len(), 500);
        let twice = many.replace("f499", "f7");
        assert_eq!(error(twice.as_bytes()), "line 500, column 1: f7 is exported twice");
        assert!(error(format!("{twice}x\n").as_bytes()).starts_with("line 500,"));
        let wrong = twice.replace("0x1\tf400", "1\tf400");
        assert!(error(wrong.as_bytes()).starts_with("line 401, column 1: the CRC"));
    }

    #[test]
    fn reads_the_layouts_there_have_been() {
        let new = one("0x1234abcd\tdma_buf_get\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n");
        assert_eq!(new.export.crc, Some(0x1234_abcd));
        assert_eq!(new.export.namespace.as_deref(), Some("DMA_BUF"));
        assert_eq!(new, one("0x1234abcd\tdma_buf_get\tDMA_BUF\tvmlinux\tEXPORT_SYMBOL_GPL"));
        let old = one("0x00000000\tf\ta/b\tEXPORT_UNUSED_SYMBOL_GPL");
        assert_eq!((old.export.class, old.export.crc, old.export.namespace), (Class::UnusedGpl, None, None));
        assert_eq!(one("0x1\tf\tm\tEXPORT_SYMBOL\t").export.namespace, None);
        let native = one("0x1\tf\tm\tEXPORT_SYMBOL_USERSPACE_GPL\t");
        assert!(native.export.declared_userspace_gpl && native.export.class == Class::Gpl);
        assert_eq!(parse(b""), Ok(vec![]));
    }

    #[test]
    fn refuses_what_modpost_reads_by_accident() {
        assert_eq!(
            error(b"0x1\tf\tm\tEXPORT_SYMBOL\tNS\textra"),
            "line 1, column 1: 6 columns; there are four, or five with a namespace"
        );
        assert_eq!(
            error(b"0x1\tf\tm\tEXPORT_SYMBOL\t\r\n"),
            "line 1, column 23: a carriage return (modpost would take it for a namespace)"
        );
        assert_eq!(
            error(b"\tf\tm\tEXPORT_SYMBOL\t"),
            "line 1, column 1: the CRC is \"\", not 0x and up to eight hexadecimal digits"
        );
    }

    #[test]
    fn says_where_and_what() {
        let good = b"0x1\tf\tm\tEXPORT_SYMBOL\t\n";
        let after = |bad: &[u8]| error(&[good.as_slice(), bad].concat());
        assert_eq!(after(b"\n\n"), "line 2, column 1: the line is empty");
        assert_eq!(after(b"0x1\tg\tm"), "line 2, column 1: 3 columns; there are four, or five with a namespace");
        assert_eq!(
            after(b"0xg\tg\tm\tEXPORT_SYMBOL\t"),
            "line 2, column 1: the CRC is \"0xg\", not 0x and up to eight hexadecimal digits"
        );
        assert_eq!(after(b"0x1\t\tm\tEXPORT_SYMBOL\t"), "line 2, column 5: \"\" is no symbol");
        assert_eq!(after(b"0x1\tg\t\tEXPORT_SYMBOL\t"), "line 2, column 7: \"\" is no module");
        assert_eq!(
            after(b"0x1\tg\tm\tEXPORT_SYMBOL_GPL2\t"),
            "line 2, column 9: \"EXPORT_SYMBOL_GPL2\" is no export type"
        );
        assert_eq!(after(b"0x1\tg\tm\tEXPORT_SYMBOL\tA B"), "line 2, column 23: \"A B\" is no namespace");
        assert_eq!(after(b"0x1\tf\tn\tEXPORT_SYMBOL\t"), "line 2, column 1: f is exported twice");
        assert_eq!(after(b"0x1\t\xff\tm\tEXPORT_SYMBOL\t"), "line 2, column 5: not UTF-8");
    }

    #[test]
    fn writes_what_it_reads() {
        let text = "0x1234abcd\ta\tvmlinux\tEXPORT_SYMBOL_GPL\tNS\n0x00000000\tb\tx/y\tEXPORT_SYMBOL\t\n";
        let mut out = Vec::new();
        for entry in parse(text.as_bytes()).unwrap() {
            write_line(&mut out, &entry, entry.export.symvers_type()).unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
