// SPDX-License-Identifier: MIT OR Apache-2.0
//! Initial RAM file systems: cpio archives one after the other, each packed or not, with zeros between them
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`, 7.2).

use std::io::{self, BufRead, BufReader, Read};

use super::super::InputErrorKind;
use super::super::compression::{Compression, Meter};
use super::cpio::{Archive, Entry, FileType, Header, MAGIC_BYTES};
use super::take::{Kind, PATH_BYTES, Taker, invalid, name_of};
use crate::limits;

mod links;

use links::Links;

/// Whether a file starts as a cpio archive does.
pub(in crate::input) fn is_cpio(start: &[u8]) -> bool {
    start.starts_with(b"070701") || start.starts_with(b"070702")
}

/// Takes the modules of an initramfs.
pub(super) fn modules(stream: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), InputErrorKind> {
    let mut links = Links::default();
    archives(stream, Some(&Meter::default()), &mut links, taker)
        .and_then(|()| links.give(taker))
        .map_err(|error| InputErrorKind::Package(error.to_string()))
}

/// Reads archives to the end of a stream (`init/initramfs.c:unpack_to_rootfs`, 7.2). Each packed stream holds whole ones,
/// and others may follow it; what is packed holds nothing packed.
fn archives(
    stream: &mut dyn BufRead,
    packed: Option<&Meter>,
    links: &mut Links,
    taker: &mut Taker<'_>,
) -> io::Result<()> {
    loop {
        skip_zeros(stream)?;
        // Not what the buffer happens to hold: that may end anywhere.
        let mut start = Vec::new();
        (&mut *stream).take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
        if start.is_empty() {
            return Ok(());
        }
        let compression = packed.and_then(|meter| Some((Compression::of(&start)?, meter)));
        if let Some((compression, _)) = compression {
            compression.check_start(&start).map_err(invalid)?;
        }
        let whole = start.as_slice().chain(&mut *stream);
        if is_cpio(&start) {
            archive(Archive::new(whole), links, taker)?;
        } else if let Some((compression, meter)) = compression {
            let mut unpacked = BufReader::new(compression.bounded_one(whole, limits::PACKAGE_BYTES, meter));
            archives(&mut unpacked, None, links, taker)?;
        } else {
            return Err(invalid("what follows is neither a cpio archive nor packed in a way that is read"));
        }
    }
}

/// Reads one archive.
fn archive<R: BufRead>(mut archive: Archive<R>, links: &mut Links, taker: &mut Taker<'_>) -> io::Result<()> {
    loop {
        let Header::Full(entry) = archive.next()? else { return Err(invalid("a header in its cpio archive is none")) };
        if is_trailer(&entry) {
            // Inodes count within one archive.
            links.end_archive();
            return archive.pass();
        }
        taker.count(entry.name.len())?;
        let name = String::from_utf8_lossy(&entry.name);
        let name = name.trim_start_matches("./");
        links.pass(name);
        let kind = match FileType::of(entry.mode) {
            FileType::Regular if entry.links > 1 => {
                links.share(name, entry.inode, entry.len, &mut archive)?;
                continue;
            }
            FileType::Regular => Kind::File,
            FileType::Folder => Kind::Folder,
            FileType::Link => {
                let mut target = Vec::new();
                archive.by_ref().take(PATH_BYTES).read_to_end(&mut target)?;
                Kind::Link(name_of(&target))
            }
            FileType::Other => Kind::Other,
        };
        taker.take(name, kind, entry.len, &mut archive)?;
    }
}

/// Whether the kernel looks at the name of an entry that bears the last one's (`init/initramfs.c:do_header`, 7.2).
fn is_trailer(entry: &Entry) -> bool {
    let is_looked_at = match FileType::of(entry.mode) {
        FileType::Regular => true,
        FileType::Link => false,
        FileType::Folder | FileType::Other => entry.len == 0,
    };
    entry.is_named_trailer() && is_looked_at
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
