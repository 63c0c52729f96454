// SPDX-License-Identifier: MIT OR Apache-2.0
//! The second opinion: goblin reads what decides, and has to find what the first reader found.
//!
//! Nothing of the first reader is used here but the door to the bytes, and the rule for a dot that the loader takes
//! off. Where the two differ, either one has a bug or the file is made to be read in two ways.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;

use goblin::container::Ctx;
use goblin::elf::header::{ELFCLASS32, ELFCLASS64, EM_MIPS, Header};
use goblin::elf::reloc::{Reloc, RelocSection};
use goblin::elf::section_header::{SHF_ALLOC, SHT_NOBITS, SHT_REL, SHT_RELA, SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::{STB_WEAK, Sym, Symtab};
use goblin::elf::{Elf, reloc};

use super::bytes::Bytes;
use super::elf::Machine;
use super::imports::{Binding, SHN_LIVEPATCH, livepatch_target, loader_name};
use super::{ModuleFacts, ModuleName, Problem, Stage};
use crate::exports::Class;
use crate::{limits, text};

/// Reads a module once more, and says what is not as the facts have it.
pub(super) fn second_opinion(facts: &ModuleFacts, bytes: Bytes<'_>) -> Vec<Problem> {
    let bytes = facts.signature.as_ref().map_or(bytes, |signature| bytes.up_to(signature.offset));
    match Reader::open(bytes, facts.machine).and_then(|reader| reader.read(facts.stage)) {
        Err(reason) => vec![Problem::SecondReader { reason: text::shown(&reason).into() }],
        Ok(second) => differences(&Reading::of(facts), &second),
    }
}

/// What one reader makes of a module, in words that can be compared and shown.
#[derive(Debug, Default)]
struct Reading {
    name: BTreeSet<Box<str>>,
    licences: BTreeSet<Box<str>>,
    namespaces: BTreeSet<Box<str>>,
    imports: BTreeSet<Box<str>>,
    /// None of an object that modpost has not seen: there modpost itself is the second reader.
    exports: BTreeSet<Box<str>>,
}

impl Reading {
    /// What the facts say.
    fn of(facts: &ModuleFacts) -> Self {
        let tags = |tag| facts.modinfo.all(tag).map(Into::into).collect();
        let exports = facts.exports.iter().filter(|_| facts.stage == Stage::Finished);
        Self {
            name: facts.name.iter().map(|name| name.as_str().into()).collect(),
            licences: tags("license"),
            namespaces: tags("import_ns"),
            imports: facts.imports.iter().map(|import| describe_import(&import.name, import.binding)).collect(),
            exports: exports
                .map(|export| describe_export(&export.name, export.class.is_gpl_only(), export.namespace.as_deref()))
                .collect(),
        }
    }
}

fn describe_import(name: &str, binding: Binding) -> Box<str> {
    match binding {
        Binding::Strong => name.into(),
        other => format!("{name} ({other})").into(),
    }
}

fn describe_export(name: &str, gpl_only: bool, namespace: Option<&str>) -> Box<str> {
    let kind = if gpl_only { Class::Gpl } else { Class::Plain }.symvers_type();
    let namespace = namespace.map(|name| format!(", namespace {name}")).unwrap_or_default();
    format!("{name} ({kind}{namespace})").into()
}

fn differences(first: &Reading, second: &Reading) -> Vec<Problem> {
    // The first reader takes no name that could do something to a terminal; this one takes all.
    let shown = |name: &str| text::shown(name).into();
    let only = |a: &BTreeSet<Box<str>>, b: &BTreeSet<Box<str>>| a.difference(b).map(|name| shown(name)).collect();
    let pairs = [
        ("its name", &first.name, &second.name),
        ("its licences", &first.licences, &second.licences),
        ("the namespaces that it declares", &first.namespaces, &second.namespaces),
        ("its imports", &first.imports, &second.imports),
        ("its exports", &first.exports, &second.exports),
    ];
    let differing = pairs.into_iter().filter(|(_, first, second)| first != second);
    differing.map(|(what, a, b)| Problem::Readers { what, first: only(a, b), second: only(b, a) }).collect()
}

/// The export tables that any kernel has had, and whether what is in one is for GPL-compatible modules only.
const TABLES: [(&str, bool); 5] = [
    ("__ksymtab", false),
    ("__ksymtab_gpl", true),
    ("__ksymtab_gpl_future", false),
    ("__ksymtab_unused", false),
    ("__ksymtab_unused_gpl", true),
];

struct Reader<'d> {
    bytes: Bytes<'d>,
    machine: Machine,
    header: Header,
    ctx: Ctx,
    sections: Vec<SectionHeader>,
    section_names: &'d [u8],
}

type Read<T> = Result<T, String>;

impl<'d> Reader<'d> {
    fn open(bytes: Bytes<'d>, machine: Machine) -> Read<Self> {
        let start = bytes.get(0, bytes.size().min(64)).ok_or("its header can't be read")?;
        let header = Elf::parse_header(start).map_err(|error| error.to_string())?;
        if !matches!(header.e_ident.get(4), Some(&(ELFCLASS32 | ELFCLASS64))) {
            return Err("its class is unknown".to_owned());
        }
        let container = header.container().map_err(|error| error.to_string())?;
        let ctx = Ctx::new(container, header.endianness().map_err(|error| error.to_string())?);
        let count = usize::from(header.e_shnum);
        let table = bytes.get(header.e_shoff, (count * SectionHeader::size(ctx)) as u64);
        let table = table.ok_or("its section headers can't be read")?;
        let sections = match count {
            0 => return Err("it counts its sections in a way that the loader does not take".to_owned()),
            _ => SectionHeader::parse_from(table, 0, count, ctx).map_err(|error| error.to_string())?,
        };
        let mut reader = Self { bytes, machine, header, ctx, sections, section_names: &[] };
        let names = reader.sections.get(usize::from(reader.header.e_shstrndx)).ok_or("its sections have no names")?;
        reader.section_names = reader.data(names);
        Ok(reader)
    }

    fn read(&self, stage: Stage) -> Read<Reading> {
        let mut reading = Reading::default();
        if let Some((_, section)) = self.section(".modinfo") {
            for entry in self.data(section).split(|&byte| byte == 0) {
                let entry = String::from_utf8_lossy(entry);
                match entry.split_once('=') {
                    Some(("license", value)) => reading.licences.insert(value.into()),
                    Some(("import_ns", value)) => reading.namespaces.insert(value.into()),
                    _ => false,
                };
            }
        }
        if stage == Stage::Finished {
            reading.name.extend(self.name());
        }
        let Some(symbols) = self.symbols()? else { return Ok(reading) };
        reading.imports = self.imports(&symbols)?;
        reading.exports = match stage {
            Stage::Finished => self.exports(&symbols)?,
            Stage::BeforeModpost => BTreeSet::new(),
        };
        Ok(reading)
    }

    /// The section of a name that the loader finds: the first that is to be loaded.
    fn section(&self, name: &str) -> Option<(usize, &SectionHeader)> {
        let named = |(_, section): &(usize, &SectionHeader)| {
            string(self.section_names, section.sh_name as u64) == Some(name.as_bytes())
        };
        let all: Vec<_> = self.sections.iter().enumerate().skip(1).filter(named).collect();
        let loaded = all.iter().find(|(_, section)| section.sh_flags & u64::from(SHF_ALLOC) != 0);
        loaded.or(all.first()).copied()
    }

    fn data(&self, section: &SectionHeader) -> &'d [u8] {
        if section.sh_type == SHT_NOBITS {
            return &[];
        }
        self.bytes.get(section.sh_offset, section.sh_size).unwrap_or_default()
    }

    /// The name in `struct module`, behind an `enum` and a `struct list_head`.
    fn name(&self) -> Option<Box<str>> {
        let (_, section) = self.section(".gnu.linkonce.this_module")?;
        let at = if self.ctx.is_big() { 24 } else { 12 };
        let name = string(self.data(section), at).and_then(|name| std::str::from_utf8(name).ok());
        name.map(|name| ModuleName::new(name).as_str().into())
    }

    fn symbols(&self) -> Read<Option<Symbols<'d>>> {
        let Some(table) = self.sections.iter().find(|section| section.sh_type == SHT_SYMTAB) else { return Ok(None) };
        let strings = self.sections.get(table.sh_link as usize).ok_or("its symbols have no names")?;
        let data = self.data(table);
        let count = data.len() / Sym::size(self.ctx.container);
        if count == 0 {
            return Ok(None);
        }
        let table = Symtab::parse(data, 0, count, self.ctx).map_err(|error| error.to_string())?;
        Ok(Some(Symbols { table, strings: self.data(strings) }))
    }

    /// Everything undefined, by the name that the loader looks up; one strong symbol makes a name strong.
    fn imports(&self, symbols: &Symbols<'_>) -> Read<BTreeSet<Box<str>>> {
        let mut bindings: BTreeMap<String, Binding> = BTreeMap::new();
        let mut wanted: Vec<Sym> = symbols.table.iter().skip(1).filter(is_wanted).collect();
        // Once for each name and kind: a table may have a million symbols of one long name.
        wanted.sort_unstable_by_key(|symbol| (symbol.st_name, symbol.st_shndx, symbol.st_info));
        wanted.dedup_by_key(|symbol| (symbol.st_name, symbol.st_shndx, symbol.st_info));
        for symbol in wanted {
            let name = || symbols.name(&symbol);
            let (name, binding) = match symbol.st_shndx {
                0 if self.is_register(&symbol) => continue,
                0 if symbol.st_bind() == STB_WEAK => (loader_name(&name(), self.machine).to_owned(), Binding::Weak),
                0 => (loader_name(&name(), self.machine).to_owned(), Binding::Strong),
                section if section == usize::from(SHN_LIVEPATCH) => match livepatch_target(&name()) {
                    Some(target) => (target.to_owned(), Binding::Livepatch),
                    None => continue,
                },
                _ => continue,
            };
            bindings.entry(name).and_modify(|known| *known = binding.min(*known)).or_insert(binding);
            if bindings.len() > limits::IMPORTS {
                return Err("it has more undefined symbols than any module".to_owned());
            }
        }
        Ok(bindings.into_iter().map(|(name, binding)| describe_import(&name, binding)).collect())
    }

    /// `STT_SPARC_REGISTER` on sparc.
    fn is_register(&self, symbol: &Sym) -> bool {
        matches!(self.header.e_machine, 2 | 18 | 43) && symbol.st_type() == 13
    }

    fn exports(&self, symbols: &Symbols<'_>) -> Read<BTreeSet<Box<str>>> {
        let flags = self.section("__kflagstab").map(|(_, section)| self.data(section));
        let mut exports = BTreeSet::new();
        for (table, gpl_only) in TABLES {
            let Some((index, section)) = self.section(table) else { continue };
            let pointers = self.pointers(index)?;
            let places: Vec<u64> = pointers.keys().copied().collect();
            // Fields lie side by side, so that the nearest two tell how large one is.
            let Some(field) = places.iter().zip(places.iter().skip(1)).map(|(a, b)| b - a).min() else { continue };
            if field != 4 && field != 8 {
                return Err(format!("the fields of {table} are of {field} bytes"));
            }
            let text = |place| self.text_at(pointers.get(&place)?, section, symbols);
            for number in 0..self.data(section).len() as u64 / (field * 3) {
                let at = number * field * 3;
                let Some(name) = text(at + field) else { continue };
                let namespace = text(at + field * 2).filter(|name| !name.is_empty());
                let flag =
                    flags.filter(|_| table == "__ksymtab").and_then(|flags| flags.get(usize::try_from(number).ok()?));
                let gpl_only = flag.map_or(gpl_only, |flag| flag & 1 != 0);
                exports.insert(describe_export(&name, gpl_only, namespace.as_deref()));
                if exports.len() > limits::EXPORTS {
                    return Err("it has more exports than any module".to_owned());
                }
            }
        }
        Ok(exports)
    }

    /// The relocations of a section by their places in it.
    fn pointers(&self, index: usize) -> Read<BTreeMap<u64, Reloc>> {
        let mut pointers = BTreeMap::new();
        let applies =
            |table: &&SectionHeader| matches!(table.sh_type, SHT_RELA | SHT_REL) && table.sh_info as usize == index;
        for table in self.sections.iter().filter(applies) {
            let data = self.data(table);
            if data.len() > limits::RELOCATION_BYTES {
                return Err("it has more relocations than any module's export table".to_owned());
            }
            let entries = RelocSection::parse(data, 0, data.len(), table.sh_type == SHT_RELA, self.ctx);
            let entries = entries.map_err(|error| error.to_string())?;
            let entries = entries.iter().map(|entry| self.mips_fixed(entry)).filter(|entry| entry.r_type != 0);
            pointers.extend(entries.map(|entry| (entry.r_offset, entry)));
        }
        Ok(pointers)
    }

    /// 64-bit MIPS of little byte order scrambles `r_info`.
    fn mips_fixed(&self, entry: Reloc) -> Reloc {
        if self.header.e_machine != EM_MIPS || !self.ctx.is_big() || !self.ctx.is_little_endian() {
            return entry;
        }
        let info = reloc::reloc64::mips64el_r_info((entry.r_sym as u64) << 32 | u64::from(entry.r_type));
        Reloc { r_sym: reloc::reloc64::r_sym(info) as usize, r_type: reloc::reloc64::r_type(info), ..entry }
    }

    fn text_at(&self, entry: &Reloc, section: &SectionHeader, symbols: &Symbols<'_>) -> Option<String> {
        let symbol = symbols.table.get(entry.r_sym)?;
        let addend = entry.r_addend.or_else(|| self.in_place(section, entry.r_offset))?;
        let target = self.sections.get(symbol.st_shndx).filter(|_| symbol.st_shndx != 0)?;
        let text = string(self.data(target), symbol.st_value.checked_add_signed(addend)?)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// A REL machine's addend: all of those that Linux has modules for and that use REL are of 32 bits.
    fn in_place(&self, section: &SectionHeader, offset: u64) -> Option<i64> {
        let start = usize::try_from(offset).ok()?;
        let bytes = self.data(section).get(start..start.checked_add(4)?)?.try_into().ok()?;
        let number = if self.ctx.is_little_endian() { i32::from_le_bytes(bytes) } else { i32::from_be_bytes(bytes) };
        Some(number.into())
    }
}

/// Whether a symbol is somebody else's.
fn is_wanted(symbol: &Sym) -> bool {
    symbol.st_shndx == 0 || symbol.st_shndx == usize::from(SHN_LIVEPATCH)
}

struct Symbols<'d> {
    table: Symtab<'d>,
    strings: &'d [u8],
}

impl Symbols<'_> {
    fn name(&self, symbol: &Sym) -> String {
        let name = string(self.strings, symbol.st_name as u64).unwrap_or_default();
        let name = name.get(..limits::NAME_BYTES).unwrap_or(name);
        String::from_utf8_lossy(name).into_owned()
    }
}

/// The string at a place; none if it does not end soon enough.
fn string(bytes: &[u8], at: u64) -> Option<&[u8]> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let rest = rest.get(..=limits::NAMESPACE_BYTES).unwrap_or(rest);
    CStr::from_bytes_until_nul(rest).ok().map(CStr::to_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Vec<u8> {
        let path = format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    fn facts(bytes: &[u8]) -> ModuleFacts {
        ModuleFacts::read(Bytes::in_memory(bytes)).unwrap()
    }

    #[test]
    fn agrees_on_what_kbuild_makes() {
        for name in
            ["6.1/sg_export.ko", "6.1/sg_blob.ko", "6.1/signed/sg_harmless.ko", "7.2/sg_export.ko", "7.2/sg_get.ko"]
        {
            let bytes = file(name);
            assert_eq!(second_opinion(&facts(&bytes), Bytes::in_memory(&bytes)), [], "{name}");
        }
    }

    #[test]
    fn tells_what_differs() {
        let (mine, other) = (file("6.1/sg_export.ko"), file("6.1/sg_tags.ko"));
        let said: Vec<String> =
            second_opinion(&facts(&mine), Bytes::in_memory(&other)).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "is read differently by two readers: its name sg_export only by the first; sg_tags only by the second",
                "is read differently by two readers: its licences Proprietary only by the second",
                "is read differently by two readers: its imports __fentry__, __x86_return_thunk only by the first",
                "is read differently by two readers: its exports sg_gpl (EXPORT_SYMBOL_GPL), sg_plain (EXPORT_SYMBOL), \
                 sg_spaced (EXPORT_SYMBOL_GPL, namespace SYMGATE_TEST), sg_table (EXPORT_SYMBOL_GPL) only by the first",
            ]
        );
    }

    #[test]
    fn says_that_it_gave_up() {
        let mine = file("6.1/sg_export.ko");
        let problems = second_opinion(&facts(&mine), Bytes::in_memory(&mine[..mine.len() - 1]));
        assert!(matches!(problems.as_slice(), [Problem::SecondReader { .. }]), "{problems:?}");
    }
}
