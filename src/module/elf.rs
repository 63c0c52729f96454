// SPDX-License-Identifier: MIT OR Apache-2.0
//! An ELF file's sections, symbols and relocations, in one shape for both classes and byte orders.
//!
//! The `object` crate reads the structures; what it leaves to its callers is here: that every table
//! lies inside the file, that indices are in range, that strings end.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use memchr::memchr;
use object::elf;
use object::read::ReadRef;
use object::read::elf::{FileHeader, SectionHeader, Sym as _};
use object::{Endian, Endianness};
use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use crate::{limits, text};

/// Why a file can't be read as ELF at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// There is not one byte.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are not `\x7fELF`.
    #[error("not an ELF file (it starts with {})", text::spaced(.start))]
    NotElf {
        /// Up to four bytes.
        start: Vec<u8>,
    },
    /// The identification bytes name a class, byte order or version that does not exist.
    #[error("unknown ELF class, byte order or version (e_ident {})", text::spaced(.ident))]
    UnknownIdent {
        /// Bytes 4 to 6 of `e_ident`.
        ident: Vec<u8>,
    },
    /// The class is not the machine's: the loaders of some go by the machine alone, and would read other fields.
    #[error("a class of {bits} bits, which machine {machine} has no modules of")]
    Class {
        /// By `EI_CLASS`.
        bits: u8,
        /// `e_machine`
        machine: u16,
    },
    /// Two parts of the file have bytes in common. The loader changes section headers and `struct module`, and on some
    /// machines symbols and relocations, where they stand in its copy of the file, before it has read all names
    /// (`rewrite_section_headers`, `layout_sections`, `module_frob_arch_sections`, 7.2).
    #[error(
        "{one} and {other} are in the same bytes of the file: the loader changes some of them while it reads others"
    )]
    Overlap {
        /// The one that comes first.
        one: String,
        /// The other.
        other: String,
    },
    /// What is loaded of a module was taken out, and its debug info left (`objcopy --only-keep-debug`).
    #[error("holds a module's debug info only, not the module")]
    DebugInfo,
    /// A table lies wholly or partly outside the file.
    #[error("truncated: {what} needs bytes {offset}..{} of {len}", .offset.saturating_add(*.size))]
    Truncated {
        /// What lies there.
        what: String,
        /// Where it starts, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        size: u64,
        /// How long the file is, in bytes.
        len: u64,
    },
    /// `e_shentsize` is not the size of a section header.
    #[error("section headers of {found} bytes, not {expected}")]
    HeaderSize {
        /// What the file says.
        found: u16,
        /// What its class makes it.
        expected: u16,
    },
    /// There is no section header table.
    #[error("no sections")]
    NoSections,
    /// More sections than the kernel's loader takes.
    #[error("{count} sections, more than the {} that a module can have", limits::SECTIONS)]
    TooManySections {
        /// What the file says.
        count: u64,
    },
    /// The section names' table is missing or wrong.
    #[error("no table of section names ({0})")]
    NoSectionNames(&'static str),
}

/// 32 or 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// `ELFCLASS32`
    Elf32,
    /// `ELFCLASS64`
    Elf64,
}

impl Class {
    /// Bytes of an address.
    pub(super) fn word(self) -> u64 {
        match self {
            Self::Elf32 => 4,
            Self::Elf64 => 8,
        }
    }
}

/// What kind of machine a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `e_machine`
    pub number: u16,
    /// 32 or 64 bits.
    pub class: Class,
    /// Whether the most significant byte comes first.
    pub big_endian: bool,
}

impl Machine {
    /// Size of an address in bytes.
    #[must_use]
    pub fn word(self) -> u8 {
        match self.class {
            Class::Elf32 => 4,
            Class::Elf64 => 8,
        }
    }

    /// The name that Debian and the kernel's users know it by, where there is one.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        let name = match (elf::Machine(self.number), self.class, self.big_endian) {
            (elf::EM_X86_64, Class::Elf64, _) => "x86_64",
            (elf::EM_X86_64, Class::Elf32, _) => "x32",
            (elf::EM_386, ..) => "i386",
            (elf::EM_AARCH64, _, false) => "arm64",
            (elf::EM_AARCH64, _, true) => "arm64be",
            (elf::EM_ARM, _, false) => "arm",
            (elf::EM_ARM, _, true) => "armbe",
            (elf::EM_RISCV, Class::Elf64, _) => "riscv64",
            (elf::EM_RISCV, Class::Elf32, _) => "riscv32",
            (elf::EM_PPC64, _, false) => "ppc64le",
            (elf::EM_PPC64, _, true) => "ppc64",
            (elf::EM_PPC, ..) => "powerpc",
            (elf::EM_S390, Class::Elf64, _) => "s390x",
            (elf::EM_LOONGARCH, Class::Elf64, _) => "loong64",
            (elf::EM_MIPS, Class::Elf64, false) => "mips64el",
            (elf::EM_MIPS, Class::Elf64, true) => "mips64",
            (elf::EM_MIPS, Class::Elf32, false) => "mipsel",
            (elf::EM_MIPS, Class::Elf32, true) => "mips",
            (elf::EM_PARISC, ..) => "parisc",
            (elf::EM_SPARCV9, ..) => "sparc64",
            (elf::EM_ALPHA, ..) => "alpha",
            (elf::EM_68K, ..) => "m68k",
            (elf::EM_SH, ..) => "sh",
            _ => return Cow::Owned(format!("machine {}", self.number)),
        };
        Cow::Borrowed(name)
    }
}

/// One section header.
#[derive(Debug, Clone, Copy)]
pub struct Section<'d> {
    /// Name as bytes; the loader compares bytes too.
    pub name: &'d [u8],
    /// `sh_type`
    pub kind: elf::SectionType,
    /// `sh_flags`
    pub flags: u64,
    /// `sh_addr`: where it will be in memory; 0 in a relocatable file.
    pub address: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
}

impl Section<'_> {
    /// Whether the loader keeps it in memory (`SHF_ALLOC`).
    #[must_use]
    pub fn allocated(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The name as text, for messages.
    #[must_use]
    pub fn label(&self) -> String {
        text::shown(&String::from_utf8_lossy(self.name)).into_owned()
    }
}

/// One symbol.
#[derive(Debug, Clone, Copy)]
pub struct Symbol {
    /// `st_name`: where the name starts in the string table.
    pub name: u32,
    /// `STT_NOTYPE`, `STT_FUNC`, ...
    pub kind: elf::SymbolType,
    /// `STB_LOCAL`, `STB_GLOBAL`, `STB_WEAK`, ...
    pub binding: elf::SymbolBind,
    /// `st_shndx` as it stands in the table.
    pub section: u16,
    /// `st_value`
    pub value: u64,
    /// `st_size`
    pub size: u64,
}

impl Symbol {
    /// Whether the loader has to find it elsewhere.
    #[must_use]
    pub fn is_undefined(&self) -> bool {
        self.section == elf::SHN_UNDEF.0
    }
}

/// One relocation, with its addend where the table has one.
#[derive(Debug, Clone, Copy)]
pub struct Relocation {
    /// Byte in the section that it patches.
    pub offset: u64,
    /// Index into the symbol table.
    pub symbol: u32,
    /// The machine's kind of relocation; 0 is none on every machine.
    pub kind: u32,
    /// Addend of a RELA entry; a REL entry's stands in the section itself.
    pub addend: Option<i64>,
}

/// A table of relocations that is read entry by entry, where all of them at once would take too much memory: debug info
/// has millions.
#[derive(Debug, Clone, Copy)]
pub struct RelocationTable<'d> {
    raw: RawRelocations<'d>,
    endian: Endianness,
    mips64el: bool,
}

#[derive(Debug, Clone, Copy)]
enum RawRelocations<'d> {
    Rel32(&'d [elf::Rel32<Endianness>]),
    Rel64(&'d [elf::Rel64<Endianness>]),
    Rela32(&'d [elf::Rela32<Endianness>]),
    Rela64(&'d [elf::Rela64<Endianness>]),
}

impl RelocationTable<'_> {
    /// Gives each entry to `visit`, in the table's order, until it fails.
    pub fn visit<E>(&self, mut visit: impl FnMut(Relocation) -> Result<(), E>) -> Result<(), E> {
        let (endian, mips64el) = (self.endian, self.mips64el);
        match self.raw {
            RawRelocations::Rel32(table) => table.iter().try_for_each(|entry| visit(rel(entry, endian))),
            RawRelocations::Rel64(table) => table.iter().try_for_each(|entry| visit(rel(entry, endian))),
            RawRelocations::Rela32(table) => table.iter().try_for_each(|entry| visit(rela(entry, endian, mips64el))),
            RawRelocations::Rela64(table) => table.iter().try_for_each(|entry| visit(rela(entry, endian, mips64el))),
        }
    }
}

fn rela<R: object::read::elf::Rela<Endian = Endianness>>(entry: &R, endian: Endianness, mips64el: bool) -> Relocation {
    Relocation {
        offset: entry.r_offset(endian).into(),
        symbol: entry.r_sym(endian, mips64el),
        kind: entry.r_type(endian, mips64el).0,
        addend: Some(entry.r_addend(endian).into()),
    }
}

fn rel<R: object::read::elf::Rel<Endian = Endianness>>(entry: &R, endian: Endianness) -> Relocation {
    Relocation {
        offset: entry.r_offset(endian).into(),
        symbol: entry.r_sym(endian),
        kind: entry.r_type(endian).0,
        addend: None,
    }
}

/// The symbol table with its strings.
#[derive(Debug, Clone, Copy)]
pub struct Symbols<'d> {
    raw: RawSymbols<'d>,
    strings: &'d [u8],
    endian: Endianness,
}

#[derive(Debug, Clone, Copy)]
enum RawSymbols<'d> {
    Elf32(&'d [elf::Sym32<Endianness>]),
    Elf64(&'d [elf::Sym64<Endianness>]),
}

impl<'d> Symbols<'d> {
    /// Number of symbols, the empty first one included.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.raw {
            RawSymbols::Elf32(table) => table.len(),
            RawSymbols::Elf64(table) => table.len(),
        }
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The symbol of this index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Symbol> {
        let endian = self.endian;
        match self.raw {
            RawSymbols::Elf32(table) => table.get(index).map(|sym| Symbol {
                name: sym.st_name(endian),
                kind: sym.st_type(),
                binding: sym.st_bind(),
                section: sym.st_shndx(endian).0,
                value: sym.st_value(endian).into(),
                size: sym.st_size(endian).into(),
            }),
            RawSymbols::Elf64(table) => table.get(index).map(|sym| Symbol {
                name: sym.st_name(endian),
                kind: sym.st_type(),
                binding: sym.st_bind(),
                section: sym.st_shndx(endian).0,
                value: sym.st_value(endian),
                size: sym.st_size(endian),
            }),
        }
    }

    /// All symbols but the empty first one, which the loader skips too.
    pub fn iter(&self) -> impl Iterator<Item = Symbol> + '_ {
        (1..self.len()).filter_map(|index| self.get(index))
    }

    /// The table of names.
    #[must_use]
    pub fn strings(&self) -> &'d [u8] {
        self.strings
    }

    /// The symbol's name; nothing if it does not end inside the string table.
    #[must_use]
    pub fn name(&self, symbol: &Symbol) -> Option<&'d [u8]> {
        until_nul(self.strings, u64::from(symbol.name), limits::NAME_BYTES)
    }
}

/// The bytes from `offset` up to the next NUL; nothing if there is none among the next `limit` bytes.
#[must_use]
pub fn until_nul(bytes: &[u8], offset: u64, limit: usize) -> Option<&[u8]> {
    let rest = bytes.get(usize::try_from(offset).ok()?..)?;
    let rest = rest.get(..=limit).unwrap_or(rest);
    rest.get(..memchr(0, rest)?)
}

/// An ELF file whose sections all lie inside it.
#[derive(Debug)]
pub struct Elf<'d> {
    bytes: Bytes<'d>,
    endian: Endianness,
    mips64el: bool,
    /// Where the ELF header ends, and where the section headers are, in bytes of the file.
    header_end: u64,
    table: Range<u64>,
    /// `e_type`
    pub kind: elf::FileType,
    /// What it is for.
    pub machine: Machine,
    sections: Vec<Section<'d>>,
    section_names: &'d [u8],
    /// The tables of relocations by the section that each applies to.
    relocating: Vec<(usize, usize)>,
}

impl<'d> Elf<'d> {
    /// Reads the file header and the section headers.
    ///
    /// The checks are those of `kernel/module/main.c:elf_validity_cache_sechdrs` (7.2); a file that
    /// fails them is of no use to the loader or to anybody.
    pub fn parse(bytes: Bytes<'d>) -> Result<Self, ElfError> {
        let len = bytes.size();
        if len == 0 {
            return Err(ElfError::Empty);
        }
        let start = bytes.get(0, len.min(4)).unwrap_or_default();
        if start != b"\x7fELF" {
            return Err(ElfError::NotElf { start: start.to_vec() });
        }
        let ident = bytes.get(4, 3).unwrap_or_default();
        match ident {
            [1, 1 | 2, 1] => Self::parse_class::<elf::FileHeader32<Endianness>>(bytes, Class::Elf32),
            [2, 1 | 2, 1] => Self::parse_class::<elf::FileHeader64<Endianness>>(bytes, Class::Elf64),
            [] => Err(truncated("the ELF identification", 0, 16, len)),
            _ => Err(ElfError::UnknownIdent { ident: ident.to_vec() }),
        }
    }

    fn parse_class<H: FileHeader<Endian = Endianness>>(bytes: Bytes<'d>, class: Class) -> Result<Self, ElfError> {
        let len = bytes.size();
        let header: &H = bytes.read_at(0).map_err(|()| truncated("the ELF header", 0, size_of::<H>() as u64, len))?;
        let Ok(endian) = header.endian() else {
            return Err(ElfError::UnknownIdent { ident: bytes.get(4, 3).unwrap_or_default().to_vec() });
        };
        let table = section_table(header, endian, bytes)?;
        let names = section_names(header, endian, bytes, table)?;
        let mut sections = Vec::with_capacity(table.len());
        for (index, raw) in table.iter().enumerate() {
            let name = until_nul(names, u64::from(raw.sh_name(endian)), limits::NAME_BYTES)
                .ok_or(ElfError::NoSectionNames("a name does not end in it"))?;
            let section = Section {
                name,
                kind: raw.sh_type(endian),
                flags: raw.sh_flags(endian).0,
                address: raw.sh_addr(endian).into(),
                offset: raw.sh_offset(endian).into(),
                size: raw.sh_size(endian).into(),
                link: raw.sh_link(endian),
                info: raw.sh_info(endian),
            };
            let in_file = index != 0 && section.kind != elf::SHT_NOBITS && section.kind != elf::SHT_NULL;
            if in_file && section.offset.checked_add(section.size).is_none_or(|end| end > len) {
                return Err(truncated(&format!("section {}", section.label()), section.offset, section.size, len));
            }
            sections.push(section);
        }
        let relocates = |section: &Section<'_>| matches!(section.kind, elf::SHT_RELA | elf::SHT_REL);
        let tables = sections.iter().enumerate().filter(|(_, section)| relocates(section));
        let mut relocating: Vec<_> = tables.map(|(index, section)| (section.info as usize, index)).collect();
        relocating.sort_unstable();
        let start: u64 = header.e_shoff(endian).into();
        let machine = header.e_machine(endian);
        if !fits(class, machine) {
            let bits = if class == Class::Elf32 { 32 } else { 64 };
            return Err(ElfError::Class { bits, machine: machine.0 });
        }
        let elf = Self {
            bytes,
            endian,
            header_end: size_of::<H>() as u64,
            table: start..start.saturating_add(size_of_val(table) as u64),
            mips64el: header.is_mips64el(endian),
            kind: header.e_type(endian),
            machine: Machine { number: header.e_machine(endian).0, class, big_endian: endian.is_big_endian() },
            sections,
            section_names: names,
            relocating,
        };
        // Without this, a small file of many sections that share their bytes would be read as a large one.
        match elf.overlap() {
            Some((one, other)) => Err(ElfError::Overlap { one, other }),
            None => Ok(elf),
        }
    }

    /// Whether it is a program or a library, or a kernel.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        matches!(self.kind, elf::ET_EXEC | elf::ET_DYN)
    }

    /// All sections, the empty first one included, so that indices fit.
    #[must_use]
    pub fn sections(&self) -> &[Section<'d>] {
        &self.sections
    }

    /// The table of the sections' names.
    #[must_use]
    pub fn section_names(&self) -> &'d [u8] {
        self.section_names
    }

    /// What of the file is not the content of a section of debug info, in bytes and in order. Nothing that is read of a module but
    /// its debug info is in that content, and no two sections share bytes.
    ///
    /// A name alone tells nothing: tables of symbols, names and relocations are found by the numbers of their sections.
    #[must_use]
    pub fn without_debug_info(&self) -> Vec<Range<u64>> {
        let linked: HashSet<u32> =
            self.sections.iter().filter(|section| section.kind != elf::SHT_NULL).map(|section| section.link).collect();
        let may_go = |index: usize, section: &Section<'_>| {
            !section.allocated() && u32::try_from(index).is_ok_and(|index| index != 0 && !linked.contains(&index))
        };
        let is_content = |(index, section): (usize, &Section<'_>)| {
            section.kind == elf::SHT_PROGBITS
                && [&b".debug_"[..], b".zdebug_"].iter().any(|name| section.name.starts_with(name))
                && may_go(index, section)
        };
        let content: Vec<bool> = self.sections.iter().enumerate().map(is_content).collect();
        let is_content = |index: usize| content.get(index).copied().unwrap_or_default();
        let sections = self.sections.iter().enumerate().filter(|(index, section)| {
            let relocates = matches!(section.kind, elf::SHT_REL | elf::SHT_RELA) && is_content(section.info as usize);
            is_content(*index) || (relocates && may_go(*index, section))
        });
        let mut debug: Vec<_> = sections.map(|(_, section)| section).collect();
        debug.sort_by_key(|section| section.offset);
        let mut rest = Vec::new();
        let mut from = 0;
        for section in debug {
            rest.push(from..section.offset.max(from));
            from = section.offset.saturating_add(section.size).max(from);
        }
        rest.push(from..self.bytes.size().max(from));
        rest.retain(|range| !range.is_empty());
        rest
    }

    /// The sections of this name with their indices.
    pub fn named<'s>(&'s self, name: &'s [u8]) -> impl Iterator<Item = (usize, &'s Section<'d>)> + 's {
        self.sections.iter().enumerate().skip(1).filter(move |(_, section)| section.name == name)
    }

    /// The first two parts of the file that lie one over the other, wholly or partly, in words.
    fn overlap(&self) -> Option<(String, String)> {
        let in_file = |section: &&Section<'d>| {
            section.size > 0 && section.kind != elf::SHT_NOBITS && section.kind != elf::SHT_NULL
        };
        let place = |section: &Section<'d>| section.offset..section.offset.saturating_add(section.size);
        let mut parts: Vec<(Range<u64>, Part<'_, 'd>)> =
            self.sections.iter().filter(in_file).map(|section| (place(section), Part::Section(section))).collect();
        parts.push((0..self.header_end, Part::Header));
        parts.push((self.table.clone(), Part::Table));
        parts.sort_by_key(|(range, _)| (range.start, range.end));
        // Sorted, the first part that reaches into any other reaches into the next.
        let pair = parts.windows(2).find(|pair| matches!(pair, [one, two] if one.0.end > two.0.start))?;
        let [(_, one), (_, two)] = pair else { return None };
        Some((one.label(), two.label()))
    }

    /// A section's bytes; none for one that has none in the file.
    #[must_use]
    pub fn data(&self, section: &Section<'d>) -> &'d [u8] {
        if section.kind == elf::SHT_NOBITS || section.kind == elf::SHT_NULL {
            return &[];
        }
        // `parse` has checked the range; a file that shrank since reads as if the section were empty,
        // and what was to be in it is then missed by name.
        self.bytes.get(section.offset, section.size).unwrap_or_default()
    }

    /// The bytes of the section of this index.
    #[must_use]
    pub fn data_at(&self, index: usize) -> Option<&'d [u8]> {
        self.sections.get(index).map(|section| self.data(section))
    }

    /// Reads a symbol table section with the strings it links to.
    ///
    /// Nothing if its link is wrong or its size is no multiple of a symbol's.
    #[must_use]
    pub fn symbols(&self, table: &Section<'d>) -> Option<Symbols<'d>> {
        let data = self.data(table);
        let strings = self.sections.get(usize::try_from(table.link).ok()?)?;
        if strings.kind != elf::SHT_STRTAB || data.len() as u64 != table.size {
            return None;
        }
        let raw = match self.machine.class {
            Class::Elf32 => RawSymbols::Elf32(object::slice_from_all_bytes(data).ok()?),
            Class::Elf64 => RawSymbols::Elf64(object::slice_from_all_bytes(data).ok()?),
        };
        Some(Symbols { raw, strings: self.data(strings), endian: self.endian })
    }

    /// The symbol table that the loaders of 5.10 and 6.1 take: the first.
    #[must_use]
    pub fn first_symbols(&self) -> Option<Symbols<'d>> {
        self.symbols(self.sections.iter().find(|section| section.kind == elf::SHT_SYMTAB)?)
    }

    /// The relocations that apply to the section of this index, in the order of their offsets.
    ///
    /// An error if there is more than one table of them, if it is not a whole number of entries, or if there are more than
    /// any export table needs.
    pub fn relocations(&self, index: usize) -> Result<Vec<Relocation>, &'static str> {
        self.relocations_within(index, limits::RELOCATION_BYTES)
    }

    /// The same for a section of code or data, which may have more.
    pub fn many_relocations(&self, index: usize) -> Result<Vec<Relocation>, &'static str> {
        self.relocations_within(index, limits::CODE_RELOCATION_BYTES)
    }

    /// The table of the relocations that apply to the section of this index, whatever its size; nothing if there is none.
    pub fn relocation_table(&self, index: usize) -> Result<Option<RelocationTable<'d>>, &'static str> {
        let first = self.relocating.partition_point(|&(section, _)| section < index);
        let mut tables = self.relocating.iter().skip(first).take_while(|&&(section, _)| section == index);
        let Some(table) = tables.next().and_then(|&(_, table)| self.sections.get(table)) else { return Ok(None) };
        if tables.next().is_some() {
            return Err("it has more than one table of relocations");
        }
        let data = self.data(table);
        let raw = match (table.kind, self.machine.class) {
            (elf::SHT_RELA, Class::Elf32) => object::slice_from_all_bytes(data).map(RawRelocations::Rela32),
            (elf::SHT_RELA, Class::Elf64) => object::slice_from_all_bytes(data).map(RawRelocations::Rela64),
            (_, Class::Elf32) => object::slice_from_all_bytes(data).map(RawRelocations::Rel32),
            (_, Class::Elf64) => object::slice_from_all_bytes(data).map(RawRelocations::Rel64),
        };
        let raw = raw.map_err(|()| "its relocations are not whole entries")?;
        Ok(Some(RelocationTable { raw, endian: self.endian, mips64el: self.mips64el }))
    }

    fn relocations_within(&self, index: usize, limit: usize) -> Result<Vec<Relocation>, &'static str> {
        let first = self.relocating.partition_point(|&(section, _)| section < index);
        let mut tables = self.relocating.iter().skip(first).take_while(|&&(section, _)| section == index);
        let Some(table) = tables.next().and_then(|&(_, table)| self.sections.get(table)) else {
            return Ok(Vec::new());
        };
        if tables.next().is_some() {
            return Err("it has more than one table of relocations");
        }
        let data = self.data(table);
        if data.len() > limit {
            return Err("it has more relocations than any module's");
        }
        let read = match (table.kind, self.machine.class) {
            (elf::SHT_RELA, Class::Elf32) => self.read_rela::<elf::Rela32<Endianness>>(data),
            (elf::SHT_RELA, Class::Elf64) => self.read_rela::<elf::Rela64<Endianness>>(data),
            (_, Class::Elf32) => self.read_rel::<elf::Rel32<Endianness>>(data),
            (_, Class::Elf64) => self.read_rel::<elf::Rel64<Endianness>>(data),
        };
        let mut all = read.ok_or("its relocations are not whole entries")?;
        all.retain(|relocation| relocation.kind != 0);
        all.sort_by_key(|relocation| relocation.offset);
        Ok(all)
    }

    /// The relocations that are applied when an image is moved: those of the tables that are loaded with it.
    #[must_use]
    pub fn dynamic_relocations(&self) -> Vec<Relocation> {
        let dynamic = |section: &&Section<'d>| section.kind == elf::SHT_RELA && section.allocated();
        let read = |section: &Section<'d>| match self.machine.class {
            Class::Elf32 => self.read_rela::<elf::Rela32<Endianness>>(self.data(section)),
            Class::Elf64 => self.read_rela::<elf::Rela64<Endianness>>(self.data(section)),
        };
        self.sections.iter().filter(dynamic).filter_map(read).flatten().collect()
    }

    /// Whether nothing of what would be loaded is in the file, but for notes. To the loader the type of a section says only
    /// whether it has bytes, so that a note is one by its name, too, and can't be run.
    #[must_use]
    pub fn is_debug_info(&self) -> bool {
        let is_note = |section: &&Section<'_>| {
            section.kind == elf::SHT_NOTE
                && section.name.starts_with(b".note")
                && section.flags & elf::SHF_EXECINSTR.0 == 0
        };
        let mut loaded = self.sections.iter().filter(|section| section.allocated() && !is_note(section));
        loaded.clone().next().is_some() && loaded.all(|section| section.kind == elf::SHT_NOBITS)
    }

    fn read_rela<R: object::read::elf::Rela<Endian = Endianness>>(&self, data: &'d [u8]) -> Option<Vec<Relocation>> {
        let table: &[R] = object::slice_from_all_bytes(data).ok()?;
        Some(table.iter().map(|entry| rela(entry, self.endian, self.mips64el)).collect())
    }

    fn read_rel<R: object::read::elf::Rel<Endian = Endianness>>(&self, data: &'d [u8]) -> Option<Vec<Relocation>> {
        let table: &[R] = object::slice_from_all_bytes(data).ok()?;
        Some(table.iter().map(|entry| rel(entry, self.endian)).collect())
    }

    /// A 32-bit number at `offset` of `data`, in the file's byte order.
    #[must_use]
    pub fn u32_at(&self, data: &[u8], offset: u64) -> Option<u32> {
        let start = usize::try_from(offset).ok()?;
        let bytes = data.get(start..start.checked_add(4)?)?.try_into().ok()?;
        Some(self.endian.read_u32(bytes))
    }

    /// A 64-bit number at `offset` of `data`, in the file's byte order.
    #[must_use]
    pub fn u64_at(&self, data: &[u8], offset: u64) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let bytes = data.get(start..start.checked_add(8)?)?.try_into().ok()?;
        Some(self.endian.read_u64(bytes))
    }
}

/// Whether a machine has modules of this class. Those that are not named have both, or are not known here.
fn fits(class: Class, machine: elf::Machine) -> bool {
    match machine {
        elf::EM_386 | elf::EM_68K | elf::EM_ARM | elf::EM_PPC | elf::EM_SH | elf::EM_SPARC => class == Class::Elf32,
        elf::EM_AARCH64 | elf::EM_ALPHA | elf::EM_LOONGARCH | elf::EM_PPC64 | elf::EM_SPARCV9 | elf::EM_X86_64 => {
            class == Class::Elf64
        }
        _ => true,
    }
}

/// A part of the file.
enum Part<'e, 'd> {
    Header,
    Table,
    Section(&'e Section<'d>),
}

impl Part<'_, '_> {
    fn label(&self) -> String {
        match self {
            Self::Header => "the ELF header".to_owned(),
            Self::Table => "the section headers".to_owned(),
            Self::Section(section) => format!("section {}", section.label()),
        }
    }
}

fn truncated(what: &str, offset: u64, size: u64, len: u64) -> ElfError {
    ElfError::Truncated { what: what.to_owned(), offset, size, len }
}

fn section_table<'d, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: Bytes<'d>,
) -> Result<&'d [H::SectionHeader], ElfError> {
    let offset: u64 = header.e_shoff(endian).into();
    let entry = size_of::<H::SectionHeader>() as u64;
    if offset == 0 {
        return Err(ElfError::NoSections);
    }
    if u64::from(header.e_shentsize(endian)) != entry {
        let expected = u16::try_from(entry).unwrap_or(u16::MAX);
        return Err(ElfError::HeaderSize { found: header.e_shentsize(endian), expected });
    }
    let first: &H::SectionHeader =
        bytes.read_at(offset).map_err(|()| truncated("the section headers", offset, entry, bytes.size()))?;
    let count = match header.e_shnum(endian) {
        0 => first.sh_size(endian).into(),
        count => u64::from(count),
    };
    if count == 0 {
        return Err(ElfError::NoSections);
    }
    if count > u64::from(limits::SECTIONS) {
        return Err(ElfError::TooManySections { count });
    }
    let size = count.saturating_mul(entry);
    let count = usize::try_from(count).map_err(|_| ElfError::TooManySections { count })?;
    bytes.read_slice_at(offset, count).map_err(|()| truncated("the section headers", offset, size, bytes.size()))
}

fn section_names<'d, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: Bytes<'d>,
    table: &[H::SectionHeader],
) -> Result<&'d [u8], ElfError> {
    let index = match header.e_shstrndx(endian) {
        elf::SHN_UNDEF => return Err(ElfError::NoSectionNames("e_shstrndx is 0")),
        elf::SHN_XINDEX => table.first().map_or(0, |first| first.sh_link(endian) as usize),
        index => usize::from(index.0),
    };
    let section = table.get(index).ok_or(ElfError::NoSectionNames("e_shstrndx is out of range"))?;
    if section.sh_type(endian) != elf::SHT_STRTAB {
        return Err(ElfError::NoSectionNames("e_shstrndx names another kind of section"));
    }
    let (offset, size) = (section.sh_offset(endian).into(), section.sh_size(endian).into());
    bytes.get(offset, size).ok_or_else(|| truncated("the table of section names", offset, size, bytes.size()))
}
