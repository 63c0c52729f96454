// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model of the kernel's module loader: whether it refuses a file, and what it resolves for it.
//!
//! Written from `kernel/module/main.c` of 6.1.192 and 7.2.13, function by function; each part names the one it stands
//! for. It knows nothing of how symgate reads a module. Where a check of the kernel's is left out (memory, relocations,
//! flags of sections, parameters, what is exported twice, what an architecture's own sections are like), the model
//! accepts more than the kernel does, and so asks more of symgate.
//!
//! The kernel looks at a copy of the whole file, and changes that copy while it still reads names from it. What a change
//! may have touched is not known here; such a module is said to be accepted, and to be [`Loaded::unsure`].

mod headers;
mod symbols;
mod tags;
mod versions;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::mutate::kernel::Kernel;
use crate::mutate::raw::{
    EM_X86_64, Head, Machine, SHF_ALLOC, SHT_NOBITS, SHT_STRTAB, SHT_SYMTAB, Section, SymbolField, index, string,
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
    let file = headers::without_signature(file, request.force)?;
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
        let sections = headers::sections(file, request)?;
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

    fn symbol_count(&self) -> u64 {
        self.section(self.symbols).size / self.machine.symbol_len() as u64
    }

    fn symbol_field(&self, symbol: u64, field: SymbolField) -> Option<u64> {
        let (offset, len) = field.place(self.machine);
        let at = self.section(self.symbols).offset.checked_add(symbol * self.machine.symbol_len() as u64)?;
        self.machine.get(self.file, index(at).checked_add(offset)?, len)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mutate::draft::Draft;
    use crate::mutate::raw::{Field, SHN_LIVEPATCH, SHT_NULL};
    use crate::shell::repository;

    /// What both releases make of a test module that imports `dma_buf_get`, after it was changed.
    fn loaded(change: impl Fn(&mut Draft)) -> [Result<Vec<String>, &'static str>; 2] {
        let folder = repository().join("testdata/7.2");
        let machine = Machine::of("amd64").unwrap();
        let symvers = std::fs::read_to_string(folder.join("Module.symvers")).unwrap();
        let kernel = Kernel::new(machine, &symvers, &HashSet::from(["dma_buf_get".to_owned()]));
        let bytes = std::fs::read(folder.join("sg_get.ko")).unwrap();
        let original = crate::mutate::prey::original(&bytes, "sg_get".to_owned(), machine).unwrap();
        let mut draft = Draft::new(Vec::new(), &bytes, machine);
        change(&mut draft);
        [Release::V6_1, Release::V7_2].map(|release| {
            let request = Request { kernel: &kernel, original: &original, release, force: false };
            let loaded = load(&draft.bytes, request).map_err(|refused| refused.0)?;
            Ok(loaded.acquired.into_iter().chain(loaded.unsure.then(|| "unsure".to_owned())).collect())
        })
    }

    /// The number of a section of this name.
    fn section(draft: &Draft, name: &str) -> usize {
        draft.map().unwrap().find(draft, name).unwrap()
    }

    fn got(what: &str) -> Vec<String> {
        vec![what.to_owned()]
    }

    #[test]
    fn a_module_that_nobody_changed_is_loaded() {
        assert_eq!(loaded(|_| ()), [Ok(got("dma_buf_get")), Ok(got("dma_buf_get"))]);
    }

    #[test]
    fn releases_differ() {
        let second_table = loaded(|draft| {
            let header = draft.header_bytes(section(draft, ".symtab"));
            draft.add_header(header);
        });
        assert_eq!(second_table, [Ok(got("dma_buf_get")), Err("not one symbol table")]);
        let short_strings = loaded(|draft| draft.set(section(draft, ".strtab"), Field::Size, 1));
        assert_eq!(short_strings, [Ok(got("dma_buf_get")), Err("a symbol's name is outside")]);
        let odd_module = loaded(|draft| draft.set(section(draft, ".gnu.linkonce.this_module"), Field::Size, 64));
        assert_eq!(odd_module, [Ok(got("dma_buf_get")), Err("struct module does not fit")]);
    }

    #[test]
    fn both_refuse() {
        let refused = |reason: &'static str| [Err(reason), Err(reason)];
        assert_eq!(loaded(|draft| draft.set_head(Head::Type, 2)), refused("not relocatable"));
        assert_eq!(loaded(|draft| draft.set_head(Head::Sections, 0)), refused("no section headers"));
        assert_eq!(loaded(|draft| draft.set(0, Field::Size, 1)), refused("section 0 is not empty"));
        let no_table = loaded(|draft| draft.set(section(draft, ".symtab"), Field::Type, SHT_NULL));
        assert_eq!(no_table, [Err("no symbol table"), Err("not one symbol table")]);
        let unknown = loaded(|draft| {
            let map = draft.map().unwrap();
            let wanted = map.undefined(draft, &["dma_buf_get".to_owned()]);
            draft.set_symbol(&map, wanted[0].0, SymbolField::Name, 0);
        });
        assert_eq!(unknown, refused("an unknown symbol"));
    }

    #[test]
    fn tags_are_looked_for_where_the_kernel_looks() {
        // Without its flag 6.1 does not see the section; no namespace is imported then.
        let hidden = loaded(|draft| draft.set(section(draft, ".modinfo"), Field::Flags, 0));
        assert_eq!(hidden, [Err("an unknown symbol"), Ok(got("dma_buf_get"))]);
        // What stands at the offset of the first section is a tag then.
        let elsewhere = loaded(|draft| {
            let at = draft.append(b"license=GPL\0");
            draft.set(0, Field::Offset, at);
            draft.set(section(draft, ".modinfo"), Field::Flags, 0);
        });
        assert_eq!(elsewhere, [Err("a namespace that is not imported"), Ok(got("dma_buf_get"))]);
    }

    #[test]
    fn what_the_loader_wrote_is_not_known() {
        let over = loaded(|draft| {
            let strings = draft.map().unwrap().strings;
            let end = strings.offset + strings.size;
            draft.change_table(|_| ());
            let len = draft.bytes.len() as u64 - end;
            draft.set(section(draft, ".strtab"), Field::Size, strings.size + len);
        });
        // The names themselves are where they were.
        assert_eq!(over, [Ok(got("dma_buf_get")), Ok(got("dma_buf_get"))]);
        let inside = loaded(|draft| {
            let map = draft.map().unwrap();
            let (symbol, _) = map.undefined(draft, &["dma_buf_get".to_owned()])[0];
            let strings = map.strings.offset;
            draft.change_table(|_| ());
            let size = draft.bytes.len() as u64 - strings;
            draft.set(section(draft, ".strtab"), Field::Size, size);
            draft.set_symbol(&map, symbol, SymbolField::Name, draft.header(1) as u64 + 8 - strings);
        });
        assert_eq!(inside, [Ok(got("unsure")), Ok(got("unsure"))]);
    }

    #[test]
    fn livepatch_symbols_count() {
        let livepatched = loaded(|draft| {
            let map = draft.map().unwrap();
            let (symbol, _) = map.undefined(draft, &["dma_buf_get".to_owned()])[0];
            let mut strings = draft.content(&map.strings);
            let name = strings.len() as u64;
            strings.extend_from_slice(b".klp.sym.vmlinux.dma_buf_get,0,1\0");
            draft.replace(section(draft, ".strtab"), &strings);
            draft.set_symbol(&map, symbol, SymbolField::Name, name);
            draft.set_symbol(&map, symbol, SymbolField::Section, SHN_LIVEPATCH);
        });
        assert_eq!(livepatched, [Ok(got("dma_buf_get")), Ok(got("dma_buf_get"))]);
    }
}
