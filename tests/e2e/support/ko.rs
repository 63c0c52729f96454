// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes small modules for machines and kernels whose kbuild is not at hand, with `object::write`.

use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

/// Where an export's CRC stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crc {
    /// There is none: `CONFIG_MODVERSIONS` is off.
    None,
    /// In `__kcrctab` as it is (5.19 and later).
    InPlace,
    /// In `__kcrctab` as a relocation against an absolute symbol (before).
    Absolute,
}

/// A machine, and how its relocations are named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) architecture: Architecture,
    pub(crate) endian: Endianness,
    /// Relocation that puts an address of the machine's word.
    pub(crate) word: u32,
    /// Relocation that puts a 32-bit distance, where exports are such.
    pub(crate) prel32: Option<u32>,
}

pub(crate) const X86_64: Machine = Machine {
    name: "x86_64",
    architecture: Architecture::X86_64,
    endian: Endianness::Little,
    word: elf::R_X86_64_64.0,
    prel32: Some(elf::R_X86_64_PC32.0),
};
pub(crate) const I386: Machine = Machine {
    name: "i386",
    architecture: Architecture::I386,
    endian: Endianness::Little,
    word: elf::R_386_32.0,
    prel32: Some(elf::R_386_PC32.0),
};
pub(crate) const ARM64: Machine = Machine {
    name: "arm64",
    architecture: Architecture::Aarch64,
    endian: Endianness::Little,
    word: elf::R_AARCH64_ABS64.0,
    prel32: Some(elf::R_AARCH64_PREL32.0),
};
pub(crate) const ARM: Machine = Machine {
    name: "arm",
    architecture: Architecture::Arm,
    endian: Endianness::Little,
    word: elf::R_ARM_ABS32.0,
    prel32: None,
};
pub(crate) const S390X: Machine = Machine {
    name: "s390x",
    architecture: Architecture::S390x,
    endian: Endianness::Big,
    word: elf::R_390_64.0,
    prel32: None,
};
pub(crate) const MIPS: Machine = Machine {
    name: "mips",
    architecture: Architecture::Mips,
    endian: Endianness::Big,
    word: elf::R_MIPS_32.0,
    prel32: None,
};
pub(crate) const PPC64LE: Machine = Machine {
    name: "ppc64le",
    architecture: Architecture::PowerPc64,
    endian: Endianness::Little,
    word: elf::R_PPC64_ADDR64.0,
    prel32: None,
};
pub(crate) const SPARC64: Machine = Machine {
    name: "sparc64",
    architecture: Architecture::Sparc64,
    endian: Endianness::Big,
    word: elf::R_SPARC_64.0,
    prel32: None,
};
pub(crate) const RISCV64: Machine = Machine {
    name: "riscv64",
    architecture: Architecture::Riscv64,
    endian: Endianness::Little,
    word: elf::R_RISCV_64.0,
    prel32: None,
};

/// One export to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) gpl: bool,
    pub(crate) namespace: &'static str,
    pub(crate) crc: u32,
}

/// A module to write.
#[derive(Debug, Clone)]
pub(crate) struct Ko {
    pub(crate) machine: Machine,
    pub(crate) name: &'static str,
    /// `.modinfo` without the `name` tag, as it will stand.
    pub(crate) modinfo: Vec<u8>,
    pub(crate) exports: Vec<Export>,
    /// Undefined symbols; `true` for a weak one.
    pub(crate) imports: Vec<(&'static str, bool)>,
    pub(crate) crc: Crc,
    /// One `__ksymtab` with `__kflagstab`, as since 7.1, instead of `__ksymtab_gpl`.
    pub(crate) flags: bool,
    /// The bytes of `__kflagstab`, where they are not to fit the exports.
    pub(crate) flag_bytes: Option<Vec<u8>>,
}

impl Ko {
    /// A GPL module for x86-64 that imports these.
    pub(crate) fn importing(name: &'static str, imports: &[&'static str]) -> Self {
        Self {
            machine: X86_64,
            name,
            modinfo: b"license=GPL\0".to_vec(),
            exports: Vec::new(),
            imports: imports.iter().map(|import| (*import, false)).collect(),
            crc: Crc::None,
            flags: false,
            flag_bytes: None,
        }
    }

    /// The same with another `.modinfo`, where `|` stands for NUL.
    pub(crate) fn modinfo(mut self, text: &str) -> Self {
        self.modinfo = text.replace('|', "\0").into_bytes();
        self
    }

    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        self.object().write().expect("the module can be written")
    }

    /// The file before it is written, for tests that add to it.
    pub(crate) fn object(&self) -> Object<'static> {
        self.object_and_table().0
    }

    /// The same with its `__ksymtab`.
    pub(crate) fn object_and_table(&self) -> (Object<'static>, Option<SectionId>) {
        let mut object = Object::new(BinaryFormat::Elf, self.machine.architecture, self.machine.endian);
        object.flags =
            object::FileFlags::Elf { os_abi: elf::ELFOSABI_NONE, abi_version: 0, e_flags: elf::FileFlags(0) };
        let word = usize::from(self.machine.architecture.address_size().expect("a machine").bytes());
        let mut modinfo = self.modinfo.clone();
        modinfo.extend_from_slice(format!("name={}\0", self.name).as_bytes());
        section(&mut object, ".modinfo", &modinfo, 1);
        let mut this_module = vec![0; 24 * word];
        let at = if word == 8 { 24 } else { 12 };
        this_module[at..at + self.name.len()].copy_from_slice(self.name.as_bytes());
        section(&mut object, ".gnu.linkonce.this_module", &this_module, 8);
        for (name, weak) in &self.imports {
            undefined(&mut object, name, *weak, SymbolScope::Unknown);
        }
        let plain: Vec<&Export> = self.exports.iter().filter(|export| self.flags || !export.gpl).collect();
        let gpl: Vec<&Export> = self.exports.iter().filter(|export| !self.flags && export.gpl).collect();
        let text = section(&mut object, ".text", &[0; 16], 16);
        let mut table = None;
        if !self.exports.is_empty() {
            let strings = section(&mut object, "__ksymtab_strings", b"", 1);
            table = self.write_table(&mut object, "", &plain, text, strings);
            self.write_table(&mut object, "_gpl", &gpl, text, strings);
        }
        if self.flags {
            let flags: Vec<u8> = plain.iter().map(|export| u8::from(export.gpl)).collect();
            let flags = self.flag_bytes.clone().unwrap_or(flags);
            section(&mut object, "__kflagstab", &flags, 1);
        }
        (object, table)
    }

    fn write_table(
        &self,
        object: &mut Object<'static>,
        suffix: &str,
        exports: &[&Export],
        text: SectionId,
        strings: SectionId,
    ) -> Option<SectionId> {
        if exports.is_empty() {
            return None;
        }
        let word = usize::from(self.machine.architecture.address_size().expect("a machine").bytes());
        let (field, kind) = match self.machine.prel32 {
            Some(kind) => (4, kind),
            None => (word, self.machine.word),
        };
        let table = section(object, &format!("__ksymtab{suffix}"), &vec![0; exports.len() * 3 * field], 4);
        let crcs = (self.crc != Crc::None).then(|| section(object, &format!("__kcrctab{suffix}"), b"", 4));
        for (index, export) in exports.iter().enumerate() {
            let value = defined(object, export.name, SymbolSection::Section(text), 0);
            let name = object.append_section_data(strings, format!("{}\0", export.name).as_bytes(), 1);
            let namespace = object.append_section_data(strings, format!("{}\0", export.namespace).as_bytes(), 1);
            let name = local(object, &format!("__kstrtab_{}", export.name), strings, name);
            let namespace = local(object, &format!("__kstrtabns_{}", export.name), strings, namespace);
            for (place, symbol) in [value, name, namespace].into_iter().enumerate() {
                let offset = ((index * 3 + place) * field) as u64;
                relocate(object, table, offset, symbol, kind);
            }
            let Some(crcs) = crcs else { continue };
            match self.crc {
                Crc::InPlace => {
                    let bytes = match self.machine.endian {
                        Endianness::Little => export.crc.to_le_bytes(),
                        Endianness::Big => export.crc.to_be_bytes(),
                    };
                    object.append_section_data(crcs, &bytes, 4);
                }
                Crc::Absolute => {
                    let at = object.append_section_data(crcs, &[0; 4], 4);
                    let symbol =
                        defined(object, &format!("__crc_{}", export.name), SymbolSection::Absolute, export.crc.into());
                    relocate(object, crcs, at, symbol, elf::R_X86_64_32.0);
                }
                Crc::None => {}
            }
        }
        Some(table)
    }
}

/// Adds a section that is to be loaded.
pub(crate) fn section(object: &mut Object<'static>, name: &str, data: &[u8], align: u64) -> SectionId {
    let id = object.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::ReadOnlyData);
    object.section_mut(id).flags =
        SectionFlags::Elf { sh_type: elf::SHT_PROGBITS, sh_flags: elf::SectionFlags(elf::SHF_ALLOC.0) };
    object.append_section_data(id, data, align);
    id
}

/// Adds an undefined symbol.
pub(crate) fn undefined(object: &mut Object<'static>, name: &str, weak: bool, scope: SymbolScope) -> SymbolId {
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Unknown,
        scope,
        weak,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    })
}

fn defined(object: &mut Object<'static>, name: &str, section: SymbolSection, value: u64) -> SymbolId {
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section,
        flags: SymbolFlags::None,
    })
}

fn local(object: &mut Object<'static>, name: &str, section: SectionId, value: u64) -> SymbolId {
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 0,
        kind: SymbolKind::Data,
        scope: SymbolScope::Compilation,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    })
}

fn relocate(object: &mut Object<'static>, section: SectionId, offset: u64, symbol: SymbolId, kind: u32) {
    let flags = RelocationFlags::Elf { r_type: elf::RelocationType(kind) };
    object.add_relocation(section, Relocation { offset, symbol, addend: 0, flags }).expect("a relocation");
}
