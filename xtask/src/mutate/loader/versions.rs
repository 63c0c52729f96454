// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader makes of the versions of symbols (`kernel/module/version.c`).

use super::{Loader, Step, need};
use crate::mutate::kernel::Export;
use crate::mutate::raw::{EM_PPC64, index, string};

impl Loader<'_> {
    /// `elf_validity_cache_index_versions`
    pub fn find_versions(&mut self) -> Step<()> {
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

    /// `check_version`; nothing is looked at in a module that is forced.
    pub fn fits_version(&self, symbol: &[u8], export: &Export) -> bool {
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
}
