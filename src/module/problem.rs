// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a module that could be read all the same: rule SG013 speaks of these.

use super::elf::{Elf, Section};
use super::pkcs7::MessageError;
use super::signature::SignatureError;
use crate::{limits, text};

/// One thing about a module that the loader would refuse, or that two readers would read differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `e_type` is not `ET_REL` (`elf_validity_ehdr`, 7.2).
    #[error("is not a relocatable object (e_type {kind}); the loader takes nothing else")]
    NotRelocatable {
        /// `e_type`
        kind: u16,
    },
    /// The first section header is not all zero (`elf_validity_cache_sechdrs`, 7.2).
    #[error("has a first section that is not empty, which the loader refuses")]
    FirstSection,
    /// A table of strings that does not start or end as one has to (`elf_validity_cache_strtab` and
    /// `elf_validity_cache_secstrings`, 7.2).
    #[error("has a table of {of} names that {reason}, which the loader refuses")]
    Strings {
        /// Whose names.
        of: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// No `SHT_SYMTAB` (`elf_validity_cache_index_sym`, 7.2).
    #[error("has no symbol table: what it imports can't be told, and the loader refuses it")]
    NoSymbolTable,
    /// More than one `SHT_SYMTAB`.
    #[error(
        "has {count} symbol tables: modpost reads the last, the loaders of 5.10 and 6.1 the first, newer ones refuse it"
    )]
    SymbolTables {
        /// How many.
        count: usize,
    },
    /// The symbol table is not whole, or links to no string table.
    #[error("has a broken symbol table: {reason}")]
    SymbolTable {
        /// What is wrong.
        reason: &'static str,
    },
    /// Undefined symbols without a name, or whose name does not end inside the string table, is not UTF-8 or longer
    /// than any kernel's.
    #[error("has undefined symbols whose names can't be read ({count})")]
    SymbolNames {
        /// How many different ones.
        count: usize,
    },
    /// `SHN_COMMON` symbols (`simplify_symbols`, 7.2).
    #[error("has common symbols ({}); the loader refuses it (was it built without -fno-common?)", text::list(.names))]
    Common {
        /// The symbols.
        names: Vec<Box<str>>,
    },
    /// A livepatch symbol that names nothing.
    #[error("has a livepatch symbol that names nothing: {name}")]
    Livepatch {
        /// Its name.
        name: Box<str>,
    },
    /// Undefined symbols with local binding: modpost's `handle_symbol` skips them, the loader resolves them.
    #[error("imports {} by local symbols, which modpost does not look at and the loader resolves", text::list(.names))]
    LocalUndefined {
        /// The symbols.
        names: Vec<Box<str>>,
    },
    /// A section that the loader looks up by name is there more than once.
    #[error("has more than one section {section}")]
    RepeatedSection {
        /// Its name.
        section: Box<str>,
    },
    /// A section that the loader looks up by name is not `SHF_ALLOC`, so the loader passes it over.
    #[error("has a section {section} that is not to be loaded: the loader does not see it")]
    UnloadedSection {
        /// Its name.
        section: Box<str>,
    },
    /// `.gnu.linkonce.this_module` is missing.
    #[error("has no section .gnu.linkonce.this_module: it is no finished module")]
    NoThisModule,
    /// An object with what modpost adds, and with what modpost takes out: it is neither before nor behind it.
    #[error(
        "is an object with exports that modpost has not seen, and has a section .gnu.linkonce.this_module, which modpost \
         adds"
    )]
    HalfFinished,
    /// `struct module` holds no name that ends.
    #[error("has no readable name in .gnu.linkonce.this_module")]
    NoName,
    /// `.modinfo` is missing.
    #[error("has no section .modinfo: its licence, name and namespaces can't be told")]
    NoModInfo,
    /// `.modinfo` strings that are no `tag=value`.
    #[error("has strings in .modinfo that are no tag=value ({count}); the first is {text:?}{}", .follows.as_ref().map(|tag| format!(", after the tag {tag}")).unwrap_or_default())]
    ModInfoStrays {
        /// How many.
        count: usize,
        /// The first.
        text: Box<str>,
        /// The tag before it.
        follows: Option<Box<str>>,
    },
    /// `.modinfo` does not end with a NUL, or is too large.
    #[error("has a .modinfo that {reason}")]
    ModInfo {
        /// What is wrong.
        reason: &'static str,
    },
    /// A tag that decides something is not UTF-8.
    #[error("has a tag {tag} in .modinfo that is not UTF-8")]
    ModInfoTag {
        /// The tag.
        tag: &'static str,
    },
    /// A tag that can have one value only is there again.
    #[error("has the tag {tag} {count} times in .modinfo ({}); there can be one", text::list(.values))]
    RepeatedTag {
        /// The tag.
        tag: &'static str,
        /// How often.
        count: usize,
        /// Its values, each once.
        values: Vec<String>,
    },
    /// More undefined names than any module has.
    #[error("has more than {} different undefined symbols", limits::IMPORTS)]
    TooManyImports,
    /// The tag `name` and `struct module` disagree.
    #[error("is named {this_module:?} in .gnu.linkonce.this_module, but {modinfo:?} in .modinfo")]
    Names {
        /// What `struct module` holds.
        this_module: Box<str>,
        /// What the tag says.
        modinfo: Box<str>,
    },
    /// An export table that can't be read.
    #[error("has an export table {section} that can't be read: {reason}")]
    ExportTable {
        /// The section.
        section: Box<str>,
        /// What is wrong.
        reason: &'static str,
    },
    /// Entries of an export table without a value or a readable name or namespace.
    #[error(
        "has an export table {section} with entries whose value, name or namespace can't be read ({count}; the first is number {first})"
    )]
    ExportEntries {
        /// The section.
        section: Box<str>,
        /// How many.
        count: u64,
        /// The first, from 0.
        first: u64,
    },
    /// Entries of `.export_symbol` that modpost would not take (`scripts/mod/modpost.c:check_export_symbol`, 7.2).
    #[error("has entries in .export_symbol that modpost refuses ({count}; the first is {first})")]
    ExportMarks {
        /// How many.
        count: usize,
        /// What is wrong with the first.
        first: Box<str>,
    },
    /// `__kflagstab` has not one byte an export.
    #[error("has {flags} bytes of __kflagstab for {exports} exports")]
    FlagCount {
        /// Bytes in the section.
        flags: u64,
        /// Entries of `__ksymtab`.
        exports: u64,
    },
    /// `__kflagstab` beside a table of the older layout, which the loader of 7.2 ignores.
    #[error("has __kflagstab and {section} both: the loader of 7.2 ignores the exports in the latter")]
    MixedExportLayouts {
        /// The older section.
        section: Box<str>,
    },
    /// Names twice in its own tables.
    #[error("exports more than once: {}", text::list(.names))]
    ExportedTwice {
        /// The symbols.
        names: Vec<Box<str>>,
    },
    /// `__versions` or its extended form is not whole.
    #[error("has a broken table of versions: {reason}")]
    Versions {
        /// What is wrong.
        reason: &'static str,
    },
    /// A trailer that bears the signature's marker and is none.
    #[error("ends with a broken signature: {0}")]
    Signature(#[from] SignatureError),
    /// A signature whose message can't be read.
    #[error("has a signature that can't be read: {0}")]
    SignatureMessage(MessageError),
    /// Two readers differ.
    #[error("is read differently by two readers: {what} {}", differing(.first, .second))]
    Readers {
        /// What differs.
        what: &'static str,
        /// What only the first reader, symgate's own, found.
        first: Vec<Box<str>>,
        /// What only the second one, goblin, found.
        second: Vec<Box<str>>,
    },
    /// The second reader gave up.
    #[error("can't be read by a second reader: {reason}")]
    SecondReader {
        /// What it said.
        reason: Box<str>,
    },
}

/// What one reader found and the other did not.
fn differing(first: &[Box<str>], second: &[Box<str>]) -> String {
    let sides = [("the first", first), ("the second", second)];
    let found = sides.iter().filter(|(_, found)| !found.is_empty());
    found.map(|(who, found)| format!("{} only by {who}", text::list(found))).collect::<Vec<_>>().join("; ")
}

impl Problem {
    /// What tells a problem from others of the same module, in a finding's id.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::NotRelocatable { .. } => "not-relocatable".to_owned(),
            Self::FirstSection => "first-section".to_owned(),
            Self::Strings { of, .. } => format!("strings:{of}"),
            Self::NoSymbolTable => "no-symbol-table".to_owned(),
            Self::SymbolTables { .. } => "symbol-tables".to_owned(),
            Self::SymbolTable { .. } => "symbol-table".to_owned(),
            Self::SymbolNames { .. } => "symbol-names".to_owned(),
            Self::Common { .. } => "common".to_owned(),
            Self::Livepatch { name } => format!("livepatch:{name}"),
            Self::LocalUndefined { .. } => "local-undefined".to_owned(),
            Self::RepeatedSection { section } => format!("repeated-section:{section}"),
            Self::UnloadedSection { section } => format!("unloaded-section:{section}"),
            Self::NoThisModule => "no-this-module".to_owned(),
            Self::HalfFinished => "half-finished".to_owned(),
            Self::NoName => "no-name".to_owned(),
            Self::NoModInfo => "no-modinfo".to_owned(),
            Self::ModInfoStrays { .. } => "modinfo-strays".to_owned(),
            Self::ModInfo { .. } => "modinfo".to_owned(),
            Self::ModInfoTag { tag } => format!("modinfo-tag:{tag}"),
            Self::RepeatedTag { tag, .. } => format!("repeated-tag:{tag}"),
            Self::TooManyImports => "too-many-imports".to_owned(),
            Self::Names { .. } => "names".to_owned(),
            Self::ExportTable { section, .. } => format!("export-table:{section}"),
            Self::ExportEntries { section, .. } => format!("export-entries:{section}"),
            Self::ExportMarks { .. } => "export-marks".to_owned(),
            Self::FlagCount { .. } => "flag-count".to_owned(),
            Self::MixedExportLayouts { section } => format!("mixed-layouts:{section}"),
            Self::ExportedTwice { .. } => "exported-twice".to_owned(),
            Self::Versions { .. } => "versions".to_owned(),
            Self::Signature(_) => "signature".to_owned(),
            Self::SignatureMessage(_) => "signature-message".to_owned(),
            Self::Readers { what, .. } => format!("readers:{what}"),
            Self::SecondReader { .. } => "second-reader".to_owned(),
        }
    }
}

/// The section that the loader takes for this name: the first that is to be loaded
/// (`kernel/module/main.c:find_any_unique_sec`, 7.2, and `find_sec`).
///
/// A second one, or one that is not to be loaded, is a problem: two readers then read two things.
pub(super) fn loaded_section<'e, 'd>(
    elf: &'e Elf<'d>,
    name: &'e str,
    problems: &mut Vec<Problem>,
) -> Option<(usize, &'e Section<'d>)> {
    let mut all = elf.named(name.as_bytes());
    let mut chosen = all.next()?;
    for other in all {
        let repeated = Problem::RepeatedSection { section: name.into() };
        if !problems.contains(&repeated) {
            problems.push(repeated);
        }
        if !chosen.1.allocated() {
            chosen = other;
        }
    }
    if !chosen.1.allocated() {
        problems.push(Problem::UnloadedSection { section: name.into() });
    }
    Some(chosen)
}
