// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module's bytes as a kernel of one machine reads them, field by field, and written back.
//!
//! The kernel does not ask the file for its class or byte order (`arch/x86/include/asm/elf.h:elf_check_arch`, 7.2): both
//! are its own. Nothing here is taken from symgate, whose reading is on trial.

/// How the kernels of a machine read an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// 64 bits, not 32.
    pub wide: bool,
    /// The most significant byte first.
    pub big: bool,
}

/// `e_machine` of the machines whose loaders do something of their own.
pub const EM_ARM: u16 = 40;
pub const EM_PPC64: u16 = 21;
pub const EM_S390: u16 = 22;
pub const EM_RISCV: u16 = 243;
pub const EM_386: u16 = 3;
pub const EM_X86_64: u16 = 62;

impl Machine {
    /// The machine of a Debian architecture.
    pub fn of(architecture: &str) -> Option<Self> {
        let (number, wide, big) = match architecture {
            "amd64" => (EM_X86_64, true, false),
            "arm64" => (183, true, false),
            "armhf" => (EM_ARM, false, false),
            "i386" => (EM_386, false, false),
            "loong64" => (258, true, false),
            "mips64el" => (8, true, false),
            "ppc64el" => (EM_PPC64, true, false),
            "riscv64" => (EM_RISCV, true, false),
            "s390x" => (EM_S390, true, true),
            _ => return None,
        };
        Some(Self { number, wide, big })
    }

    /// The one of two that fits the class.
    fn by<T>(self, wide: T, narrow: T) -> T {
        if self.wide { wide } else { narrow }
    }

    /// Length of a word, in bytes.
    pub fn word(self) -> usize {
        self.by(8, 4)
    }

    /// Length of the ELF header, of a section header, and of a symbol, in bytes.
    pub fn header_len(self) -> usize {
        self.by(64, 52)
    }

    pub fn section_len(self) -> usize {
        self.by(64, 40)
    }

    pub fn symbol_len(self) -> usize {
        self.by(24, 16)
    }

    /// Where a name stands in `struct module`: behind a number and two pointers.
    pub fn name_in_module(self) -> u64 {
        self.by(24, 12)
    }

    /// Reads a number of `len` bytes.
    pub fn get(self, bytes: &[u8], at: usize, len: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(len)?)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) })
    }

    /// Writes a number of `len` bytes, as much of it as fits; nothing where there is no room.
    pub fn put(self, bytes: &mut [u8], at: usize, len: usize, value: u64) {
        let Some(place) = at.checked_add(len).and_then(|end| bytes.get_mut(at..end)) else { return };
        let little = value.to_le_bytes();
        for (index, byte) in place.iter_mut().enumerate() {
            let from = if self.big { len - 1 - index } else { index };
            *byte = little.get(from).copied().unwrap_or(0);
        }
    }
}

/// A field of the ELF header.
#[derive(Debug, Clone, Copy)]
pub enum Head {
    Type,
    Machine,
    Entry,
    Table,
    Flags,
    SectionLen,
    Sections,
    Names,
}

impl Head {
    pub const ALL: [Self; 8] = [
        Self::Type,
        Self::Machine,
        Self::Entry,
        Self::Table,
        Self::Flags,
        Self::SectionLen,
        Self::Sections,
        Self::Names,
    ];

    /// Offset and length.
    pub fn place(self, machine: Machine) -> (usize, usize) {
        match self {
            Self::Type => (16, 2),
            Self::Machine => (18, 2),
            Self::Entry => (24, machine.word()),
            Self::Table => machine.by((40, 8), (32, 4)),
            Self::Flags => (machine.by(48, 36), 4),
            Self::SectionLen => (machine.by(58, 46), 2),
            Self::Sections => (machine.by(60, 48), 2),
            Self::Names => (machine.by(62, 50), 2),
        }
    }
}

/// A field of a section header.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    Name,
    Type,
    Flags,
    Address,
    Offset,
    Size,
    Link,
    Info,
    Align,
    Entry,
}

impl Field {
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Type,
        Self::Flags,
        Self::Address,
        Self::Offset,
        Self::Size,
        Self::Link,
        Self::Info,
        Self::Align,
        Self::Entry,
    ];

    /// Offset and length.
    pub fn place(self, machine: Machine) -> (usize, usize) {
        let word = machine.word();
        match self {
            Self::Name => (0, 4),
            Self::Type => (4, 4),
            Self::Flags => (8, word),
            Self::Address => (machine.by(16, 12), word),
            Self::Offset => (machine.by(24, 16), word),
            Self::Size => (machine.by(32, 20), word),
            Self::Link => (machine.by(40, 24), 4),
            Self::Info => (machine.by(44, 28), 4),
            Self::Align => (machine.by(48, 32), word),
            Self::Entry => (machine.by(56, 36), word),
        }
    }
}

/// A field of a symbol.
#[derive(Debug, Clone, Copy)]
pub enum SymbolField {
    Name,
    Info,
    Other,
    Section,
    Value,
    Size,
}

impl SymbolField {
    pub const ALL: [Self; 6] = [Self::Name, Self::Info, Self::Other, Self::Section, Self::Value, Self::Size];

    /// Offset and length.
    pub fn place(self, machine: Machine) -> (usize, usize) {
        match self {
            Self::Name => (0, 4),
            Self::Info => (machine.by(4, 12), 1),
            Self::Other => (machine.by(5, 13), 1),
            Self::Section => (machine.by(6, 14), 2),
            Self::Value => (machine.by(8, 4), machine.word()),
            Self::Size => (machine.by(16, 8), machine.word()),
        }
    }
}

/// Section types.
pub const SHT_NULL: u64 = 0;
pub const SHT_SYMTAB: u64 = 2;
pub const SHT_STRTAB: u64 = 3;
pub const SHT_RELA: u64 = 4;
pub const SHT_NOBITS: u64 = 8;
pub const SHT_REL: u64 = 9;

/// `SHF_ALLOC`.
pub const SHF_ALLOC: u64 = 2;

/// Section numbers that are none.
pub const SHN_UNDEF: u64 = 0;
pub const SHN_ABS: u64 = 0xfff1;
pub const SHN_COMMON: u64 = 0xfff2;
pub const SHN_LIVEPATCH: u64 = 0xff20;

/// A section header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Section {
    pub name: u64,
    pub kind: u64,
    pub flags: u64,
    pub address: u64,
    pub offset: u64,
    pub size: u64,
    pub link: u64,
}

impl Section {
    /// Reads the one at this place.
    pub fn read(machine: Machine, bytes: &[u8], at: usize) -> Option<Self> {
        let field = |field: Field| {
            let (offset, len) = field.place(machine);
            machine.get(bytes, at.checked_add(offset)?, len)
        };
        Some(Self {
            name: field(Field::Name)?,
            kind: field(Field::Type)?,
            flags: field(Field::Flags)?,
            address: field(Field::Address)?,
            offset: field(Field::Offset)?,
            size: field(Field::Size)?,
            link: field(Field::Link)?,
        })
    }
}

/// A number as an index; what does not fit is beyond every file.
pub fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The bytes from here up to a NUL, or to the end.
pub fn string(bytes: &[u8], at: u64) -> Option<&[u8]> {
    let rest = bytes.get(index(at)..)?;
    let end = memchr::memchr(0, rest).unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for architecture in ["amd64", "armhf", "s390x"] {
            let machine = Machine::of(architecture).unwrap();
            let mut bytes = vec![0; 64];
            for (field, value) in Field::ALL.into_iter().zip(1..) {
                let (at, len) = field.place(machine);
                machine.put(&mut bytes, at, len, value);
            }
            let section = Section::read(machine, &bytes, 0).unwrap();
            let expected = Section { name: 1, kind: 2, flags: 3, address: 4, offset: 5, size: 6, link: 7 };
            assert_eq!(section, expected, "{architecture}");
        }
        assert_eq!(Machine::of("s390x").unwrap().get(&[1, 2], 0, 2), Some(0x102));
        assert_eq!(Machine::of("s390x").unwrap().get(&[1, 2], 1, 2), None);
    }
}
