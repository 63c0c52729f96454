// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes to facts: all that a built module says of itself, as the kernel's loader would read it.
//!
//! Facts are small and owned; the bytes can go as soon as they are read. Nothing here knows a policy.
//! A module that can't be read as ELF is an error; one that can, but breaks a rule of the loader, is
//! facts with problems.

pub mod bytes;
pub mod debug;
pub mod digest;
pub mod elf;
mod export_marks;
mod exports;
pub mod graph;
pub mod imports;
pub mod license;
mod loader;
pub mod lookup;
pub mod modinfo;
pub mod name;
pub mod pkcs7;
pub mod problem;
mod second_reader;
pub mod signature;
pub mod sites;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use object::elf::{ET_REL, SHT_SYMTAB};
use serde::{Deserialize, Serialize};

use crate::exports::Export;
use crate::{limits, text};
pub use bytes::Bytes;
pub use digest::Digests;
pub use elf::{ElfError, Machine};
pub use imports::{Binding, Import};
pub use modinfo::ModInfo;
pub use name::ModuleName;
pub use problem::Problem;
pub use signature::Signature;

use elf::{Class, Elf, Symbols, until_nul};
use graph::{Depth, Graph};
use lookup::Lookups;
use problem::loaded_section;

/// How far the build of a module has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A finished module, which the loader would take.
    Finished,
    /// An object that modpost has not seen: it has no name, no versions and no `depends` yet, and what is linked to it
    /// later can't be told. The loader's rules do not apply.
    BeforeModpost,
}

/// All that a module says of itself.
#[expect(clippy::struct_excessive_bools, reason = "they are facts, each of its own, and not states")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleFacts {
    /// How far its build has come.
    pub stage: Stage,
    /// Its name: that of `struct module`, else that of `.modinfo`, else none.
    pub name: Option<ModuleName>,
    /// What it is built for.
    pub machine: Machine,
    /// `.modinfo`
    pub modinfo: ModInfo,
    /// What it offers, by name.
    pub exports: Vec<Export>,
    /// What it asks for, by name.
    pub imports: Vec<Import>,
    /// What it finds while it runs, as its code tells.
    pub lookups: Lookups,
    /// The names of what it finds so and does not import, as imports.
    pub found: Vec<Import>,
    /// Whether it was looked for ways to others' symbols that no import tells of, as is done with what is not the kernel's own.
    pub hidden_ways: bool,
    /// Whether it has a table of the versions of what it imports.
    pub versioned: bool,
    /// The signature appended to it, not verified.
    pub signature: Option<Signature>,
    /// `.note.gnu.build-id`, as hexadecimal digits.
    pub build_id: Option<Box<str>>,
    /// Whether it has DWARF (`.debug_info`).
    pub debug_info: bool,
    /// Whether a second reader read it, too.
    pub cross_checked: bool,
    /// Its hashes, where they were asked for.
    pub digests: Option<Digests>,
    /// What its exports lead to, where that was asked for and can be read.
    pub graph: Option<Arc<Graph>>,
    /// What the loader would refuse, or two readers read differently. Facts that have any are not kept in a file.
    #[serde(skip)]
    pub problems: Vec<Problem>,
}

impl ModuleFacts {
    /// Reads a finished module.
    pub fn read(bytes: Bytes<'_>) -> Result<Self, ElfError> {
        Self::read_as(bytes, false)
    }

    /// Reads the object of a module that modpost may not have seen yet; one that it has made a module of is finished,
    /// whatever it is called.
    pub fn read_object(bytes: Bytes<'_>) -> Result<Self, ElfError> {
        Self::read_as(bytes, true)
    }

    fn read_as(bytes: Bytes<'_>, is_object: bool) -> Result<Self, ElfError> {
        let mut problems = Vec::new();
        let signature = signature::find(bytes).unwrap_or_else(|error| {
            problems.push(error.into());
            None
        });
        if let Some(Err(error)) = signature.as_ref().map(|signature| &signature.signers) {
            problems.push(Problem::SignatureMessage(error.clone()));
        }
        let elf = Elf::parse(signature.as_ref().map_or(bytes, |signature| bytes.up_to(signature.offset)))?;
        let stage = match elf.named(THIS_MODULE.as_bytes()).next() {
            None if is_object => Stage::BeforeModpost,
            _ => Stage::Finished,
        };
        if elf.is_debug_info() {
            return Err(ElfError::DebugInfo);
        }
        if elf.kind != ET_REL {
            problems.push(Problem::NotRelocatable { kind: elf.kind.0 });
        }
        let modinfo = read_modinfo(&elf, stage, &mut problems);
        let name = match stage {
            Stage::Finished => {
                if is_object && export_marks::are_in(&elf) {
                    problems.push(Problem::HalfFinished);
                }
                loader::check_file(&elf, &mut problems);
                read_name(&elf, &modinfo, &mut problems)
            }
            Stage::BeforeModpost => None,
        };
        let symbols = read_symbols(&elf, &mut problems);
        let versions = versions::read(&elf, &mut problems);
        let (imports, exports) = match (&symbols, stage) {
            (None, _) => (Vec::new(), Vec::new()),
            (Some(symbols), Stage::Finished) => {
                loader::check_symbols(symbols, &mut problems);
                (
                    imports::read(elf.machine, symbols, &versions, &mut problems),
                    exports::read(&elf, symbols, &mut problems),
                )
            }
            (Some(symbols), Stage::BeforeModpost) => (
                imports::read_before_modpost(elf.machine, symbols, &mut problems),
                exports::read_before_modpost(&elf, symbols, &mut problems),
            ),
        };
        let lookups = symbols.filter(|_| lookup::are_in(&imports));
        let claims = modinfo.first("intree").is_some();
        let lookups = lookups.map(|symbols| lookup::read(&elf, &symbols, &|_| false, claims)).unwrap_or_default();
        Ok(Self {
            stage,
            name,
            machine: elf.machine,
            modinfo,
            exports,
            found: lookup::found(&lookups, &imports, &|_| Vec::new()),
            lookups,
            imports,
            versioned: versions::are_in(&elf),
            hidden_ways: false,
            signature,
            build_id: build_id(&elf),
            debug_info: elf.named(b".debug_info").next().is_some(),
            cross_checked: false,
            digests: None,
            graph: None,
            problems,
        })
    }

    /// Its name; that of its file where it bears none.
    #[must_use]
    pub fn name_or_of(&self, path: &str) -> ModuleName {
        self.name.clone().unwrap_or_else(|| ModuleName::from_path(path))
    }

    /// Lets a second reader read the same bytes; where it finds something else, that is a problem.
    pub fn cross_check(&mut self, bytes: Bytes<'_>) {
        self.problems.extend(second_reader::second_opinion(self, bytes));
        self.cross_checked = true;
    }

    /// Reads what the exports lead to from the same bytes. What can't be told apart is taken as a whole: that needs no graph.
    pub fn read_graph(&mut self, bytes: Bytes<'_>, depth: Depth) {
        self.graph = Graph::read(bytes, depth, &self.lookups).ok().map(Arc::new);
    }

    /// Reads from the same bytes by which ways it may get at others' symbols that no import tells of, beyond what it finds by
    /// the kernel's own functions.
    pub fn read_hidden_ways(&mut self, bytes: Bytes<'_>) {
        self.hidden_ways = true;
        if let Ok(elf) = self.elf(bytes)
            && let Some(symbols) = elf.first_symbols()
        {
            self.lookups.walks_modules = lookup::walks_modules(&elf, &symbols);
        }
    }

    /// The file before its signature, of the same bytes.
    fn elf<'d>(&self, bytes: Bytes<'d>) -> Result<Elf<'d>, ElfError> {
        Elf::parse(self.signature.as_ref().map_or(bytes, |signature| bytes.up_to(signature.offset)))
    }

    /// What it finds while it runs, by the same bytes, if it may find things by these functions of others, too.
    #[must_use]
    pub fn lookups_by(&self, bytes: Bytes<'_>, others: &dyn Fn(&str) -> bool) -> Lookups {
        let read = |elf: &Elf<'_>| Some(lookup::read(elf, &elf.first_symbols()?, others, false));
        let lookups = self.elf(bytes).ok().as_ref().and_then(read).unwrap_or_default();
        Lookups { walks_modules: self.lookups.walks_modules, ..lookups }
    }

    /// Takes what it finds while it runs; `expand` says what a pattern of names stands for.
    pub fn set_lookups(&mut self, lookups: Lookups, expand: &dyn Fn(&str) -> Vec<String>) {
        self.found = lookup::found(&lookups, &self.imports, expand);
        // The graph has what is found, too.
        if self.lookups != lookups {
            self.graph = None;
        }
        self.lookups = lookups;
    }

    /// All that it asks for: what it imports, and what it finds while it runs.
    pub fn asks_for(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter().chain(&self.found)
    }

    /// Hashes the same bytes, for what can be proven by that.
    pub fn digest(&mut self, bytes: Bytes<'_>) {
        self.digests = digest::digests(bytes, self.signature.as_ref());
    }

    /// Whether all its licence tags are compatible with the GPL, and there is one: what modpost asks.
    #[must_use]
    pub fn is_gpl_compatible(&self) -> bool {
        self.modinfo.first("license").is_some() && self.modinfo.all("license").all(license::is_gpl_compatible)
    }

    /// Whether it imports one of these symbols.
    #[must_use]
    pub fn imports_one(&self, symbols: &BTreeSet<String>) -> bool {
        self.imports.iter().any(|import| symbols.contains(&*import.name))
    }

    /// The version of the kernel that it says it is for.
    #[must_use]
    pub fn kernel(&self) -> Option<&str> {
        self.modinfo.first("vermagic")?.split(' ').next().filter(|version| !version.is_empty())
    }

    /// Whether it claims to come from the kernel's own tree (`intree=Y`); nothing proves it.
    #[must_use]
    pub fn claims_intree(&self) -> bool {
        self.modinfo.first("intree").is_some()
    }
}

/// The section that modpost adds for `struct module`.
const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// Tags that decide something.
const DECIDING: [&str; 7] = ["license", "name", "import_ns", "intree", "depends", "vermagic", "livepatch"];

/// Tags that have one value: the loader and kmod read the first, other tools may read another.
const SINGLE: [&str; 7] = ["name", "vermagic", "intree", "depends", "srcversion", "version", "retpoline"];

fn read_modinfo(elf: &Elf<'_>, stage: Stage, problems: &mut Vec<Problem>) -> ModInfo {
    let Some((_, section)) = loaded_section(elf, ".modinfo", problems) else {
        // An object without a licence has none; that it has no licence is another rule's.
        if stage == Stage::Finished {
            problems.push(Problem::NoModInfo);
        }
        return ModInfo::default();
    };
    let data = elf.data(section);
    if data.len() > limits::MODINFO_BYTES {
        problems.push(Problem::ModInfo { reason: "is larger than any module's" });
        return ModInfo::default();
    }
    let info = ModInfo::parse(data);
    // One behind a licence is rule SG006's: the trick that made `MODULE_LICENSE("GPL\0...")` famous.
    let strays = || info.strays().filter(|(_, follows)| *follows != Some("license"));
    if let Some((text, follows)) = strays().next() {
        let (text, follows) = (text.into(), follows.map(Into::into));
        problems.push(Problem::ModInfoStrays { count: strays().count(), text, follows });
    }
    if info.unterminated {
        problems.push(Problem::ModInfo { reason: "does not end with a NUL" });
    }
    if let Some(tag) = info.not_utf8(&DECIDING) {
        problems.push(Problem::ModInfoTag { tag });
    }
    for tag in SINGLE {
        let count = info.all(tag).count();
        if count > 1 {
            let mut values: Vec<String> = info.all(tag).map(|value| format!("{value:?}")).collect();
            values.sort();
            values.dedup();
            problems.push(Problem::RepeatedTag { tag, count, values });
        }
    }
    info
}

/// Reads `struct module`'s name: behind its state and the two pointers of its list
/// (`include/linux/module.h:struct module`, the same from 5.10 to 7.2).
fn read_name(elf: &Elf<'_>, modinfo: &ModInfo, problems: &mut Vec<Problem>) -> Option<ModuleName> {
    let name_at = match elf.machine.class {
        Class::Elf32 => 12,
        Class::Elf64 => 24,
    };
    // `MODULE_NAME_LEN`
    let name_limit = 64 - usize::from(elf.machine.word());
    let tag = modinfo.first("name").filter(|tag| text::name(tag.as_bytes()).is_some());
    let Some((_, section)) = loaded_section(elf, THIS_MODULE, problems) else {
        problems.push(Problem::NoThisModule);
        return tag.map(ModuleName::new);
    };
    let name = until_nul(elf.data(section), name_at, name_limit).and_then(text::name);
    let Some(name) = name else {
        problems.push(Problem::NoName);
        return tag.map(ModuleName::new);
    };
    let this_module = ModuleName::new(name);
    if let Some(tag) = tag
        && ModuleName::new(tag) != this_module
    {
        problems.push(Problem::Names { this_module: name.into(), modinfo: tag.into() });
    }
    Some(this_module)
}

fn read_symbols<'d>(elf: &Elf<'d>, problems: &mut Vec<Problem>) -> Option<Symbols<'d>> {
    let tables: Vec<_> = elf.sections().iter().filter(|section| section.kind == SHT_SYMTAB).collect();
    if tables.len() > 1 {
        problems.push(Problem::SymbolTables { count: tables.len() });
    }
    let Some(table) = tables.first() else {
        problems.push(Problem::NoSymbolTable);
        return None;
    };
    let symbols = elf.symbols(table);
    match symbols {
        None => problems.push(Problem::SymbolTable { reason: "it is not whole or links to no string table" }),
        Some(symbols) if symbols.len() < 2 => {
            problems.push(Problem::SymbolTable { reason: "it is empty" });
        }
        Some(_) => {}
    }
    symbols
}

/// The build-id of a file, a module's or that of its debug info, as hexadecimal digits.
#[must_use]
pub fn build_id_of(bytes: Bytes<'_>) -> Option<Box<str>> {
    build_id(&Elf::parse(bytes).ok()?)
}

/// Reads the first GNU build-id note (`ld --build-id`).
/// The build-id in a note as the running kernel shows one, in its own byte order: three numbers (the lengths of the name, `GNU`
/// and a NUL, and of the id, and the type), the name, the id.
pub(crate) fn build_id_of_note(note: &[u8]) -> Option<String> {
    let number = |at: usize| note.get(at..at + 4)?.try_into().ok();
    let (name, id): ([u8; 4], [u8; 4]) = (number(0)?, number(4)?);
    let id = match u32::from_le_bytes(name) {
        4 => u32::from_le_bytes(id),
        _ if u32::from_be_bytes(name) == 4 => u32::from_be_bytes(id),
        _ => return None,
    };
    let id = note.get(16..)?.get(..usize::try_from(id).ok()?)?;
    (!id.is_empty()).then(|| text::digits(id))
}

fn build_id(elf: &Elf<'_>) -> Option<Box<str>> {
    let (_, section) = elf.named(b".note.gnu.build-id").next()?;
    let data = elf.data(section);
    let (name, id) = (elf.u32_at(data, 0)?, elf.u32_at(data, 4)?);
    let start = 12_usize.checked_add(usize::try_from(name).ok()?.checked_next_multiple_of(4)?)?;
    let id = data.get(start..start.checked_add(usize::try_from(id).ok()?)?)?;
    Some(text::digits(id).into())
}
