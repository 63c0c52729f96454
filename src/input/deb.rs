// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages: an `ar` archive whose member `data.tar`, packed in one of several ways, holds the files
//! (deb(5)).
//!
//! The names of the files in it are labels in reports and never become paths on disk.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use object::read::ReadCache;
use object::read::archive::ArchiveFile;

use super::InputErrorKind;
use super::compression::Compression;
use super::package::{Bounded, Kind, Member, take};

/// Gives every module of a package to `visit`, in the package's order.
pub(super) fn modules(file: &File, visit: &mut dyn FnMut(Member)) -> Result<(), InputErrorKind> {
    let (name, offset, size) = find_data(file)?;
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    let packed = BufReader::new(file.take(size));
    let unpacked: Box<dyn Read> = match name.as_str() {
        "data.tar" => Box::new(packed),
        "data.tar.xz" => Compression::Xz.reader(packed),
        "data.tar.zst" => Compression::Zstd.reader(packed),
        "data.tar.gz" => Compression::Gzip.reader(packed),
        "data.tar.bz2" => return Err(InputErrorKind::Unsupported("a package packed with bzip2")),
        "data.tar.lzma" => return Err(InputErrorKind::Unsupported("a package packed with lzma")),
        _ => return Err(InputErrorKind::Package("its data.tar is packed in a way that nobody knows".to_owned())),
    };
    let broken = |error: io::Error| InputErrorKind::Package(error.to_string());
    let mut archive = tar::Archive::new(Bounded::new(unpacked));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
            tar::EntryType::Directory => Kind::Folder,
            tar::EntryType::Symlink | tar::EntryType::Link => {
                Kind::Link(String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned())
            }
            _ => Kind::Other,
        };
        let len = entry.size();
        take(&name, kind, len, &mut entry, visit).map_err(broken)?;
    }
    Ok(())
}

/// Name, offset and size of the member that holds the files.
fn find_data(file: &File) -> Result<(String, u64, u64), InputErrorKind> {
    let broken = |reason: &str| InputErrorKind::Package(reason.to_owned());
    let cache = ReadCache::new(file);
    let archive = ArchiveFile::parse(&cache).map_err(|error| InputErrorKind::Package(error.to_string()))?;
    let mut members = archive.members();
    let first = members.next().ok_or_else(|| broken("it is empty"))?.map_err(|error| broken(&error.to_string()))?;
    if first.name() != b"debian-binary" {
        return Err(InputErrorKind::Unsupported("an archive, but no Debian package"));
    }
    for member in members {
        let member = member.map_err(|error| broken(&error.to_string()))?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if name.starts_with("data.tar") {
            let (offset, size) = member.file_range();
            return Ok((name, offset, size));
        }
    }
    Err(broken("it has no data.tar"))
}
