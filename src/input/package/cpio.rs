// SPDX-License-Identifier: MIT OR Apache-2.0
//! One cpio archive of the new format (`Documentation/driver-api/early-userspace/buffer-format.rst`, 7.2), or of rpm's
//! shorter form of it (`lib/rpmcpio.c`, rpm 4.18).
//!
//! Read here and not by a library: those refuse names that are not UTF-8, take signs for digits, or know one of the
//! forms only.

use std::io::{self, BufRead, Read};

use super::take::{PATH_BYTES, invalid, skip, until_nul};
use crate::limits;

/// Length of the magic number, in bytes.
pub(super) const MAGIC_BYTES: usize = 6;

/// All parts of an archive are filled up to a multiple of this, in bytes.
const ALIGN: u64 = 4;

/// What stands before an entry's content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Everything about the entry.
    Full(Entry),
    /// Its number in the list of files that the package's own header has; the content's length stands there, too.
    Index(u32),
}

/// An entry that says all about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path.
    pub(super) name: Vec<u8>,
    /// What it is, and its permissions.
    pub(super) mode: u32,
    /// How many entries share its content; one that is alone has one.
    pub(super) links: u32,
    /// What it shares its content by: device, twofold, and inode.
    pub(super) inode: (u32, u32, u32),
    /// Bytes of its content.
    pub(super) len: u64,
}

/// An archive, which reads as the content of the entry that [`next`](Self::next) gave last.
pub(super) struct Archive<R> {
    stream: R,
    /// Bytes of the content that are to come.
    left: u64,
    /// Bytes that fill up the content.
    padding: u64,
}

impl Entry {
    /// Whether it bears the name of the last entry.
    pub(super) fn is_named_trailer(&self) -> bool {
        self.name == b"TRAILER!!!"
    }
}

impl<R: BufRead> Archive<R> {
    /// Reads the archive whose first entry the stream begins with.
    pub(super) fn new(stream: R) -> Self {
        Self { stream, left: 0, padding: 0 }
    }

    /// The next entry. Whether one is the trailer, behind which there is none, is for the reader to know: the kernel and rpm
    /// differ.
    pub(super) fn next(&mut self) -> io::Result<Header> {
        self.pass()?;
        let mut magic = [0; MAGIC_BYTES];
        self.stream.read_exact(&mut magic)?;
        match &magic {
            b"070701" | b"070702" => {}
            b"07070X" => {
                let [index] = self.numbers()?;
                skip(&mut self.stream, fill(MAGIC_BYTES as u64 + 8))?;
                return Ok(Header::Index(index));
            }
            _ => return Err(invalid("a header in its cpio archive is none")),
        }
        let [inode, mode, _, _, links, _, len, major, minor, _, _, name_len, _] = self.numbers()?;
        let name_len = u64::from(name_len);
        if name_len > PATH_BYTES {
            return Err(invalid("the name of a file is longer than any path"));
        }
        let mut name = Vec::new();
        (&mut self.stream).take(name_len).read_to_end(&mut name)?;
        // The header has 110 bytes.
        skip(&mut self.stream, fill(110 + name_len))?;
        // The kernel of 7.2 refuses one without an end, older ones read on (`init/initramfs.c:do_name`).
        if name.last() != Some(&0) {
            return Err(invalid("the name of a file does not end"));
        }
        let name = until_nul(&name).to_vec();
        let len = u64::from(len);
        self.expect(len)?;
        Ok(Header::Full(Entry { name, mode, links, inode: (major, minor, inode), len }))
    }

    /// Says how long the content is, of an entry that does not.
    pub(super) fn expect(&mut self, len: u64) -> io::Result<()> {
        if len > limits::PACKAGE_BYTES {
            return Err(invalid(&format!("a file in it has {len} bytes")));
        }
        self.left = len;
        self.padding = fill(len);
        Ok(())
    }

    /// Passes over what is left of an entry.
    pub(super) fn pass(&mut self) -> io::Result<()> {
        skip(&mut self.stream, self.left + self.padding)?;
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// Reads numbers of eight hexadecimal digits. Nothing else is a digit: to the kernel a sign is none
    /// (`init/initramfs.c:parse_header`, 7.2).
    fn numbers<const N: usize>(&mut self) -> io::Result<[u32; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            let mut digits = [0; 8];
            self.stream.read_exact(&mut digits)?;
            let text = std::str::from_utf8(&digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
            let parsed = text.and_then(|text| u32::from_str_radix(text, 16).ok());
            *number = parsed.ok_or_else(|| invalid("a header in its cpio archive is none"))?;
        }
        Ok(numbers)
    }
}

impl<R: BufRead> Read for Archive<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = (&mut self.stream).take(self.left).read(into)?;
        self.left -= got as u64;
        Ok(got)
    }
}

/// How many bytes fill up a part of this length.
fn fill(len: u64) -> u64 {
    len.next_multiple_of(ALIGN) - len
}

/// What an entry's mode says it is: the bits of `S_IFMT` (inode(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    Regular,
    Folder,
    Link,
    Other,
}

impl FileType {
    pub(super) fn of(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o100_000 => Self::Regular,
            0o040_000 => Self::Folder,
            0o120_000 => Self::Link,
            _ => Self::Other,
        }
    }
}
