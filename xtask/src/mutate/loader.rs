// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model of the kernel's module loader: whether it refuses a file, and what it resolves for it.
//!
//! Written from `kernel/module/main.c` of 6.1.192 and 7.2.13, function by function; each part names the one it stands
//! for. It knows nothing of how symgate reads a module. Where a check of the kernel's is left out (memory, relocations,
//! parameters, what is exported twice), the model accepts more than the kernel does, and so asks more of symgate.
//!
//! The kernel looks at a copy of the whole file, and changes that copy while it still reads names from it. What a change
//! may have touched is not known here; such a module is said to be accepted, and to be [`Loaded::unsure`].

use std::collections::BTreeSet;
use std::ops::Range;

use super::kernel::{Export, Kernel};
use super::raw::{
    EM_386, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, Head, Machine, SHF_ALLOC, SHN_ABS, SHN_COMMON,
    SHN_LIVEPATCH, SHN_UNDEF, SHT_NOBITS, SHT_NULL, SHT_REL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, Section, SymbolField,
    index, string,
};

/// Whose loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    V6_1,
    V7_2,
}

/// Why a file is not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// What is known of the module that a file was made from.
#[derive(Debug)]
pub struct Original {
    /// Its path, as the table of exports has it.
    pub path: String,
    /// The kernel's own `vermagic`.
    pub vermagic: Vec<u8>,
    /// `sizeof(struct module)`.
    pub module_len: u64,
}

/// How the loader is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub kernel: &'a Kernel,
    pub original: &'a Original,
    pub release: Release,
    /// `modprobe --force`, on a kernel that allows it (`CONFIG_MODULE_FORCE_LOAD`): versions and signatures are not
    /// looked at.
    pub force: bool,
}

/// What a loaded module has got.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Acquiring symbols that were resolved.
    pub acquired: BTreeSet<String>,
    /// Some of what the loader reads lies where it has written before.
    pub unsure: bool,
}

type Step<T> = Result<T, Refused>;

/// Loads a file.
pub fn load(file: &[u8], request: Request<'_>) -> Step<Loaded> {
    let file = without_signature(file, request.force)?;
    let mut loader = Loader::open(file, request)?;
    loader.find_parts()?;
    if request.release == Release::V7_2 {
        loader.check_strings()?;
        loader.check_exports()?;
    }
    loader.check_tags()?;
    loader.simplify_symbols()
}

fn need(is_so: bool, or: &'static str) -> Step<()> {
    if is_so { Ok(()) } else { Err(Refused(or)) }
}

/// `module_sig_check`, `mod_check_sig`: a signature by a key that nobody knows comes off. To force a module is not to look
/// for one.
fn without_signature(file: &[u8], force: bool) -> Step<&[u8]> {
    const MARKER: &[u8] = b"~Module signature appended~\n";
    /// `struct module_signature`, and `PKEY_ID_PKCS7`.
    const STRUCT: usize = 12;
    const PKCS7: u8 = 2;
    let Some(rest) = file.strip_suffix(MARKER).filter(|_| !force) else { return Ok(file) };
    let split = rest.len().checked_sub(STRUCT).filter(|at| *at > 0).ok_or(Refused("signature"))?;
    let (signed, signature) = rest.split_at(split);
    let [algo, hash, kind, signer_len, key_len, pad0, pad1, pad2, len @ ..] = signature else {
        return Err(Refused("signature"));
    };
    let len = len.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    need(len < signed.len(), "signature")?;
    if *kind != PKCS7 {
        return Ok(rest);
    }
    need([algo, hash, signer_len, key_len, pad0, pad1, pad2].iter().all(|byte| **byte == 0), "signature")?;
    signed.get(..signed.len() - len).ok_or(Refused("signature"))
}

struct Loader<'a> {
    file: &'a [u8],
    request: Request<'a>,
    machine: Machine,
    sections: Vec<Section>,
    /// Where the section headers are, in the file.
    table: Range<u64>,
    /// The table of section names.
    names: Section,
    /// Numbers of sections; 0 stands for none.
    tags: usize,
    module: usize,
    symbols: usize,
    strings: usize,
    versions: usize,
    version_crcs: usize,
    version_names: usize,
    /// Namespaces that its tags import.
    namespaces: Vec<&'a [u8]>,
}

impl<'a> Loader<'a> {
    /// `elf_validity_ehdr`, `elf_validity_cache_sechdrs`, `elf_validity_cache_secstrings`; `elf_validity_check` in 6.1.
    fn open(file: &'a [u8], request: Request<'a>) -> Step<Self> {
        let machine = request.kernel.machine;
        let sections = sections(file, request)?;
        let (table, _) = Head::Table.place(machine);
        let table = machine.get(file, table, machine.word()).ok_or(Refused("section headers"))?;
        let end = table + (sections.len() * machine.section_len()) as u64;
        let (names, len) = Head::Names.place(machine);
        let names = machine.get(file, names, len).map_or(0, index);
        need(names != 0, "section name table index")?;
        let names = *sections.get(names).ok_or(Refused("section name table index"))?;
        let loader = Self {
            file,
            request,
            machine,
            sections,
            table: table..end,
            names,
            tags: 0,
            module: 0,
            symbols: 0,
            strings: 0,
            versions: 0,
            version_crcs: 0,
            version_names: 0,
            namespaces: Vec::new(),
        };
        loader.check_sections()?;
        loader.check_names()?;
        Ok(loader)
    }

    fn is_new(&self) -> bool {
        self.request.release == Release::V7_2
    }

    /// `validate_section_offset`.
    fn is_inside(&self, section: &Section) -> bool {
        section.offset.checked_add(section.size).is_some_and(|end| end <= self.file.len() as u64)
    }

    fn check_sections(&self) -> Step<()> {
        let first = self.section(0);
        need(first.kind == SHT_NULL && first.size == 0 && first.address == 0, "section 0 is not empty")?;
        for section in self.sections.iter().skip(1) {
            if matches!(section.kind, SHT_NULL | SHT_NOBITS) {
                continue;
            }
            need(self.is_inside(section), "a section is outside")?;
            if !self.is_new() {
                let linked = section.link != 0 && section.link < self.sections.len() as u64;
                need(section.kind != SHT_SYMTAB || linked, "a symbol table links to nothing")?;
                let named = section.name < self.names.size;
                need(section.flags & SHF_ALLOC == 0 || named, "a section's name is outside")?;
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Step<()> {
        need(!self.is_new() || self.names.kind == SHT_STRTAB, "section names are of another type")?;
        need(self.is_inside(&self.names), "section names are outside")?;
        need(self.ends_with_nul(&self.names), "section names are without end")?;
        let named = |section: &Section| section.kind == SHT_NULL || section.name < self.names.size;
        need(!self.is_new() || self.sections.iter().all(named), "a section's name is outside")
    }

    /// Whether a section is not empty, and its last byte a NUL.
    fn ends_with_nul(&self, section: &Section) -> bool {
        let last = section.size.checked_sub(1).and_then(|last| section.offset.checked_add(last));
        last.is_some_and(|last| self.file.get(index(last)) == Some(&0))
    }

    fn section(&self, number: usize) -> Section {
        self.sections.get(number).copied().unwrap_or_default()
    }

    fn is_named(&self, section: &Section, name: &str) -> bool {
        let found = self.names.offset.checked_add(section.name).and_then(|at| string(self.file, at));
        found == Some(name.as_bytes())
    }

    /// `find_sec`: the first that is to be loaded.
    fn find(&self, name: &str) -> usize {
        let found = |section: &Section| section.flags & SHF_ALLOC != 0 && self.is_named(section, name);
        self.sections.iter().skip(1).position(found).map_or(0, |position| position + 1)
    }

    /// `find_any_unique_sec`: nothing if there are several.
    fn find_unique(&self, name: &str) -> Step<usize> {
        let mut found = (1..self.sections.len()).filter(|number| self.is_named(&self.section(*number), name));
        let first = found.next().unwrap_or(0);
        need(found.next().is_none(), "a section is there twice")?;
        Ok(first)
    }

    /// `elf_validity_cache_index`; `setup_load_info` in 6.1.
    fn find_parts(&mut self) -> Step<()> {
        let this_module = ".gnu.linkonce.this_module";
        let tables: Vec<usize> =
            (1..self.sections.len()).filter(|number| self.section(*number).kind == SHT_SYMTAB).collect();
        if self.is_new() {
            self.tags = self.find_unique(".modinfo")?;
            self.module = self.find_unique(this_module)?;
            let module = self.section(self.module);
            let whole = module.kind != SHT_NOBITS && module.flags & SHF_ALLOC != 0;
            need(whole && module.size == self.request.original.module_len, "struct module does not fit")?;
            need(tables.len() == 1, "not one symbol table")?;
        } else {
            self.tags = self.find(".modinfo");
            self.module = self.find(this_module);
        }
        self.symbols = tables.first().copied().ok_or(Refused("no symbol table"))?;
        need(self.module != 0, "no struct module")?;
        self.strings = index(self.section(self.symbols).link);
        need(self.strings != 0 && self.strings < self.sections.len(), "a symbol table links to nothing")?;
        let is_table = self.section(self.strings).kind == SHT_STRTAB;
        need(!self.is_new() || is_table, "symbol names are of another type")?;
        if !self.request.force {
            self.find_versions()?;
        }
        Ok(())
    }

    /// `elf_validity_cache_index_versions`
    fn find_versions(&mut self) -> Step<()> {
        self.versions = self.find("__versions");
        if !self.is_new() {
            return Ok(());
        }
        self.version_crcs = self.find("__version_ext_crcs");
        self.version_names = self.find("__version_ext_names");
        need((self.version_crcs == 0) == (self.version_names == 0), "half of the extended versions")?;
        let (crcs, names) = (self.section(self.version_crcs), self.section(self.version_names));
        let names = self.file.get(index(names.offset)..).and_then(|rest| rest.get(..index(names.size)));
        let there = memchr::memchr_iter(0, names.unwrap_or_default()).count() as u64;
        need(self.version_crcs == 0 || crcs.size / 4 <= there, "more extended CRCs than names")
    }

    /// `elf_validity_cache_strtab`, which 6.1 has not.
    fn check_strings(&self) -> Step<()> {
        let strings = self.section(self.strings);
        let first = self.file.get(index(strings.offset));
        need(first == Some(&0) && self.ends_with_nul(&strings), "symbol names do not start or end with a NUL")?;
        let inside = |symbol| self.symbol_field(symbol, SymbolField::Name).is_some_and(|name| name < strings.size);
        need((0..self.symbol_count()).all(inside), "a symbol's name is outside")
    }

    /// `check_export_symbol_sections`, which 6.1 has not.
    fn check_exports(&self) -> Step<()> {
        /// An entry on the machines that say where by distances; on others there are three words.
        const DISTANCES: u64 = 12;
        let entry = match self.machine.number {
            EM_X86_64 | 183 => DISTANCES,
            _ => 3 * self.machine.word() as u64,
        };
        let exports = self.section(self.find("__ksymtab")).size / entry;
        need(exports == 0 || self.find("__kflagstab") != 0, "no flags of exports")
    }

    /// `module_next_tag_pair`, `next_string` in 6.1: over what is no NUL, then over what is one, but not beyond what is left.
    fn next_tag(&self, mut at: u64, left: &mut u64) -> Step<Option<u64>> {
        for is_padding in [false, true] {
            let rest = self.file.get(index(at)..).ok_or(Refused("tags are outside"))?;
            let end = if is_padding { rest.iter().position(|byte| *byte != 0) } else { memchr::memchr(0, rest) };
            let len = end.unwrap_or(rest.len()) as u64;
            if len > 0 && *left <= len {
                return Ok(None);
            }
            need(end.is_some(), "tags are outside")?;
            at += len;
            *left -= len;
        }
        Ok(Some(at))
    }

    /// `get_next_modinfo`: where the value of the next tag of this name is. Without tags it looks at section 0.
    fn tag(&self, name: &str, previous: Option<u64>) -> Step<Option<u64>> {
        let section = self.section(self.tags);
        let mut left = section.size;
        let mut at = Some(section.offset);
        if let Some(previous) = previous {
            left = left.wrapping_sub(previous.wrapping_sub(section.offset));
            at = self.next_tag(previous, &mut left)?;
        }
        while let Some(start) = at {
            let rest = self.file.get(index(start)..).ok_or(Refused("tags are outside"))?;
            if rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'=')) {
                return Ok(Some(start + name.len() as u64 + 1));
            }
            at = self.next_tag(start, &mut left)?;
        }
        Ok(None)
    }

    /// The value of the first tag of this name.
    fn first(&self, name: &str) -> Step<Option<&'a [u8]>> {
        Ok(self.tag(name, None)?.and_then(|at| string(self.file, at)))
    }

    /// `check_modinfo`, `check_modstruct_version`, `setup_modinfo`.
    fn check_tags(&mut self) -> Step<()> {
        let magic = self.first("vermagic")?;
        if let Some(magic) = magic.filter(|_| !self.request.force) {
            let from = |magic: &'a [u8]| match magic.iter().position(|byte| *byte == b' ') {
                Some(space) if self.versions != 0 => magic.get(space..).unwrap_or_default(),
                None if self.versions != 0 => &[],
                _ => magic,
            };
            need(from(magic) == from(&self.request.original.vermagic), "vermagic")?;
        }
        let layout = self.request.kernel.find(b"module_layout", "");
        need(layout.is_none_or(|layout| self.fits_version(b"module_layout", layout)), "version of struct module")?;
        let mut previous = None;
        while let Some(at) = self.tag("import_ns", previous)? {
            self.namespaces.extend(string(self.file, at));
            previous = Some(at);
        }
        let for_modules = self.namespaces.iter().any(|imported| imported.starts_with(b"module:"));
        need(!self.is_new() || !for_modules, "a module's namespace is imported")
    }

    /// `check_version`; nothing is looked at in a module that is forced.
    fn fits_version(&self, symbol: &[u8], export: &Export) -> bool {
        let Some(crc) = export.crc.filter(|_| !self.request.force) else { return true };
        if self.version_crcs != 0 {
            return self.extended_version(symbol).is_none_or(|version| version == crc);
        }
        // Without any it is as if it were forced.
        self.versions == 0 || self.basic_version(symbol) == Some(u64::from(crc))
    }

    fn extended_version(&self, symbol: &[u8]) -> Option<u32> {
        let (crcs, mut name) = (self.section(self.version_crcs), self.section(self.version_names).offset);
        for number in 0..crcs.size / 4 {
            let found = string(self.file, name)?;
            if self.is_version_of(found, symbol) {
                let crc = self.machine.get(self.file, index(crcs.offset.checked_add(number * 4)?), 4)?;
                return u32::try_from(crc).ok();
            }
            name += found.len() as u64 + 1;
        }
        None
    }

    fn basic_version(&self, symbol: &[u8]) -> Option<u64> {
        /// `struct modversion_info`: a word, and a name.
        const ENTRY: u64 = 64;
        let versions = self.section(self.versions);
        let word = self.machine.word();
        for number in 0..versions.size / ENTRY {
            let at = versions.offset.checked_add(number * ENTRY)?;
            if self.is_version_of(string(self.file, at + word as u64)?, symbol) {
                return self.machine.get(self.file, index(at), word);
            }
        }
        None
    }

    /// A dot comes off names of versions, too (`dedotify_versions`).
    fn is_version_of(&self, found: &[u8], symbol: &[u8]) -> bool {
        let bare = found.strip_prefix(b".").filter(|_| self.machine.number == EM_PPC64);
        bare.unwrap_or(found) == symbol
    }

    /// `verify_namespace_is_imported`
    fn imports(&self, namespace: &[u8]) -> bool {
        let for_it = || self.is_new() && is_for_module(namespace, self.module_name());
        namespace.is_empty() || self.namespaces.contains(&namespace) || for_it()
    }

    fn module_name(&self) -> &'a [u8] {
        let at = self.section(self.module).offset.checked_add(self.machine.name_in_module());
        at.and_then(|at| string(self.file, at)).unwrap_or_default()
    }

    /// `module_license_taint_check`, `module_augment_kernel_taints`; `set_license` in 6.1.
    fn is_proprietary(&self) -> Step<bool> {
        const COMPATIBLE: [&[u8]; 6] =
            [b"GPL", b"GPL v2", b"GPL and additional rights", b"Dual BSD/GPL", b"Dual MIT/GPL", b"Dual MPL/GPL"];
        const OFFENDERS: [&[u8]; 2] = [b"driverloader", b"lve"];
        let license = self.first("license")?.unwrap_or(b"unspecified");
        Ok(!COMPATIBLE.contains(&license) || OFFENDERS.contains(&self.module_name()))
    }

    fn symbol_count(&self) -> u64 {
        self.section(self.symbols).size / self.machine.symbol_len() as u64
    }

    fn symbol_field(&self, symbol: u64, field: SymbolField) -> Option<u64> {
        let (offset, len) = field.place(self.machine);
        let at = self.section(self.symbols).offset.checked_add(symbol * self.machine.symbol_len() as u64)?;
        self.machine.get(self.file, index(at).checked_add(offset)?, len)
    }

    /// `simplify_symbols`: every symbol without a section has to be resolved, whatever its binding or type.
    fn simplify_symbols(&self) -> Step<Loaded> {
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

/// The section headers, if the ELF header is one (`elf_check_arch` of each machine).
fn sections(file: &[u8], request: Request<'_>) -> Step<Vec<Section>> {
    /// `EM_S390_OLD`, `EM_486`.
    const OLD: [(u16, u64); 2] = [(EM_S390, 0xa390), (EM_386, 6)];
    let machine = request.kernel.machine;
    need(file.len() >= machine.header_len() && file.starts_with(b"\x7fELF"), "no ELF header")?;
    let head = |field: Head| {
        let (at, len) = field.place(machine);
        machine.get(file, at, len).unwrap_or(0)
    };
    need(head(Head::Type) == 1, "not relocatable")?;
    let number = head(Head::Machine);
    need(number == u64::from(machine.number) || OLD.contains(&(machine.number, number)), "another machine")?;
    let class = if machine.wide { 2 } else { 1 };
    let asks_class = matches!(machine.number, EM_S390 | EM_RISCV);
    need(!asks_class || file.get(4) == Some(&class), "another class")?;
    let abi = machine.number != EM_PPC64 || request.release == Release::V6_1 || head(Head::Flags) & 3 == 2;
    need(abi, "another ABI")?;
    let entry = head(Head::Entry);
    need(machine.number != EM_ARM || entry & 1 == 1 || entry.is_multiple_of(4), "the entry is odd")?;
    need(head(Head::SectionLen) == machine.section_len() as u64, "section headers of another size")?;
    let (table, count) = (head(Head::Table), head(Head::Sections));
    let room = (file.len() as u64).checked_sub(table).filter(|room| *room > 0).ok_or(Refused("no section headers"))?;
    need(count > 0 && count * machine.section_len() as u64 <= room, "no section headers")?;
    let read = |number| Section::read(machine, file, index(table + number * machine.section_len() as u64));
    (0..count).map(read).collect::<Option<_>>().ok_or(Refused("no section headers"))
}

/// `verify_module_namespace`: whether a namespace `module:a,b*` is for a module of this name.
fn is_for_module(namespace: &[u8], module: &[u8]) -> bool {
    let same = |a: u8, b: u8| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
    let Some(patterns) = namespace.strip_prefix(b"module:") else { return false };
    patterns.split(|byte| *byte == b',').any(|pattern| match pattern.strip_suffix(b"*") {
        Some(start) => start.len() <= module.len() && start.iter().zip(module).all(|(a, b)| same(*a, *b)),
        None => pattern.len() == module.len() && pattern.iter().zip(module).all(|(a, b)| same(*a, *b)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_for_modules() {
        assert!(is_for_module(b"module:kvm-intel,kvm-amd", b"kvm_amd"));
        assert!(is_for_module(b"module:cxl_*", b"cxl-core") && !is_for_module(b"module:cxl_", b"cxl_core"));
        assert!(!is_for_module(b"DMA_BUF", b"DMA_BUF"));
    }
}
