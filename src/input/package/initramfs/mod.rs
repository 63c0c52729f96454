// SPDX-License-Identifier: MIT OR Apache-2.0
//! Initial RAM file systems: cpio archives one after the other, each packed or not, with zeros between them
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`, 7.2).

use std::io::{self, BufRead, BufReader, Read};

use super::super::InputErrorKind;
use super::super::compression::Compression;
use super::cpio::{Archive, FileType, Header, MAGIC_BYTES};
use super::take::{Kind, PATH_BYTES, Taker, invalid, name_of};
use crate::limits;

mod links;

use links::Links;

/// Archives within archives; an initramfs has one level.
const DEPTH: u8 = 2;

/// Whether a file starts as a cpio archive does.
pub(in crate::input) fn is_cpio(start: &[u8]) -> bool {
    start.starts_with(b"070701") || start.starts_with(b"070702")
}

/// Takes the modules of an initramfs.
pub(super) fn modules(stream: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), InputErrorKind> {
    let mut links = Links::default();
    archives(stream, DEPTH, &mut links, taker)
        .and_then(|()| links.give(taker))
        .map_err(|error| InputErrorKind::Package(error.to_string()))
}

/// Reads archives to the end of a stream; packed ones down to `depth` levels.
fn archives(stream: &mut dyn BufRead, depth: u8, links: &mut Links, taker: &mut Taker<'_>) -> io::Result<()> {
    loop {
        skip_zeros(stream)?;
        // Not what the buffer happens to hold: that may end anywhere.
        let mut start = Vec::new();
        (&mut *stream).take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
        if start.is_empty() {
            return Ok(());
        }
        let whole = start.as_slice().chain(&mut *stream);
        if is_cpio(&start) {
            archive(Archive::new(whole), links, taker)?;
            continue;
        }
        let Some(compression) = Compression::of(&start).filter(|_| depth > 0) else {
            return Err(invalid("what follows is neither a cpio archive nor packed in a way that is read"));
        };
        let mut unpacked = BufReader::new(compression.bounded(whole, limits::PACKAGE_BYTES));
        return archives(&mut unpacked, depth - 1, links, taker);
    }
}

/// Reads one archive.
fn archive<R: BufRead>(mut archive: Archive<R>, links: &mut Links, taker: &mut Taker<'_>) -> io::Result<()> {
    while let Some(header) = archive.next()? {
        taker.count()?;
        let Header::Full(entry) = header else { return Err(invalid("a header in its cpio archive is none")) };
        let name = entry.name.trim_start_matches("./");
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
        links.pass(name, &kind);
        taker.take(name, kind, entry.len, &mut archive)?;
    }
    // Inodes count within one archive.
    links.end_archive();
    Ok(())
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
