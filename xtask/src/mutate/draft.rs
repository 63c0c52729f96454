// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module that is being changed: what is where in it, and the ways to change that.

use super::raw::{Field, Head, Machine, SHT_SYMTAB, Section, SymbolField, index, string};

/// A module's bytes with what was done to them.
#[derive(Debug, Clone)]
pub struct Draft {
    pub bytes: Vec<u8>,
    pub machine: Machine,
    /// What was done, in words.
    pub log: Vec<String>,
}

/// What is where in a module that can still be read.
#[derive(Debug, Clone)]
pub struct Map {
    pub sections: Vec<Section>,
    pub names: Section,
    pub symbols: usize,
    pub strings: Section,
}

impl Draft {
    /// A copy of these bytes, in this buffer.
    pub fn new(mut buffer: Vec<u8>, bytes: &[u8], machine: Machine) -> Self {
        buffer.clear();
        buffer.extend_from_slice(bytes);
        Self { bytes: buffer, machine, log: Vec::new() }
    }

    pub fn head(&self, field: Head) -> u64 {
        let (at, len) = field.place(self.machine);
        self.machine.get(&self.bytes, at, len).unwrap_or(0)
    }

    pub fn set_head(&mut self, field: Head, value: u64) {
        let (at, len) = field.place(self.machine);
        self.machine.put(&mut self.bytes, at, len, value);
        self.log.push(format!("ELF header: {field:?} = {value:#x}"));
    }

    /// Where a section's header is.
    pub fn header(&self, section: usize) -> usize {
        index(self.head(Head::Table)).saturating_add(section.saturating_mul(self.machine.section_len()))
    }

    pub fn field(&self, section: usize, field: Field) -> u64 {
        let (at, len) = field.place(self.machine);
        self.machine.get(&self.bytes, self.header(section).saturating_add(at), len).unwrap_or(0)
    }

    pub fn set(&mut self, section: usize, field: Field, value: u64) {
        let (at, len) = field.place(self.machine);
        let at = self.header(section).saturating_add(at);
        self.machine.put(&mut self.bytes, at, len, value);
        self.log.push(format!("section {section}: {field:?} = {value:#x}"));
    }

    /// What is where, as the last symbol table has it; nothing if there is no making sense of it.
    pub fn map(&self) -> Option<Map> {
        let count = index(self.head(Head::Sections)).min(1 << 16);
        let read = |section| Section::read(self.machine, &self.bytes, self.header(section));
        let sections: Vec<Section> = (0..count).map_while(read).collect();
        let names = *sections.get(index(self.head(Head::Names)))?;
        let symbols = sections.iter().rposition(|section| section.kind == SHT_SYMTAB)?;
        let strings = *sections.get(index(sections.get(symbols)?.link))?;
        Some(Map { sections, names, symbols, strings })
    }

    /// Puts bytes behind everything else, where a word may start, and returns where.
    pub fn append(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// The bytes of a section, if they are there.
    pub fn content(&self, section: &Section) -> Vec<u8> {
        let rest = self.bytes.get(index(section.offset)..).unwrap_or_default();
        rest.get(..index(section.size)).unwrap_or_default().to_vec()
    }

    /// Gives a section these bytes, behind everything else.
    pub fn replace(&mut self, section: usize, bytes: &[u8]) {
        let at = self.append(bytes);
        self.set(section, Field::Offset, at);
        self.set(section, Field::Size, bytes.len() as u64);
    }

    /// Moves the section headers behind everything else, changed.
    pub fn change_table(&mut self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let count = index(self.head(Head::Sections));
        let header = |section| {
            let at = self.header(section);
            self.bytes.get(at..at.saturating_add(self.machine.section_len())).map(<[u8]>::to_vec)
        };
        let mut headers: Vec<Vec<u8>> = (0..count).map_while(header).collect();
        change(&mut headers);
        let at = self.append(&headers.concat());
        self.set_head(Head::Table, at);
        self.set_head(Head::Sections, headers.len() as u64);
    }

    /// Adds a section's header behind the others, and returns its number.
    pub fn add_header(&mut self, header: Vec<u8>) -> usize {
        let mut number = 0;
        self.change_table(|headers| {
            number = headers.len();
            headers.push(header);
        });
        number
    }

    pub fn header_bytes(&self, section: usize) -> Vec<u8> {
        let at = self.header(section);
        self.bytes.get(at..at.saturating_add(self.machine.section_len())).unwrap_or_default().to_vec()
    }

    /// Where a symbol is.
    pub fn symbol(&self, map: &Map, symbol: usize) -> usize {
        let table = map.sections.get(map.symbols).map_or(0, |section| index(section.offset));
        table.saturating_add(symbol.saturating_mul(self.machine.symbol_len()))
    }

    pub fn symbol_field(&self, map: &Map, symbol: usize, field: SymbolField) -> u64 {
        let (at, len) = field.place(self.machine);
        self.machine.get(&self.bytes, self.symbol(map, symbol).saturating_add(at), len).unwrap_or(0)
    }

    pub fn set_symbol(&mut self, map: &Map, symbol: usize, field: SymbolField, value: u64) {
        self.put_symbol(map, symbol, field, value);
        self.log.push(format!("symbol {symbol}: {field:?} = {value:#x}"));
    }
}

impl Draft {
    /// The same without a word.
    pub fn put_symbol(&mut self, map: &Map, symbol: usize, field: SymbolField, value: u64) {
        let (at, len) = field.place(self.machine);
        let at = self.symbol(map, symbol).saturating_add(at);
        self.machine.put(&mut self.bytes, at, len, value);
    }

    /// The same for a section's header.
    pub fn put(&mut self, section: usize, field: Field, value: u64) {
        let (at, len) = field.place(self.machine);
        let at = self.header(section).saturating_add(at);
        self.machine.put(&mut self.bytes, at, len, value);
    }
}

impl Map {
    /// The section of this name.
    pub fn find(&self, draft: &Draft, name: &str) -> Option<usize> {
        self.sections.iter().position(|section| {
            string(&draft.bytes, self.names.offset.saturating_add(section.name)) == Some(name.as_bytes())
        })
    }

    /// As many as the table says, but no more than the file has room for.
    pub fn symbol_count(&self, draft: &Draft) -> usize {
        let len = draft.machine.symbol_len();
        let size = self.sections.get(self.symbols).map_or(0, |section| index(section.size));
        size.min(draft.bytes.len()) / len
    }

    /// The symbols of these names that have no section, with the names.
    pub fn undefined(&self, draft: &Draft, wanted: &[String]) -> Vec<(usize, Vec<u8>)> {
        let undefined =
            (1..self.symbol_count(draft)).filter(|symbol| draft.symbol_field(self, *symbol, SymbolField::Section) == 0);
        let named = undefined.filter_map(|symbol| {
            let name = draft.symbol_field(self, symbol, SymbolField::Name);
            Some((symbol, string(&draft.bytes, self.strings.offset.saturating_add(name))?.to_vec()))
        });
        named.filter(|(_, name)| wanted.iter().any(|wanted| wanted.as_bytes() == name)).collect()
    }
}
