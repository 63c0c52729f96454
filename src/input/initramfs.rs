// SPDX-License-Identifier: MIT OR Apache-2.0
//! Initial RAM file systems: cpio archives one after the other, each packed or not, with zeros between them
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`, 7.2).

use std::io::{self, BufRead, BufReader, Read};

use super::InputErrorKind;
use super::compression::Compression;
use super::package::{Kind, Member, PATH_BYTES, take};
use crate::limits;

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
        let mut unpacked = BufReader::new(compression.bounded(whole, limits::PACKAGE_BYTES));
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
        check_header(&header)?;
        let mut entry = cpio::NewcReader::new(header.as_slice().chain(&mut *stream))?;
        if entry.entry().is_trailer() {
            entry.finish()?;
            return Ok(());
        }
        let name = text(entry.entry().name().as_bytes()).trim_start_matches("./").to_owned();
        let len = u64::from(entry.entry().file_size());
        let kind = match entry.entry().mode() & FORMAT {
            // Of hard links only the last has the content.
            0o100_000 if len == 0 && entry.entry().nlink() > 1 => Kind::Link(String::new()),
            0o100_000 => Kind::File,
            0o040_000 => Kind::Folder,
            0o120_000 => {
                let mut target = Vec::new();
                entry.by_ref().take(PATH_BYTES).read_to_end(&mut target)?;
                Kind::Link(text(&target))
            }
            _ => Kind::Other,
        };
        take(&name, kind, len, &mut entry, visit)?;
        entry.finish()?;
    }
}

/// Checks what the library does not: that all numbers are nothing but digits, where it takes a sign as well, and that the
/// name has the length of one.
fn check_header(header: &[u8; HEADER_BYTES]) -> io::Result<()> {
    let (magic, numbers) = header.split_at(6);
    if !is_cpio(magic) || !numbers.iter().all(u8::is_ascii_hexdigit) {
        return Err(invalid("a header in its cpio archive is none"));
    }
    let length = header.get(94..102).and_then(|digits| std::str::from_utf8(digits).ok());
    let length = length.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if length.is_none_or(|length| length > PATH_BYTES) {
        return Err(invalid("the name of a file is longer than any path"));
    }
    Ok(())
}

/// A name or target, up to its NUL: to the kernel it ends there (`init/initramfs.c`, 7.2).
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn skip_zeros(stream: &mut dyn BufRead) -> io::Result<()> {
    /// So many at once are compared instead of counted: between two archives there may be any number.
    const MANY: [u8; 1024] = [0; 1024];
    loop {
        let start = stream.fill_buf()?;
        let count = || start.iter().take_while(|byte| **byte == 0).count();
        let zeros = if start.starts_with(&MANY) { MANY.len() } else { count() };
        if zeros == 0 {
            return Ok(());
        }
        stream.consume(zeros);
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
