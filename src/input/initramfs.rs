// SPDX-License-Identifier: MIT OR Apache-2.0
//! Initial RAM file systems: cpio archives one after the other, each packed or not, with zeros between them
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`, 7.2).

use std::io::{self, BufRead, BufReader, Read};

use super::InputErrorKind;
use super::compression::Compression;
use super::package::{Bounded, Kind, Member, PATH_BYTES, take};

/// Length of a header, in bytes: a magic number and thirteen numbers of eight digits.
const HEADER_BYTES: usize = 110;

/// As many bytes as tell what an archive is, or how it is packed.
const START_BYTES: u64 = 6;

/// Archives within archives; an initramfs has one level.
const DEPTH: u8 = 2;

/// Whether a file starts as a cpio archive does.
pub(super) fn is_cpio(start: &[u8]) -> bool {
    start.starts_with(b"070701") || start.starts_with(b"070702")
}

/// Gives every module of an initramfs to `visit`, in its order.
pub(super) fn modules(stream: &mut dyn BufRead, visit: &mut dyn FnMut(Member)) -> Result<(), InputErrorKind> {
    archives(stream, DEPTH, visit).map_err(|error| InputErrorKind::Package(error.to_string()))
}

/// Reads archives to the end of a stream; packed ones down to `depth` levels.
pub(super) fn archives(stream: &mut dyn BufRead, depth: u8, visit: &mut dyn FnMut(Member)) -> io::Result<()> {
    loop {
        skip_zeros(stream)?;
        // Not what the buffer happens to hold: that may end anywhere.
        let mut start = Vec::new();
        (&mut *stream).take(START_BYTES).read_to_end(&mut start)?;
        if start.is_empty() {
            return Ok(());
        }
        let mut whole = start.as_slice().chain(&mut *stream);
        if is_cpio(&start) {
            archive(&mut whole, visit)?;
            continue;
        }
        let Some(compression) = Compression::of(&start).filter(|_| depth > 0) else {
            return Err(invalid("what follows is neither a cpio archive nor packed in a way that is read"));
        };
        let mut unpacked = BufReader::new(Bounded::new(compression.reader(whole)));
        return archives(&mut unpacked, depth - 1, visit);
    }
}

/// Reads one archive up to its trailer.
fn archive(stream: &mut dyn BufRead, visit: &mut dyn FnMut(Member)) -> io::Result<()> {
    /// `S_IFMT` and its values for a file, a folder and a link.
    const FORMAT: u32 = 0o170_000;
    loop {
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header)?;
        // The library takes a sign for part of a number, the kernel does not.
        if !header.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid("a number in its headers is none"));
        }
        let length = header.get(94..102).and_then(|digits| std::str::from_utf8(digits).ok());
        let length = length.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if length.is_none_or(|length| u64::from(length) > PATH_BYTES) {
            return Err(invalid("the name of a file is longer than any path"));
        }
        let mut entry = cpio::NewcReader::new(header.as_slice().chain(&mut *stream))?;
        if entry.entry().is_trailer() {
            entry.finish()?;
            return Ok(());
        }
        let name = until_nul(entry.entry().name()).trim_start_matches("./").to_owned();
        let len = u64::from(entry.entry().file_size());
        let kind = match entry.entry().mode() & FORMAT {
            // Of hard links only the last has the content.
            0o100_000 if len == 0 && entry.entry().nlink() > 1 => Kind::Link(String::new()),
            0o100_000 => Kind::File,
            0o040_000 => Kind::Folder,
            0o120_000 => {
                let mut target = Vec::new();
                entry.by_ref().take(PATH_BYTES).read_to_end(&mut target)?;
                Kind::Link(until_nul(&String::from_utf8_lossy(&target)).to_owned())
            }
            _ => Kind::Other,
        };
        take(&name, kind, len, &mut entry, visit)?;
        entry.finish()?;
    }
}

/// What the kernel takes a name for.
fn until_nul(name: &str) -> &str {
    name.split_once('\0').map_or(name, |(name, _)| name)
}

fn skip_zeros(stream: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let start = stream.fill_buf()?;
        let zeros = start.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == start.len();
        if zeros == 0 {
            return Ok(());
        }
        stream.consume(zeros);
        if !all {
            return Ok(());
        }
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
