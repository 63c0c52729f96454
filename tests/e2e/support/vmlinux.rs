// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes small kernel images: linked ELF files with nothing but export tables, and x86 images around them.

use object::elf;

use super::ko::Export;

/// How the fields of an entry stand in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fields {
    /// 32-bit distances from themselves: x86, arm64.
    Distances,
    /// 64-bit addresses.
    Addresses,
    /// 64-bit addresses that only the dynamic relocations tell: an image that can be moved.
    Moved,
}

/// An image to write: of 64 bits.
#[derive(Debug, Clone)]
pub(crate) struct Vmlinux {
    pub(crate) machine: u16,
    pub(crate) big_endian: bool,
    pub(crate) fields: Fields,
    pub(crate) exports: Vec<Export>,
    /// One `__ksymtab` with `__kflagstab`, as since 7.1, instead of `__ksymtab_gpl`.
    pub(crate) flags: bool,
}

/// Where the image is linked to.
const BASE: u64 = 0x1000_0000;

struct Section {
    name: &'static str,
    kind: u32,
    data: Vec<u8>,
}

impl Vmlinux {
    fn bytes<const N: usize>(&self, little: [u8; N]) -> Vec<u8> {
        if self.big_endian { little.into_iter().rev().collect() } else { little.to_vec() }
    }

    fn u16(&self, number: u16) -> Vec<u8> {
        self.bytes(number.to_le_bytes())
    }

    fn u32(&self, number: u32) -> Vec<u8> {
        self.bytes(number.to_le_bytes())
    }

    fn u64(&self, number: u64) -> Vec<u8> {
        self.bytes(number.to_le_bytes())
    }

    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut places = Vec::new();
        for export in &self.exports {
            places.push(strings.len() as u64);
            strings.extend_from_slice(format!("{}\0{}\0", export.name, export.namespace).as_bytes());
        }
        let field = if self.fields == Fields::Distances { 4 } else { 8 };
        let of = |gpl: bool| {
            let all = self.exports.iter().zip(&places);
            all.filter(|(export, _)| self.flags || export.gpl == gpl).map(|(export, place)| (*export, *place)).collect()
        };
        let plain: Vec<(Export, u64)> = of(false);
        let gpl: Vec<(Export, u64)> = if self.flags { Vec::new() } else { of(true) };
        // The tables stand first, one behind the other, and the strings behind them.
        let size = |table: &[(Export, u64)]| table.len() as u64 * field * 3;
        let gpl_at = BASE + size(&plain);
        let strings_at = gpl_at + size(&gpl);
        let mut rela = Vec::new();
        let mut table = |entries: &[(Export, u64)], at: u64| {
            let mut data = Vec::new();
            for (export, place) in entries {
                let name = strings_at + place;
                for target in [BASE, name, name + export.name.len() as u64 + 1] {
                    let here = at + data.len() as u64;
                    match self.fields {
                        Fields::Distances => {
                            let distance = i32::try_from(target.cast_signed() - here.cast_signed());
                            data.extend(self.u32(distance.expect("a small kernel").cast_unsigned()));
                        }
                        Fields::Addresses => data.extend(self.u64(target)),
                        Fields::Moved => {
                            rela.extend(
                                [self.u64(here), self.u64(elf::R_PPC64_RELATIVE.0.into()), self.u64(target)].concat(),
                            );
                            data.extend(self.u64(0));
                        }
                    }
                }
            }
            data
        };
        let progbits = elf::SHT_PROGBITS.0;
        let mut sections = vec![
            Section { name: "__ksymtab", kind: progbits, data: table(&plain, BASE) },
            Section { name: "__ksymtab_gpl", kind: progbits, data: table(&gpl, gpl_at) },
            Section { name: "__ksymtab_strings", kind: progbits, data: strings },
        ];
        let crcs = |entries: &[(Export, u64)]| entries.iter().flat_map(|(export, _)| self.u32(export.crc)).collect();
        if self.flags {
            let flags = plain.iter().map(|(export, _)| u8::from(export.gpl)).collect();
            sections.push(Section { name: "__kflagstab", kind: progbits, data: flags });
        } else {
            sections.push(Section { name: "__kcrctab", kind: progbits, data: crcs(&plain) });
            sections.push(Section { name: "__kcrctab_gpl", kind: progbits, data: crcs(&gpl) });
        }
        if self.fields == Fields::Moved {
            sections.push(Section { name: ".rela.dyn", kind: elf::SHT_RELA.0, data: rela });
        }
        self.link(&sections)
    }

    /// Header, sections one behind the other from `BASE` on, their names, and their headers.
    fn link(&self, sections: &[Section]) -> Vec<u8> {
        const HEADER: u64 = 64;
        let mut names = vec![0];
        let mut contents = Vec::new();
        let mut headers = vec![0; 64];
        let mut header = |name: usize, kind: u32, flags: u64, address: u64, offset: u64, size: u64| {
            let words = [
                self.u32(u32::try_from(name).expect("few names")),
                self.u32(kind),
                self.u64(flags),
                self.u64(address),
                self.u64(offset),
            ];
            headers.extend(words.concat());
            headers.extend([self.u64(size), self.u32(0), self.u32(0), self.u64(1), self.u64(0)].concat());
        };
        for section in sections {
            let at = contents.len() as u64;
            let alloc = elf::SHF_ALLOC.0;
            header(names.len(), section.kind, alloc, BASE + at, HEADER + at, section.data.len() as u64);
            names.extend_from_slice(format!("{}\0", section.name).as_bytes());
            contents.extend_from_slice(&section.data);
        }
        let names_at = HEADER + contents.len() as u64;
        let own = names.len();
        names.extend_from_slice(b".shstrtab\0");
        header(own, elf::SHT_STRTAB.0, 0, 0, names_at, names.len() as u64);
        contents.extend_from_slice(&names);
        let count = u16::try_from(sections.len()).expect("few sections") + 2;
        let order = if self.big_endian { 2 } else { 1 };
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        file.extend([self.u16(2), self.u16(self.machine), self.u32(1), self.u64(BASE), self.u64(0)].concat());
        file.extend([self.u64(HEADER + contents.len() as u64), self.u32(0)].concat());
        for number in [64, 0, 0, 64, count, count - 1] {
            file.extend(self.u16(number));
        }
        file.extend(contents);
        file.extend(headers);
        file
    }
}

/// An x86 image around a packed kernel, with a byte of something else before and behind it.
pub(crate) fn bz_image(packed: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 1024 + 1];
    image[0x1f1] = 1;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&[0x0f, 0x02]);
    image[0x248..0x24c].copy_from_slice(&1_u32.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&u32::try_from(packed.len()).expect("a small kernel").to_le_bytes());
    image.extend_from_slice(packed);
    image.push(0xcc);
    image
}
