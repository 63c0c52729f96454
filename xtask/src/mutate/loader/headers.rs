// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader checks before it looks for anything: a signature, the ELF header, the section headers, their names.

use super::{Loader, Refused, Release, Request, Step, need};
use crate::mutate::raw::{
    EM_386, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, Head, SHF_ALLOC, SHT_NOBITS, SHT_NULL, SHT_STRTAB, SHT_SYMTAB,
    Section, index,
};

/// `module_sig_check`, `mod_check_sig`: a signature by a key that nobody knows comes off. To force a module is not to look
/// for one.
pub fn without_signature(file: &[u8], force: bool) -> Step<&[u8]> {
    const MARKER: &[u8] = b"~Module signature appended~\n";
    /// `struct module_signature`, and `PKEY_ID_PKCS7`.
    const STRUCT: usize = 12;
    const PKCS7: u8 = 2;
    let Some(rest) = file.strip_suffix(MARKER).filter(|_| !force) else { return Ok(file) };
    let split = rest.len().checked_sub(STRUCT).filter(|at| *at > 0).ok_or(Refused("signature"))?;
    let (signed, signature) = rest.split_at(split);
    let [algo, hash, kind, name, key, pad0, pad1, pad2, len @ ..] = signature else {
        return Err(Refused("signature"));
    };
    let len = len.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    need(len < signed.len(), "signature")?;
    if *kind != PKCS7 {
        return Ok(rest);
    }
    need([algo, hash, name, key, pad0, pad1, pad2].iter().all(|byte| **byte == 0), "signature")?;
    signed.get(..signed.len() - len).ok_or(Refused("signature"))
}

/// The section headers, if the ELF header is one (`elf_check_arch` of each machine).
pub fn sections(file: &[u8], request: Request<'_>) -> Step<Vec<Section>> {
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
    need(machine.number != EM_ARM || entry & 3 != 2, "the entry is odd")?;
    need(head(Head::SectionLen) == machine.section_len() as u64, "section headers of another size")?;
    let (table, count) = (head(Head::Table), head(Head::Sections));
    let room = (file.len() as u64).checked_sub(table).filter(|room| *room > 0).ok_or(Refused("no section headers"))?;
    need(count > 0 && count * machine.section_len() as u64 <= room, "no section headers")?;
    let read = |number| Section::read(machine, file, index(table + number * machine.section_len() as u64));
    (0..count).map(read).collect::<Option<_>>().ok_or(Refused("no section headers"))
}

impl Loader<'_> {
    pub fn check_sections(&self) -> Step<()> {
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

    pub fn check_names(&self) -> Step<()> {
        need(!self.is_new() || self.names.kind == SHT_STRTAB, "section names are of another type")?;
        need(self.is_inside(&self.names), "section names are outside")?;
        need(self.ends_with_nul(&self.names), "section names are without end")?;
        let named = |section: &Section| section.kind == SHT_NULL || section.name < self.names.size;
        need(!self.is_new() || self.sections.iter().all(named), "a section's name is outside")
    }
}
