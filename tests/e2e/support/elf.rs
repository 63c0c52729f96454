// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes the headers of a module for a 64-bit machine of the usual byte order, which no library would write.

/// Places in a section's header, in bytes.
pub(crate) const TYPE: usize = 4;
pub(crate) const OFFSET: usize = 24;
pub(crate) const SIZE: usize = 32;
pub(crate) const LINK: usize = 40;
pub(crate) const INFO: usize = 44;
pub(crate) const ENTRY: usize = 56;

/// Length of a section's header, and of a symbol, in bytes.
pub(crate) const HEADER: usize = 64;
pub(crate) const SYMBOL: usize = 24;

/// A module's bytes.
#[derive(Clone)]
pub(crate) struct Elf(pub(crate) Vec<u8>);

impl Elf {
    /// The number of so many bytes at a place.
    pub(crate) fn number(&self, at: usize, len: usize) -> usize {
        self.0[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Puts bytes at a place.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Where the header of a section is, by its index.
    pub(crate) fn header_of(&self, section: usize) -> usize {
        self.number(0x28, 8) + section * HEADER
    }

    /// Where the header of a section is, by its name.
    pub(crate) fn header(&self, name: &str) -> usize {
        let (count, strings) = (self.number(0x3c, 2), self.number(0x3e, 2));
        let names = self.number(self.header_of(strings) + OFFSET, 8);
        let is_it = |header: &usize| {
            self.0[names + self.number(*header, 4)..].starts_with([name.as_bytes(), b"\0"].concat().as_slice())
        };
        (0..count).map(|section| self.header_of(section)).find(is_it).expect("the section is there")
    }

    /// Puts a word into a section's header.
    pub(crate) fn set(&mut self, name: &str, field: usize, value: u64) {
        let at = self.header(name) + field;
        self.put(at, &value.to_le_bytes());
    }

    /// The same for the fields of four bytes.
    pub(crate) fn set32(&mut self, name: &str, field: usize, value: u32) {
        let at = self.header(name) + field;
        self.put(at, &value.to_le_bytes());
    }

    /// A word of a section's header.
    pub(crate) fn get(&self, name: &str, field: usize) -> u64 {
        self.number(self.header(name) + field, 8) as u64
    }

    /// Gives a section other bytes, which are put behind everything else.
    pub(crate) fn replace(&mut self, name: &str, bytes: &[u8]) {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        self.set(name, OFFSET, at);
        self.set(name, SIZE, bytes.len() as u64);
    }

    /// The bytes of a section.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let header = self.header(name);
        let (at, len) = (self.number(header + OFFSET, 8), self.number(header + SIZE, 8));
        self.0[at..at + len].to_vec()
    }
}

/// An undefined symbol whose name is at this place of the string table.
pub(crate) fn undefined_at(name: u32) -> [u8; SYMBOL] {
    let mut symbol = [0; SYMBOL];
    symbol[..4].copy_from_slice(&name.to_le_bytes());
    symbol[4] = 0x10;
    symbol
}
