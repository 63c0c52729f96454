// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a module finds while it runs: by which functions, and by which names, as far as its code tells.
//!
//! A name is told if it is what a call passes: followed from the call backwards, through registers, the stack, the module's
//! data and its own functions. Not any string of the module is a name that it looks up.

mod arm;
mod arm64;
mod data;
mod finder;
mod program;
mod reader;
mod step;
mod unread;
mod values;
mod walk;
mod x86;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::elf::{Elf, Symbols};
use super::exports;
use super::graph::Place;
use super::imports::{Binding, Import};
use crate::text;
use data::Data;
pub use finder::Gives;
use program::{Extent, Program};
use reader::{Finders, Reader};
pub(super) use walk::walks_modules;

/// One place at which a module finds something while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The function by which: an import, or one whose address was found itself.
    pub by: Box<str>,
    /// What that gives.
    pub gives: Gives,
    /// Whether it is called by a pointer.
    pub is_by_pointer: bool,
    /// The names that are told it, sorted. One of a function that takes patterns may be one.
    pub names: Vec<Box<str>>,
    /// Whether it may be told others, which nobody can tell.
    pub is_open: bool,
    /// The call.
    pub(in crate::module) at: Place,
}

/// All that a module finds while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookups {
    /// By calls, in the order of their places.
    pub calls: Vec<Lookup>,
    /// Whether it goes along the kernel's list of modules, from its own place in that (`struct module.list`).
    pub walks_modules: bool,
}

/// What is found by one function, at all places together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'l> {
    /// The function.
    pub by: &'l str,
    /// What it gives.
    pub gives: Gives,
    /// Whether it is called by a pointer, too.
    pub is_by_pointer: bool,
    /// The names that it is told, sorted.
    pub names: BTreeSet<&'l str>,
    /// Whether it may be told others.
    pub is_open: bool,
}

impl Told<'_> {
    /// What it is told, in words.
    #[must_use]
    pub fn what(&self) -> String {
        let names: Vec<&str> = self.names.iter().copied().collect();
        match (names.as_slice(), self.is_open) {
            ([], _) => "what can't be told".to_owned(),
            (names, false) => text::list(names),
            (names, true) => format!("{}, and what can't be told", text::list(names)),
        }
    }
}

impl Lookups {
    /// By which functions it finds what, sorted by these.
    #[must_use]
    pub fn told(&self) -> Vec<Told<'_>> {
        let mut told: BTreeMap<&str, Told<'_>> = BTreeMap::new();
        for call in &self.calls {
            let Lookup { by, gives, .. } = call;
            let of_it = told.entry(by).or_insert_with(|| Told {
                by,
                gives: *gives,
                is_by_pointer: false,
                names: BTreeSet::new(),
                is_open: false,
            });
            of_it.is_by_pointer |= call.is_by_pointer;
            of_it.is_open |= call.is_open;
            of_it.names.extend(call.names.iter().map(|name| &**name));
        }
        told.into_values().collect()
    }

    /// Whether it finds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && !self.walks_modules
    }

    /// The names by which it finds something, sorted, each once.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.calls.iter().flat_map(|call| &call.names).map(|name| &**name).collect()
    }

    /// Whether it may find what nobody can tell.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.walks_modules || self.calls.iter().any(|call| call.is_open)
    }
}

/// Others' functions that hand out what one of the kernel's gives, by name.
pub(super) type More<'m> = &'m dyn Fn(&str) -> bool;

/// Whether any of a module's imports is one by which it could find something.
pub(super) fn are_in(imports: &[Import]) -> bool {
    imports.iter().any(|import| finder::find(&import.name).is_some())
}

/// Reads what a module finds by the kernel's functions, and by more. Of what claims to be the kernel's own, and so was made by
/// its compiler, most code need not be read.
pub(super) fn read(elf: &Elf<'_>, symbols: &Symbols<'_>, more: More<'_>, claims: bool) -> Lookups {
    let finders = Finders::of(symbols, more);
    let exported: Vec<Place> = exports::places(elf, symbols).into_iter().filter_map(|(_, place)| place).collect();
    let data = Data::new(elf, symbols);
    let read = |extent| {
        let mut program = Program::read(elf, symbols, &exported, &extent)?;
        if let Extent::Whole = extent {
            program.open_up(data.pointed_at());
        }
        let calls = Reader { program: &program, data: &data, finders: &finders, class: elf.machine.class }.calls();
        Some((calls, program.lacks()))
    };
    // Most names stand where they are passed; only where they do not, the rest of the code is read, too.
    let is_finder = |symbol: u32| finders.by_symbol.contains_key(&symbol);
    let part = if claims { read(Extent::Around(&is_finder)) } else { None };
    let calls = part.filter(|(_, lacks)| !lacks).or_else(|| read(Extent::Whole)).map(|(calls, _)| calls);
    let calls = calls.unwrap_or_else(|| unread::calls(elf, symbols, &finders));
    Lookups { calls, walks_modules: false }
}

/// What is found by name and not imported, as imports, sorted; `expand` says what a pattern stands for.
pub fn found(lookups: &Lookups, imports: &[Import], expand: &dyn Fn(&str) -> Vec<String>) -> Vec<Import> {
    let mut names: BTreeSet<Box<str>> = BTreeSet::new();
    for name in lookups.names() {
        if is_pattern(name) {
            names.extend(expand(name).into_iter().map(Into::into));
        } else {
            names.insert(name.into());
        }
    }
    let is_new = |name: &str| imports.binary_search_by(|import| (*import.name).cmp(name)).is_err();
    let import = |name| Import { name, binding: Binding::Lookup, crc: None };
    names.into_iter().filter(|name| is_new(name)).map(import).collect()
}

/// Whether a function of the kernel finds whatever it is told.
#[must_use]
pub fn is_oracle(name: &str) -> bool {
    finder::find(name).is_some_and(|finder| !finder.is_mostly_harmless && finder.told_by.is_empty())
}

/// Whether a name stands for several.
#[must_use]
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests {
    use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf,
    };

    use super::*;
    use crate::module::Bytes;

    /// A function behind what is in a section already.
    fn function(object: &mut Object<'_>, section: SectionId, name: &str, code: &[u8]) {
        let value = object.append_section_data(section, code, 16);
        add_symbol(object, name, SymbolSection::Section(section), value, code.len() as u64);
    }

    fn add_symbol(object: &mut Object<'_>, name: &str, section: SymbolSection, value: u64, size: u64) -> SymbolId {
        let (name, kind, scope) = (name.into(), SymbolKind::Text, SymbolScope::Compilation);
        object.add_symbol(Symbol { name, value, size, kind, scope, weak: false, section, flags: SymbolFlags::None })
    }

    #[test]
    fn what_leads_into_the_middle_of_a_function_is_read_with_it() {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
        let data = object.add_section(Vec::new(), ".rodata".into(), SectionKind::ReadOnlyData);
        object.append_section_data(data, b"printk\0dma_buf_get\0", 1);
        let hot = object.add_section(Vec::new(), ".text".into(), SectionKind::Text);
        function(&mut object, hot, "before", &[0xc3]);
        // mov eax, "printk"; call __symbol_get; ret
        function(&mut object, hot, "hot", &[0xb8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3]);
        let cold = object.add_section(Vec::new(), ".text.unlikely".into(), SectionKind::Text);
        // mov eax, "dma_buf_get"; jmp to the call
        function(&mut object, cold, "cold", &[0xb8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0]);
        let finder = add_symbol(&mut object, "__symbol_get", SymbolSection::Undefined, 0, 0);
        let (names, text) = (object.section_symbol(data), object.section_symbol(hot));
        for (section, offset, symbol, r_type, addend) in [
            (hot, 16 + 1, names, elf::R_386_32, 0),
            (hot, 16 + 6, finder, elf::R_386_PC32, -4),
            (cold, 1, names, elf::R_386_32, 7),
            (cold, 6, text, elf::R_386_PC32, 16 + 5 - 4),
        ] {
            let flags = RelocationFlags::Elf { r_type };
            object.add_relocation(section, Relocation { offset, symbol, addend, flags }).unwrap();
        }
        let bytes = object.write().unwrap();
        let elf = Elf::parse(Bytes::in_memory(&bytes)).unwrap();
        let lookups = read(&elf, &elf.first_symbols().unwrap(), &|_| false, false);
        assert_eq!(Vec::from_iter(lookups.names()), ["dma_buf_get", "printk"]);
    }

    /// What is told by `lea rdi, [name]`, these bytes, and a call of `__symbol_get()`, with relocations of 32 bits to a number, each
    /// at so many bytes of the code or of the name.
    fn told_with(name: &[u8], between: &[u8], in_code: &[u64], in_name: &[u64]) -> (Vec<String>, bool) {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let data = object.add_section(Vec::new(), ".rodata".into(), SectionKind::ReadOnlyData);
        object.append_section_data(data, name, 1);
        let text = object.add_section(Vec::new(), ".text".into(), SectionKind::Text);
        let code = [&[0x48, 0x8d, 0x3d, 0, 0, 0, 0], between, &[0xe8, 0, 0, 0, 0, 0xc3]].concat();
        function(&mut object, text, "get", &code);
        let finder = add_symbol(&mut object, "__symbol_get", SymbolSection::Undefined, 0, 0);
        let number = add_symbol(&mut object, "number", SymbolSection::Absolute, 12, 0);
        let call = 8 + between.len() as u64;
        let names = object.section_symbol(data);
        let mut relocations =
            vec![(text, 3, names, elf::R_X86_64_PC32, -4), (text, call, finder, elf::R_X86_64_PC32, -4)];
        relocations.extend(in_code.iter().map(|at| (text, *at, number, elf::R_X86_64_32S, 0)));
        relocations.extend(in_name.iter().map(|at| (data, *at, number, elf::R_X86_64_32, 0)));
        for (section, offset, symbol, r_type, addend) in relocations {
            let flags = RelocationFlags::Elf { r_type };
            object.add_relocation(section, Relocation { offset, symbol, addend, flags }).unwrap();
        }
        let bytes = object.write().unwrap();
        let elf = Elf::parse(Bytes::in_memory(&bytes)).unwrap();
        let lookups = read(&elf, &elf.first_symbols().unwrap(), &|_| false, false);
        (lookups.names().into_iter().map(str::to_owned).collect(), lookups.is_open())
    }

    #[test]
    fn what_the_loader_writes_is_no_constant() {
        let told = |name: &str, is_open| (vec![name.to_owned()], is_open);
        let none = (Vec::new(), true);
        assert_eq!(told_with(b"printk\0", &[], &[], &[]), told("printk", false));
        // The rest of the name.
        assert_eq!(told_with(b"printk\0\0\0\0\0", &[], &[], &[6]), told("printk", true));
        assert_eq!(told_with(b"printk\0\0\0\0\0", &[], &[], &[7]), told("printk", false));
        // lea rdi, [rdi + number]; add rdi, number; whatever the number stands for
        assert_eq!(told_with(b"printk\0", &[0x48, 0x8d, 0xbf, 0, 0, 0, 0], &[10], &[]), none);
        assert_eq!(told_with(b"printk\0", &[0x48, 0x81, 0xc7, 0, 0, 0, 0], &[10], &[]), none);
        assert_eq!(told_with(b"printk\0", &[0, 0, 0, 0], &[7], &[]), none);
        assert_eq!(told_with(b"printk\0", &[0, 0, 0, 0], &[], &[]), told("printk", false));
    }

    #[test]
    fn what_is_told_more_names_than_anybody_looks_up_is_told_others_too() {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
        let data = object.add_section(Vec::new(), ".rodata".into(), SectionKind::ReadOnlyData);
        let names: Vec<u8> = (0..2 * reader::NAMES).flat_map(|number| format!("n{number}\0").into_bytes()).collect();
        object.append_section_data(data, &names, 1);
        let table = add_symbol(&mut object, "table", SymbolSection::Section(data), 0, names.len() as u64);
        object.symbol_mut(table).kind = SymbolKind::Data;
        let code = object.add_section(Vec::new(), ".text".into(), SectionKind::Text);
        // lea eax, [table + ecx]; call __symbol_get; ret
        function(&mut object, code, "get", &[0x8d, 0x81, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3]);
        let finder = add_symbol(&mut object, "__symbol_get", SymbolSection::Undefined, 0, 0);
        for (offset, symbol, r_type, addend) in [(2, table, elf::R_386_32, 0), (7, finder, elf::R_386_PC32, -4)] {
            let flags = RelocationFlags::Elf { r_type };
            object.add_relocation(code, Relocation { offset, symbol, addend, flags }).unwrap();
        }
        let bytes = object.write().unwrap();
        let elf = Elf::parse(Bytes::in_memory(&bytes)).unwrap();
        let lookups = read(&elf, &elf.first_symbols().unwrap(), &|_| false, false);
        assert_eq!((lookups.names().len(), lookups.is_open()), (reader::NAMES, true));
    }
}
