// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes of a module that kbuild built what only live patching loads: kbuild knows neither the symbols that live patching
//! resolves nor the relocations that it applies. The kernel's Documentation/livepatch/module-elf-format.rst says how both look.

use std::fs;
use std::path::Path;

use object::elf::{FileHeader64, SHF_ALLOC, SectionFlags, SectionHeader64, Sym64};
use object::read::elf::{FileHeader, Rela, SectionHeader, Sym};
use object::{LittleEndian, U16, U32, U64};

use crate::shell::TaskError;

/// The index of a section that a symbol has which live patching resolves.
const SHN_LIVEPATCH: u16 = 0xff20;

/// The flag of relocations that live patching applies.
const SHF_RELA_LIVEPATCH: SectionFlags = SectionFlags(0x0010_0000);

type Endian = LittleEndian;

/// What is to be written where.
type Patch = (usize, Vec<u8>);

/// Marks the symbols whose names say that live patching resolves them, and `.rela.text`, which may refer to no others.
pub fn make(path: &Path) -> Result<(), TaskError> {
    let mut bytes = fs::read(path).map_err(TaskError::io(path))?;
    let (patches, names) = find(&bytes).map_err(|error| TaskError::Other(format!("{}: {error}", path.display())))?;
    for (at, patch) in patches {
        match bytes.get_mut(at..at + patch.len()) {
            Some(place) => place.copy_from_slice(&patch),
            None => return Err(TaskError::Other(format!("{}: is cut off", path.display()))),
        }
    }
    bytes.extend(names);
    fs::write(path, bytes).map_err(TaskError::io(path))
}

/// What is to be changed, and the sections' names, which go to the end.
fn find(bytes: &[u8]) -> Result<(Vec<Patch>, Vec<u8>), Box<dyn std::error::Error>> {
    let endian = LittleEndian;
    let header = FileHeader64::<Endian>::parse(bytes)?;
    let sections = header.sections(endian, bytes)?;
    let symbols = sections.symbols(endian, bytes, object::elf::SHT_SYMTAB)?;
    let mut patches = Vec::new();
    let mut marked = Vec::new();
    let table = sections.section(symbols.section())?;
    for (index, symbol) in symbols.enumerate() {
        if symbol.name(endian, symbols.strings())?.starts_with(b".klp.sym.") {
            let at = usize::try_from(table.sh_offset(endian))? + index.0 * size_of::<Sym64<Endian>>();
            let field = std::mem::offset_of!(Sym64<Endian>, st_shndx);
            patches.push((at + field, object::bytes_of(&U16::new(endian, SHN_LIVEPATCH)).to_vec()));
            marked.push(index);
        }
    }
    let (text, _) = sections.section_by_name(endian, b".text").ok_or("has no .text")?;
    let (rela, section) = sections.section_by_name(endian, b".rela.text").ok_or("has no .rela.text")?;
    let (relocations, _) = section.rela(endian, bytes)?.ok_or(".rela.text is none")?;
    if section.info_link(endian) != text {
        return Err(".rela.text is not of .text".into());
    }
    if marked.is_empty()
        || !relocations.iter().all(|rela| rela.symbol(endian, false).is_some_and(|to| marked.contains(&to)))
    {
        return Err(".text refers to others than live patching resolves".into());
    }
    let at = |index: object::SectionIndex, field: usize| -> Result<usize, std::num::TryFromIntError> {
        Ok(usize::try_from(header.e_shoff(endian))? + index.0 * size_of::<SectionHeader64<Endian>>() + field)
    };
    let strings = header.shstrndx(endian, bytes)?;
    let strings = object::SectionIndex(usize::try_from(strings)?);
    let mut names = sections.section(strings)?.data(endian, bytes)?.to_vec();
    let name = u32::try_from(names.len())?;
    names.extend(b".klp.rela.vmlinux..text\0");
    let flags = (section.sh_flags(endian) | SHF_ALLOC | SHF_RELA_LIVEPATCH).0;
    let word = |value: u64| object::bytes_of(&U64::new(endian, value)).to_vec();
    let name = object::bytes_of(&U32::new(endian, name)).to_vec();
    patches.push((at(rela, std::mem::offset_of!(SectionHeader64<Endian>, sh_name))?, name));
    patches.push((at(rela, std::mem::offset_of!(SectionHeader64<Endian>, sh_flags))?, word(flags)));
    let (offset, size) = (u64::try_from(bytes.len())?, u64::try_from(names.len())?);
    patches.push((at(strings, std::mem::offset_of!(SectionHeader64<Endian>, sh_offset))?, word(offset)));
    patches.push((at(strings, std::mem::offset_of!(SectionHeader64<Endian>, sh_size))?, word(size)));
    Ok((patches, names))
}
