// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line of a `Module.symvers`.
//!
//! It is `CRC symbol module type namespace`, tab-separated. Before 5.7 there was no namespace, or it
//! stood third. modpost reads a few things by accident: a sixth column becomes part of the namespace, a
//! carriage return becomes one, an empty CRC is zero. Here those are errors, because whoever wrote them
//! meant something else.

use std::io::{self, Write};

use memchr::{memchr, memchr_iter};

use crate::exports::{Class, Export, Provided, USERSPACE_GPL_TYPE};

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

/// Columns of the newest layout.
const MOST_COLUMNS: usize = 5;

/// What a line says.
pub(super) struct Line<'t> {
    pub(super) symbol: &'t str,
    /// The path of the module, or `vmlinux`.
    pub(super) module: &'t str,
    class: Class,
    declared_userspace_gpl: bool,
    namespace: &'t str,
    crc: Option<u32>,
}

/// Whether it is something to be seen, in ASCII.
pub(super) fn is_graphic(byte: u8) -> bool {
    (b'!'..=b'~').contains(&byte)
}

impl<'t> Line<'t> {
    /// Reads it; an error is behind its column, from 0. A clean line has nothing in it but what can be seen, and tabs.
    pub(super) fn parse(line: &'t str, is_clean: bool) -> Result<Self, (usize, SymversErrorKind)> {
        if line.is_empty() {
            return Err((0, SymversErrorKind::EmptyLine));
        }
        if let Some(column) = Some(line).filter(|_| !is_clean).and_then(|line| memchr(b'\r', line.as_bytes())) {
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
            [crc, symbol, namespace, module, kind]
                if kind.1.starts_with("EXPORT_") && !module.1.starts_with("EXPORT_") =>
            {
                (crc, symbol, module, kind, namespace)
            }
            [crc, symbol, module, kind, namespace] => (crc, symbol, module, kind, namespace),
            _ => return Err((0, SymversErrorKind::Columns(count))),
        };
        let wrong = |column: (usize, &str), kind: fn(String) -> SymversErrorKind| (column.0, kind(column.1.to_owned()));
        let blank = |text: &str| !is_clean && text.chars().any(|c| c.is_whitespace() || c.is_control());
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
        Ok(Self { symbol: symbol.1, module: module.1, class, declared_userspace_gpl, namespace: namespace.1, crc })
    }

    /// The export and its provider.
    pub(super) fn provided(&self) -> Provided {
        let export = Export {
            name: self.symbol.into(),
            class: self.class,
            namespace: Some(self.namespace).filter(|namespace| !namespace.is_empty()).map(Into::into),
            crc: self.crc,
            flags: None,
            declared_userspace_gpl: self.declared_userspace_gpl,
        };
        Provided::by_path(export, self.module)
    }
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
