// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader resolves, and what it has changed by then.

use std::ops::Range;

use super::{Loaded, Loader, Refused, Step, need};
use crate::mutate::raw::{
    EM_386, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, SHN_UNDEF, SHT_REL, SHT_RELA,
    SHT_SYMTAB, Section, SymbolField, string,
};

impl Loader<'_> {
    /// `simplify_symbols`: every symbol without a section has to be resolved, whatever its binding or type.
    pub fn simplify_symbols(&self) -> Step<Loaded> {
        let changed = self.changed();
        let changed_for_names = [changed.as_slice(), &self.changed_symbols()].concat();
        let is_changed = |section: Section| overlaps(&changed, section.offset, section.size);
        let unsure = [self.section(self.symbols), self.section(self.tags), self.names].into_iter().any(is_changed)
            || self.has_second_table();
        let mut loaded = Loaded { unsure, ..Loaded::default() };
        let proprietary = self.is_proprietary()?;
        let strings = self.section(self.strings).offset;
        for symbol in 1..self.symbol_count() {
            let field = |field| self.symbol_field(symbol, field).ok_or(Refused("symbols are outside"));
            let section = field(SymbolField::Section)?;
            if section != SHN_UNDEF && section != SHN_COMMON && section != SHN_LIVEPATCH {
                need(section == SHN_ABS || section < self.sections.len() as u64, "a symbol of no section")?;
                continue;
            }
            let at = strings.wrapping_add(field(SymbolField::Name)?);
            let name = string(self.file, at).unwrap_or_default();
            if overlaps(&changed_for_names, at, name.len() as u64 + 1) {
                loaded.unsure = true;
                continue;
            }
            match section {
                SHN_COMMON => need(name.starts_with(b"__gnu_lto"), "a common symbol")?,
                SHN_LIVEPATCH => loaded.acquired.extend(self.livepatched(name)),
                _ => {
                    let weak = field(SymbolField::Info)? >> 4 == 2;
                    loaded.acquired.extend(self.resolve(name, weak, proprietary)?);
                }
            }
        }
        Ok(loaded)
    }

    /// `resolve_symbol`: the symbol, if it acquires something.
    fn resolve(&self, name: &[u8], weak: bool, proprietary: bool) -> Step<Option<String>> {
        let Some(name) = self.undotted(name) else { return Ok(None) };
        let export = self.request.kernel.find(name, &self.request.original.path);
        let Some(export) = export.filter(|export| !(proprietary && export.gpl_only)) else {
            let ignored = matches!(self.machine.number, EM_386 | EM_X86_64) && name == b"_GLOBAL_OFFSET_TABLE_";
            need(weak || ignored, "an unknown symbol")?;
            return Ok(None);
        };
        need(self.fits_version(name, export), "the version of a symbol")?;
        need(self.imports(&export.namespace), "a namespace that is not imported")?;
        Ok(export.acquiring.then(|| String::from_utf8_lossy(name).into_owned()))
    }

    /// `dedotify` of powerpc, and what s390 makes absolute; nothing for what is then no longer undefined.
    fn undotted<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        match (self.machine.number, name) {
            (EM_PPC64, b".TOC.") | (EM_S390, b"_GLOBAL_OFFSET_TABLE_") => None,
            (EM_PPC64, [b'.', rest @ ..]) => Some(rest),
            _ => Some(name),
        }
    }

    /// `klp_resolve_symbols`: whatever such a symbol is relocated by, its name is `.klp.sym.OBJECT.SYMBOL,POSITION`.
    fn livepatched(&self, name: &[u8]) -> Option<String> {
        let rest = name.strip_prefix(b".klp.sym.")?;
        let dot = rest.iter().position(|byte| *byte == b'.').filter(|dot| (1..56).contains(dot))?;
        let rest = rest.get(dot + 1..)?;
        let comma = rest.iter().position(|byte| *byte == b',').filter(|comma| (1..512).contains(comma))?;
        let (symbol, position) = (rest.get(..comma)?, rest.get(comma + 1..)?);
        let acquiring = self.request.kernel.find(symbol, "").is_some_and(|export| export.acquiring);
        (acquiring && position.trim_ascii_start().first().is_some_and(u8::is_ascii_digit))
            .then(|| String::from_utf8_lossy(symbol).into_owned())
    }

    /// What the loader writes in its copy of the file before it has read all names: the section headers
    /// (`rewrite_section_headers`, `layout_sections`) and `struct module` (the same, and `module_frob_arch_sections`).
    fn changed(&self) -> Vec<Range<u64>> {
        let module = self.section(self.module);
        let mut changed = vec![self.table.clone(), module.offset..module.offset.saturating_add(module.size)];
        // arm, arm64, loong64, powerpc: relocations are sorted in place.
        if !matches!(self.machine.number, EM_X86_64 | EM_386 | EM_S390 | EM_RISCV) {
            let sorted = self.sections.iter().filter(|section| matches!(section.kind, SHT_REL | SHT_RELA));
            changed.extend(sorted.map(|section| section.offset..section.offset.saturating_add(section.size)));
        }
        changed
    }

    /// Symbols themselves are written on powerpc and s390 (`module_frob_arch_sections`).
    fn changed_symbols(&self) -> Vec<Range<u64>> {
        let symbols = self.section(self.symbols);
        let written = matches!(self.machine.number, EM_PPC64 | EM_S390);
        written.then(|| symbols.offset..symbols.offset.saturating_add(symbols.size)).into_iter().collect()
    }

    /// On powerpc dots come off once for each symbol table, by the strings of each; 6.1 does not mind a second one.
    fn has_second_table(&self) -> bool {
        let tables = self.sections.iter().filter(|section| section.kind == SHT_SYMTAB).count();
        self.machine.number == EM_PPC64 && tables > 1
    }
}

fn overlaps(ranges: &[Range<u64>], start: u64, len: u64) -> bool {
    let end = start.saturating_add(len);
    ranges.iter().any(|range| start < range.end && range.start < end)
}
