// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages: a lead, a header of signatures, a header of tags, and a packed cpio archive
//! (`docs/manual/format_v4.md` of rpm 4.18).
//!
//! The archive has only content for rpm; what its entries are it takes from the header (`lib/rpmfi.c:iterReadArchiveNext`).
//! Where the two differ the package is refused, so that nothing is installed that was not seen.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use super::super::InputErrorKind;
use super::super::compression::Compression;
use super::cpio::{Archive, FileType, Header, MAGIC_BYTES};
use super::rpm_header::{Listed, RpmHeader, Tag, bare, places};
use super::take::{Kind, PATH_BYTES, Taker, invalid, skip};
use crate::{limits, text};

/// First bytes of a package.
pub(in crate::input) const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Length of the lead, in bytes.
const LEAD_BYTES: u64 = 96;

/// A signature's header is filled up to a multiple of this, in bytes.
const SIGNATURE_ALIGN: u64 = 8;

/// Takes the modules of a package.
pub(super) fn modules(stream: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), InputErrorKind> {
    let broken = |error: io::Error| InputErrorKind::Package(text::shown(&error.to_string()).into_owned());
    let header = read_header(stream).map_err(broken)?;
    if let Some(what) = not_read(&header).map_err(broken)? {
        return Err(InputErrorKind::Unsupported(what));
    }
    payload(&header, stream, taker).map_err(broken)
}

/// Reads the header of tags, which is the second.
fn read_header(stream: &mut dyn BufRead) -> io::Result<RpmHeader> {
    skip(stream, LEAD_BYTES)?;
    let (_, signature) = RpmHeader::read(stream)?;
    skip(stream, signature.next_multiple_of(SIGNATURE_ALIGN) - signature)?;
    Ok(RpmHeader::read(stream)?.0)
}

/// What a package is that is not read.
fn not_read(header: &RpmHeader) -> io::Result<Option<&'static str>> {
    if header.text(Tag::PAYLOAD_FORMAT)?.is_some_and(|format| format != "cpio") {
        return Ok(Some("a package without an archive of its own"));
    }
    Ok(match header.text(Tag::PAYLOAD_COMPRESSOR)?.as_deref() {
        Some("bzip2") => Some("a package packed with bzip2"),
        Some("lzma") => Some("a package packed with lzma"),
        _ => None,
    })
}

fn payload(header: &RpmHeader, stream: &mut dyn BufRead, taker: &mut Taker<'_>) -> io::Result<()> {
    let files = header.files()?;
    let mut start = Vec::new();
    (&mut *stream).take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
    let whole = start.as_slice().chain(&mut *stream);
    let mut unpacked: Box<dyn BufRead + '_> = match Compression::of(&start) {
        Some(compression) => Box::new(BufReader::new(compression.bounded(whole, limits::PACKAGE_BYTES))),
        None if start.starts_with(b"0707") => Box::new(whole),
        None => return Err(invalid("its payload is neither a cpio archive nor packed in a way that is read")),
    };
    archive(&files, Archive::new(&mut unpacked), taker)?;
    end(&mut unpacked)
}

/// Takes the files of the archive, each for what the header says that it is.
fn archive<R: BufRead>(files: &[Listed], mut archive: Archive<R>, taker: &mut Taker<'_>) -> io::Result<()> {
    let places = places(files)?;
    let shared = Shared::of(files);
    while let Some(header) = archive.next()? {
        taker.count()?;
        let place = match &header {
            Header::Full(entry) => places.get(bare(&entry.name)).copied(),
            Header::Index(index) => usize::try_from(*index).ok(),
        };
        let Some((place, file)) = place.and_then(|place| Some((place, files.get(place)?))) else {
            return Err(invalid("its archive holds a file that its header does not list"));
        };
        if file.is_ghost {
            continue;
        }
        let file_type = FileType::of(file.mode);
        let len = match file_type {
            FileType::Regular if shared.waits(place) => 0,
            FileType::Regular | FileType::Link => file.len,
            FileType::Folder | FileType::Other => 0,
        };
        match header {
            Header::Index(_) => archive.expect(len),
            Header::Full(entry) if FileType::of(entry.mode) != file_type || entry.len != len => {
                return Err(differs(file));
            }
            Header::Full(_) => {}
        }
        let kind = match file_type {
            FileType::Regular if shared.waits(place) => continue,
            FileType::Regular => Kind::File,
            FileType::Folder => Kind::Folder,
            FileType::Link => {
                let mut target = Vec::new();
                archive.by_ref().take(PATH_BYTES).read_to_end(&mut target)?;
                if String::from_utf8_lossy(&target) != file.target {
                    return Err(differs(file));
                }
                Kind::Link(file.target.clone())
            }
            FileType::Other => Kind::Other,
        };
        match shared.names.get(&place) {
            None => taker.take(&file.path, kind, len, &mut archive)?,
            Some(names) => {
                let names: Vec<_> = names.iter().filter_map(|name| Some(files.get(*name)?.path.as_str())).collect();
                taker.take_shared(&names, len, &mut archive)?;
            }
        }
    }
    Ok(())
}

fn differs(file: &Listed) -> io::Error {
    invalid(&format!("its archive and its header say different things of {}", file.path))
}

/// Files that share their content: those with the same device and inode (`lib/rpmfi.c:rpmfilesBuildNLink`). The last one
/// that is listed has it.
struct Shared {
    /// Of each file its last name's place, which is its own where nothing is shared.
    last: Vec<usize>,
    /// The places of all names, by the last, of files that have more than one.
    names: HashMap<usize, Vec<usize>>,
}

impl Shared {
    fn of(files: &[Listed]) -> Self {
        let mut by_inode: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
        for (place, file) in files.iter().enumerate() {
            if FileType::of(file.mode) == FileType::Regular && !file.is_ghost && file.inode.1 != 0 {
                by_inode.entry(file.inode).or_default().push(place);
            }
        }
        let mut shared = Self { last: (0..files.len()).collect(), names: HashMap::new() };
        #[allow(clippy::iter_over_hash_type, reason = "what is filled has no order of its own")]
        for (_, places) in by_inode {
            let Some(&last) = places.last().filter(|_| places.len() > 1) else { continue };
            for &place in &places {
                if let Some(of_place) = shared.last.get_mut(place) {
                    *of_place = last;
                }
            }
            shared.names.insert(last, places);
        }
        shared
    }

    /// Whether a file's content comes with a later name of it.
    fn waits(&self, place: usize) -> bool {
        self.last.get(place).is_some_and(|last| *last != place)
    }
}

/// Reads what follows the archive: zeros, if anything.
fn end(rest: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let more = rest.fill_buf()?;
        if more.iter().any(|byte| *byte != 0) {
            return Err(invalid("something follows the end of its archive"));
        }
        let len = more.len();
        if len == 0 {
            return Ok(());
        }
        rest.consume(len);
    }
}
