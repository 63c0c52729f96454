// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Module.symvers`: the table of exports that modpost writes (`scripts/mod/modpost.c:write_dump`, 7.2)
//! and reads (`read_dump`).

mod line;

use std::ops::Range;
use std::sync::OnceLock;

use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use crate::exports::{Names, Provided, VMLINUX};
use line::{Line, is_graphic};
pub use line::{SymversErrorKind, write_line};

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

/// Whether a file's first bytes look like a `Module.symvers`: a CRC and a tab.
#[must_use]
pub fn looks_like(start: &[u8]) -> bool {
    let Some(rest) = start.strip_prefix(b"0x") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    digits > 0 && rest.get(digits) == Some(&b'\t')
}

/// The exports of a `Module.symvers`, each symbol once, in the order of its lines.
///
/// All lines were looked at; what one of them says is only put together when it is asked for: a kernel exports thirty thousand
/// symbols, and a module imports a hundred.
#[derive(Debug, Default)]
pub struct Symvers {
    text: String,
    /// Where the symbols of its lines stand.
    symbols: Vec<Place>,
    names: Names,
    entries: Vec<OnceLock<Option<Box<Provided>>>>,
    tells_vmlinux: bool,
}

impl Symvers {
    /// Reads a whole `Module.symvers`; the first thing that is wrong with it is an error.
    pub fn parse(text: Vec<u8>) -> Result<Self, SymversError> {
        let (text, no_text) = match String::from_utf8(text) {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..at).unwrap_or_default();
                let start = memrchr(b'\n', before).map_or(0, |newline| newline + 1);
                let before = String::from_utf8_lossy(before.get(..start).unwrap_or_default()).into_owned();
                (before, Some(at - start))
            }
        };
        let mut symvers = Self::of_text(text)?;
        if let Some(column) = no_text {
            let line = symvers.symbols.len() + 1;
            return Err(SymversError { line, column: column + 1, kind: SymversErrorKind::NotUtf8 });
        }
        symvers.entries.resize_with(symvers.symbols.len(), OnceLock::new);
        Ok(symvers)
    }

    fn of_text(text: String) -> Result<Self, SymversError> {
        let whole = text.strip_suffix('\n').unwrap_or(&text);
        if whole.is_empty() {
            return Ok(Self { text, ..Self::default() });
        }
        let parts = parts(whole.as_bytes(), rayon::current_num_threads());
        let parts: Vec<Part> = parts.into_par_iter().map(|part| Part::look_at(whole, part)).collect();
        let count = parts.iter().map(|part| part.symbols.len()).sum();
        let (mut symbols, mut names) = (Vec::with_capacity(count), Names::with_capacity(count));
        let mut tells_vmlinux = false;
        for part in parts {
            // Each line before the first that is wrong is one entry.
            let before = symbols.len();
            for place in part.symbols {
                symbols.push(place);
                let symbol = place.of(whole);
                if !names.insert(symbol, symbols.len() - 1, |index| symbol_of(whole, &symbols, index)) {
                    let kind = SymversErrorKind::Twice(symbol.to_owned());
                    return Err(SymversError { line: symbols.len(), column: 1, kind });
                }
            }
            if let Some(wrong) = part.wrong {
                return Err(SymversError { line: before + wrong.line, ..wrong });
            }
            tells_vmlinux |= part.tells_vmlinux;
        }
        Ok(Self { text, symbols, names, entries: Vec::new(), tells_vmlinux })
    }

    /// How many exports it tells of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether it tells of none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Whether it tells what the kernel image exports.
    #[must_use]
    pub fn tells_vmlinux(&self) -> bool {
        self.tells_vmlinux
    }

    /// On which of its lines a symbol stands, from 0.
    #[must_use]
    pub fn index(&self, symbol: &str) -> Option<usize> {
        self.names.find(symbol, |index| symbol_of(&self.text, &self.symbols, index))
    }

    /// What a line says, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Provided> {
        let entry = self.entries.get(index)?;
        entry.get_or_init(|| self.line(index).map(|line| Box::new(line.provided()))).as_deref()
    }

    fn line(&self, index: usize) -> Option<Line<'_>> {
        let (before, behind) = self.text.split_at_checked(self.symbols.get(index)?.start as usize)?;
        let start = memrchr(b'\n', before.as_bytes()).map_or(0, |newline| newline + 1);
        let end = before.len() + memchr(b'\n', behind.as_bytes()).unwrap_or(behind.len());
        Line::parse(self.text.get(start..end)?, false).ok()
    }

    /// What all lines say.
    pub fn iter(&self) -> impl Iterator<Item = &Provided> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// Where a symbol stands in the text, in bytes; no line is longer than that, and no text ([`crate::limits`]).
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: u32,
    len: u32,
}

impl Place {
    /// That of the line that begins there: its second column.
    fn on(line: &str, start: usize) -> Self {
        let mut tabs = memchr_iter(b'\t', line.as_bytes());
        let columns = tabs.next().zip(tabs.next());
        let (first, second) = columns.map_or((0, 0), |(first, second)| (first + 1, second));
        let number = |number: usize| u32::try_from(number).unwrap_or(0);
        Self { start: number(start + first), len: number(second - first) }
    }

    fn of(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

fn symbol_of<'t>(text: &'t str, symbols: &[Place], index: usize) -> &'t str {
    symbols.get(index).map_or("", |place| place.of(text))
}

/// The same text in about so many parts of whole lines, which are not empty.
fn parts(text: &[u8], count: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let size = text.len() / count.max(1);
    while let Some(end) = text.get(start + size..).and_then(|behind| memchr(b'\n', behind)) {
        parts.push(start..start + size + end);
        start += size + end + 1;
    }
    parts.push(start..text.len());
    parts
}

/// What is in a part of a file.
struct Part {
    /// Where the symbols of its lines stand, up to the first that is wrong.
    symbols: Vec<Place>,
    /// What is wrong with that; its line is counted within the part.
    wrong: Option<SymversError>,
    tells_vmlinux: bool,
}

impl Part {
    fn look_at(text: &str, part: Range<usize>) -> Self {
        let bytes = text.as_bytes().get(part.clone()).unwrap_or_default();
        // All at once is quicker than line by line, and nothing else is in a file that modpost wrote.
        let is_clean =
            bytes.iter().fold(true, |clean, &byte| clean & (is_graphic(byte) | matches!(byte, b'\t' | b'\n')));
        let mut looked_at = Self { symbols: Vec::with_capacity(bytes.len() / 48), wrong: None, tells_vmlinux: false };
        let mut start = part.start;
        for end in memchr_iter(b'\n', bytes).map(|end| part.start + end).chain([part.end]) {
            let line = text.get(start..end).unwrap_or_default();
            match Line::parse(line, is_clean) {
                Ok(parsed) => looked_at.tells_vmlinux |= parsed.module == VMLINUX,
                Err((column, kind)) => {
                    let line = looked_at.symbols.len() + 1;
                    looked_at.wrong = Some(SymversError { line, column: column + 1, kind });
                    break;
                }
            }
            looked_at.symbols.push(Place::on(line, start));
            start = end + 1;
        }
        looked_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::Class;

    fn parse(text: &[u8]) -> Result<Vec<Provided>, SymversError> {
        let symvers = Symvers::parse(text.to_vec())?;
        assert_eq!(symvers.iter().count(), symvers.len());
        Ok(symvers.iter().cloned().collect())
    }

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
                let joined: Vec<_> = parts(text.as_bytes(), count).into_iter().map(|part| &text[part]).collect();
                assert_eq!(joined.join("\n"), text, "{count}");
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
        assert_eq!(
            after(b"0x1\tg\n0x1\t\xff"),
            "line 2, column 1: 2 columns; there are four, or five with a namespace"
        );
        assert_eq!(error(b"\xff"), "line 1, column 1: not UTF-8");
    }

    #[test]
    fn finds_a_symbol_by_its_name() {
        let text = "0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n0x2\tbb\tx\tEXPORT_SYMBOL_GPL\t\n";
        let symvers = Symvers::parse(text.into()).unwrap();
        assert_eq!((symvers.index("bb"), symvers.index("b"), symvers.index("")), (Some(1), None, None));
        assert_eq!(symvers.get(1).unwrap().provider.as_str(), "x");
        assert!(symvers.get(2).is_none() && symvers.tells_vmlinux());
        assert!(!Symvers::parse(b"0x1\ta\tx/vmlinux\tEXPORT_SYMBOL\t".to_vec()).unwrap().tells_vmlinux());
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
