// SPDX-License-Identifier: MIT OR Apache-2.0
//! An RPM package's header: tags with values (`docs/manual/format_header.md` of rpm 4.18), and the files that it lists.
//!
//! Read here and not by a library: to rpm this list, not the archive behind it, says what is installed, so that it has
//! to be read as strictly as rpm does (`lib/header.c:hdrblobInit`), and within bounds.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Read};

use super::take::{PATH_BYTES, invalid};
use crate::limits;

/// First bytes of a header.
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

/// Length of a header's fixed part, and of an entry of its index, in bytes.
const PART_BYTES: usize = 16;

/// Most entries of an index, and most bytes of values, that rpm takes (`HEADER_TAGS_MAX`, `HEADER_DATA_MAX`).
const MOST: (u32, u32) = (0xffff, 0x0fff_ffff);

/// A tag's number (`include/rpm/rpmtag.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    const FILE_SIZES: Self = Self(1028);
    const FILE_MODES: Self = Self(1030);
    const FILE_LINK_TOS: Self = Self(1036);
    const FILE_FLAGS: Self = Self(1037);
    const FILE_DEVICES: Self = Self(1095);
    const FILE_INODES: Self = Self(1096);
    const DIR_INDEXES: Self = Self(1116);
    const BASE_NAMES: Self = Self(1117);
    const DIR_NAMES: Self = Self(1118);
    pub(super) const PAYLOAD_FORMAT: Self = Self(1124);
    pub(super) const PAYLOAD_COMPRESSOR: Self = Self(1125);
    const LONG_FILE_SIZES: Self = Self(5008);
    /// Tags by which files get other names than the archive has: an old way to list them, and names before a package was
    /// relocated (`OLDFILENAMES`, `ORIGDIRINDEXES`, `ORIGBASENAMES`, `ORIGDIRNAMES`).
    const OTHER_NAMES: [Self; 4] = [Self(1027), Self(1119), Self(1120), Self(1121)];
}

/// Flag of a file that is only listed.
const GHOST: u64 = 1 << 6;

/// Kinds of values, by number.
mod kind {
    pub(super) const INT16: u32 = 3;
    pub(super) const INT32: u32 = 4;
    pub(super) const INT64: u32 = 5;
    pub(super) const STRING: u32 = 6;
    pub(super) const STRING_ARRAY: u32 = 8;
}

/// An entry of the index.
#[derive(Debug, Clone, Copy)]
struct Slot {
    kind: u32,
    offset: usize,
    count: usize,
}

/// A header.
#[derive(Debug)]
pub(super) struct RpmHeader {
    slots: BTreeMap<u32, Slot>,
    values: Vec<u8>,
}

/// A file that a package lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its path, from the root without a slash.
    pub(super) path: Vec<u8>,
    /// What it is, and its permissions.
    pub(super) mode: u32,
    /// Bytes of its content; of a link, of its target.
    pub(super) len: u64,
    /// Where a link leads.
    pub(super) target: Vec<u8>,
    /// Device and inode, by which it may share its content.
    pub(super) inode: Option<(u64, u64)>,
    /// Whether it is only listed, and not installed (`RPMFILE_GHOST`).
    pub(super) is_ghost: bool,
}

impl RpmHeader {
    /// Reads a header, and returns how long it is, in bytes.
    pub(super) fn read(stream: &mut dyn BufRead) -> io::Result<(Self, u64)> {
        let mut head = [0; PART_BYTES];
        stream.read_exact(&mut head)?;
        let [magic @ .., _, _, _, _, e0, e1, e2, e3, d0, d1, d2, d3] = head;
        let [entries, data] = [[e0, e1, e2, e3], [d0, d1, d2, d3]].map(u32::from_be_bytes);
        if magic != MAGIC {
            return Err(invalid("there is no header where one has to be"));
        }
        if entries > MOST.0 || data > MOST.1 {
            return Err(invalid("its header is larger than any that rpm takes"));
        }
        let index = exactly(stream, entries as usize * PART_BYTES)?;
        let values = exactly(stream, data as usize)?;
        let mut slots = BTreeMap::new();
        let (parts, _) = index.as_chunks::<4>();
        let (parts, _) = parts.as_chunks::<4>();
        for part in parts {
            let [tag, kind, offset, count] = part.map(u32::from_be_bytes);
            let slot = Slot { kind, offset: offset as usize, count: count as usize };
            if slots.insert(tag, slot).is_some() {
                // To rpm the later may replace the earlier, or not.
                return Err(invalid("its header says the same thing twice"));
            }
        }
        let len = head.len() + index.len() + values.len();
        Ok((Self { slots, values }, len as u64))
    }

    /// A single text.
    pub(super) fn text(&self, tag: Tag) -> io::Result<Option<String>> {
        let text = self.lists(tag, kind::STRING)?.and_then(|texts| texts.into_iter().next());
        Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    /// The files, in the package's order.
    pub(super) fn files(&self) -> io::Result<Vec<Listed>> {
        if Tag::OTHER_NAMES.iter().any(|tag| self.slots.contains_key(&tag.0)) {
            return Err(invalid("its files have other names than its archive gives them"));
        }
        let names = self.lists(Tag::BASE_NAMES, kind::STRING_ARRAY)?.unwrap_or_default();
        let count = names.len();
        let fits = |found: usize| if found == count { Ok(()) } else { Err(disagrees()) };
        let numbers = |tag, kind| -> io::Result<Vec<u64>> {
            let numbers = self.numbers(tag, kind)?.unwrap_or_default();
            fits(numbers.len())?;
            Ok(numbers)
        };
        // What rpm does without, too.
        let or_none =
            |tag| if self.slots.contains_key(&tag) { numbers(Tag(tag), kind::INT32) } else { Ok(vec![0; count]) };
        let folders = self.lists(Tag::DIR_NAMES, kind::STRING_ARRAY)?.unwrap_or_default();
        let folder_of = numbers(Tag::DIR_INDEXES, kind::INT32)?;
        let modes = numbers(Tag::FILE_MODES, kind::INT16)?;
        let flags = or_none(Tag::FILE_FLAGS.0)?;
        let devices = or_none(Tag::FILE_DEVICES.0)?;
        let inodes = or_none(Tag::FILE_INODES.0)?;
        let sizes =
            match (self.numbers(Tag::FILE_SIZES, kind::INT32)?, self.numbers(Tag::LONG_FILE_SIZES, kind::INT64)?) {
                (Some(_), Some(_)) => return Err(disagrees()),
                (short, long) => short.or(long).unwrap_or_default(),
            };
        fits(sizes.len())?;
        let targets = self.lists(Tag::FILE_LINK_TOS, kind::STRING_ARRAY)?.unwrap_or_else(|| vec![&[]; count]);
        fits(targets.len())?;

        // Without devices rpm knows of no files that share their content (`lib/rpmfi.c:rpmfilesBuildNLink`).
        let has_inodes = [Tag::FILE_DEVICES, Tag::FILE_INODES].iter().all(|tag| self.slots.contains_key(&tag.0));
        let (mut files, mut bytes) = (Vec::with_capacity(count), 0);
        let numbers = folder_of.into_iter().zip(modes).zip(flags).zip(devices.into_iter().zip(inodes)).zip(sizes);
        for ((name, target), ((((folder, mode), flags), inode), len)) in names.into_iter().zip(targets).zip(numbers) {
            let folder = usize::try_from(folder).ok().and_then(|folder| folders.get(folder));
            let path = [folder.ok_or_else(disagrees)?, name].concat();
            bytes += path.len() as u64;
            if path.len() as u64 > PATH_BYTES || bytes > limits::PACKAGE_NAME_BYTES {
                return Err(invalid("the paths that its header lists are longer than any package's"));
            }
            let mode = u32::try_from(mode).map_err(|_| disagrees())?;
            let is_ghost = flags & GHOST != 0;
            let inode = Some(inode).filter(|inode| has_inodes && inode.1 != 0);
            files.push(Listed { path: bare(&path).to_owned(), mode, len, target: target.to_owned(), inode, is_ghost });
        }
        Ok(files)
    }

    /// All numbers of a tag.
    fn numbers(&self, tag: Tag, kind: u32) -> io::Result<Option<Vec<u64>>> {
        let Some(slot) = self.slot(tag, kind)? else { return Ok(None) };
        let size = match kind {
            kind::INT16 => 2,
            kind::INT32 => 4,
            _ => 8,
        };
        let bytes = slot.count.checked_mul(size).and_then(|len| self.values.get(slot.offset..)?.get(..len));
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Some(bytes.ok_or_else(disagrees)?.chunks(size).map(number).collect()))
    }

    /// All texts of a tag.
    fn lists(&self, tag: Tag, kind: u32) -> io::Result<Option<Vec<&[u8]>>> {
        let Some(slot) = self.slot(tag, kind)? else { return Ok(None) };
        let mut rest = self.values.get(slot.offset..).ok_or_else(disagrees)?;
        let mut texts = Vec::new();
        for _ in 0..slot.count {
            let end = memchr::memchr(0, rest).ok_or_else(disagrees)?;
            let (text, behind) = rest.split_at(end);
            texts.push(text);
            rest = behind.get(1..).unwrap_or_default();
        }
        Ok(Some(texts))
    }

    fn slot(&self, tag: Tag, kind: u32) -> io::Result<Option<Slot>> {
        match self.slots.get(&tag.0) {
            Some(slot) if slot.kind != kind => Err(disagrees()),
            Some(slot) if slot.count > limits::PACKAGE_ENTRIES as usize => {
                Err(invalid("its header lists more files than any package has"))
            }
            slot => Ok(slot.copied()),
        }
    }
}

/// A path of a package without what stands before its first name.
pub(super) fn bare(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    path.get(slashes..).unwrap_or_default()
}

/// Where each path stands among the files; an error if one is listed twice.
pub(super) fn places(files: &[Listed]) -> io::Result<HashMap<&[u8], usize>> {
    let mut places = HashMap::with_capacity(files.len());
    for (place, file) in files.iter().enumerate() {
        if places.insert(file.path.as_slice(), place).is_some() {
            return Err(invalid("its header lists a file twice"));
        }
    }
    Ok(places)
}

fn exactly(stream: &mut dyn BufRead, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut short"));
    }
    Ok(bytes)
}

fn disagrees() -> io::Error {
    invalid("the lists of its header do not fit together")
}
