// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages: a lead, a header of signatures, a header of tags, and a packed cpio archive
//! (`docs/manual/format_v4.md` of rpm 4.18).
//!
//! The archive has only content for rpm; what its entries are it takes from the header (`lib/rpmfi.c:iterReadArchiveNext`).
//! Where the two differ, or the archive is not as rpmbuild writes one, the package is refused, so that nothing is installed
//! that was not seen.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Read};

use super::super::InputErrorKind;
use super::super::compression::Compression;
use super::cpio::{Archive, Entry, FileType, Header, MAGIC_BYTES};
use super::rpm_header::{Listed, RpmHeader, Tag, bare, places};
use super::take::{Kind, PATH_BYTES, Taker, invalid, name_of, skip};
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
///
/// What else unpacks a package, such as rpm2cpio, goes by the archive alone; the two have to agree.
fn archive<R: BufRead>(files: &[Listed], mut archive: Archive<R>, taker: &mut Taker<'_>) -> io::Result<()> {
    let places = places(files)?;
    let mut order = Order::of(files);
    loop {
        let (place, entry) = match archive.next()? {
            Header::Full(entry) if entry.is_named_trailer() => break,
            Header::Full(entry) => (places.get(bare(&entry.name)).copied(), Some(entry)),
            Header::Index(index) => (usize::try_from(index).ok(), None),
        };
        let Some((place, file)) = place.and_then(|place| Some((place, files.get(place)?))) else {
            return Err(invalid("its archive holds a file that its header does not list"));
        };
        taker.count(file.path.len())?;
        let name = String::from_utf8_lossy(&file.path);
        if file.is_ghost {
            // To rpm it is not there; the others unpack it.
            if let Some(Entry { mode, len, .. }) = entry {
                let kind = if FileType::of(mode) == FileType::Folder { Kind::Folder } else { Kind::File };
                taker.take(&name, kind, len, &mut archive)?;
            }
            continue;
        }
        let waits = order.comes(place)?;
        let file_type = FileType::of(file.mode);
        let len = match file_type {
            FileType::Regular if waits => 0,
            FileType::Regular | FileType::Link => file.len,
            FileType::Folder | FileType::Other => 0,
        };
        match entry {
            None => archive.expect(len)?,
            Some(entry) => {
                let shares = file_type == FileType::Regular && entry.links > 1;
                if FileType::of(entry.mode) != file_type
                    || entry.len != len
                    || !order.agrees(place, shares, entry.inode)
                {
                    return Err(differs(file));
                }
            }
        }
        let kind = match file_type {
            FileType::Regular if waits => continue,
            FileType::Regular => Kind::File,
            FileType::Folder => Kind::Folder,
            FileType::Link => {
                let mut target = Vec::new();
                archive.by_ref().take(PATH_BYTES).read_to_end(&mut target)?;
                if target != file.target {
                    return Err(differs(file));
                }
                Kind::Link(name_of(&target))
            }
            FileType::Other => Kind::Other,
        };
        match order.set(place) {
            None => taker.take(&name, kind, len, &mut archive)?,
            Some(set) => {
                let names = set.iter().filter_map(|place| files.get(*place));
                let names: Vec<_> = names.map(|file| String::from_utf8_lossy(&file.path)).collect();
                taker.take_shared(&names, len, &mut archive)?;
            }
        }
    }
    archive.pass()?;
    match order.missing(files) {
        Some(file) => Err(invalid(&format!("its archive lacks {}", String::from_utf8_lossy(&file.path)))),
        None => Ok(()),
    }
}

fn differs(file: &Listed) -> io::Error {
    invalid(&format!("its archive and its header say different things of {}", String::from_utf8_lossy(&file.path)))
}

/// In which order the files of an archive have to come: each once, and those that share their content, which are those with the
/// same device and inode (`lib/rpmfi.c:rpmfilesBuildNLink`), one after the other as listed. The last has the content. rpm
/// itself takes others, and then mixes contents up (`lib/fsm.c:fsmMkfile`); rpmbuild writes none.
struct Order {
    /// The places of the files that share their content, where there is more than one.
    sets: Vec<Vec<usize>>,
    /// Of each file, the set that it is in.
    set_of: HashMap<usize, usize>,
    came: Vec<bool>,
    /// The file that has to come next.
    due: Option<usize>,
    /// The inodes by which the archive itself shares content, with the sets that they stand for.
    inodes: HashMap<(u32, u32, u32), usize>,
}

impl Order {
    fn of(files: &[Listed]) -> Self {
        let mut by_inode: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
        for (place, file) in files.iter().enumerate() {
            if let Some(inode) = file.inode
                && FileType::of(file.mode) == FileType::Regular
                && !file.is_ghost
            {
                by_inode.entry(inode).or_default().push(place);
            }
        }
        let sets: Vec<_> = by_inode.into_values().filter(|places| places.len() > 1).collect();
        let of =
            |(number, set): (usize, &Vec<usize>)| set.iter().map(move |place| (*place, number)).collect::<Vec<_>>();
        let set_of = sets.iter().enumerate().flat_map(of).collect();
        Self { sets, set_of, came: vec![false; files.len()], due: None, inodes: HashMap::new() }
    }

    /// The set that a file is in.
    fn set(&self, place: usize) -> Option<&Vec<usize>> {
        self.sets.get(*self.set_of.get(&place)?)
    }

    /// Takes note of a file, and tells whether its content comes with a later one.
    fn comes(&mut self, place: usize) -> io::Result<bool> {
        let twice = self.came.get_mut(place).is_none_or(|came| std::mem::replace(came, true));
        if twice {
            return Err(invalid("its archive holds a file twice"));
        }
        let set = self.set(place);
        let first = set.and_then(|set| set.first().copied()).unwrap_or(place);
        let next = set.and_then(|set| set.get(set.iter().position(|other| *other == place)? + 1).copied());
        if place != self.due.unwrap_or(first) {
            return Err(invalid("its files that share their content do not come one after the other"));
        }
        self.due = next;
        Ok(next.is_some())
    }

    /// Whether the archive shares a file's content with the same files as the header.
    fn agrees(&mut self, place: usize, shares: bool, inode: (u32, u32, u32)) -> bool {
        match self.set_of.get(&place) {
            _ if !shares => true,
            None => false,
            Some(set) => self.inodes.entry(inode).or_insert(*set) == set,
        }
    }

    /// The first file that did not come.
    fn missing<'f>(&self, files: &'f [Listed]) -> Option<&'f Listed> {
        let mut all = files.iter().zip(&self.came);
        all.find(|(file, came)| !file.is_ghost && !**came).map(|(file, _)| file)
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
