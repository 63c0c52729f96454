// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages: an `ar` archive whose member `data.tar`, packed in one of several ways, holds the files
//! (deb(5)). What dpkg refuses in it is refused here, so that nothing is installed that was not seen.
//!
//! The names of the files in it are labels in reports and never become paths on disk.

use std::io::{self, BufRead, Read};

use super::super::InputErrorKind;
use super::super::compression::Compression;
use super::take::{Kind, PATH_BYTES, Taker, invalid, name_of, skip};
use crate::{limits, text};

/// First bytes of an `ar` archive.
pub(in crate::input) const MAGIC: [u8; 8] = *b"!<arch>\n";

/// Largest record of a tar archive, in bytes. `dpkg-deb` writes records of 10 KiB.
const RECORD_BYTES: u64 = 1 << 20;

/// Takes the modules of a package.
pub(super) fn modules(stream: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), InputErrorKind> {
    let (name, size) = find_data(stream)?;
    let mut packed = stream.take(size);
    let files: Box<dyn Read + '_> = match name.as_str() {
        "data.tar" => Box::new(&mut packed),
        "data.tar.xz" => unpacked(Compression::Xz, &mut packed),
        "data.tar.zst" => unpacked(Compression::Zstd, &mut packed),
        "data.tar.gz" => unpacked(Compression::Gzip, &mut packed),
        "data.tar.bz2" => return Err(InputErrorKind::Unsupported("a package packed with bzip2")),
        "data.tar.lzma" => return Err(InputErrorKind::Unsupported("a package packed with lzma")),
        _ => return Err(broken("its data.tar is packed in a way that nobody knows")),
    };
    read_files(files, taker).map_err(|error| broken(&error.to_string()))?;
    // A plain archive may end anywhere; what was to come then would not be missed.
    if packed.limit() > 0 && packed.fill_buf()?.is_empty() {
        return Err(broken("it is cut short"));
    }
    Ok(())
}

fn unpacked<'r>(compression: Compression, packed: impl BufRead + 'r) -> Box<dyn Read + 'r> {
    Box::new(compression.bounded(packed, limits::PACKAGE_BYTES))
}

fn broken(reason: &str) -> InputErrorKind {
    // What the tar library says may quote what stands in a header.
    InputErrorKind::Package(text::shown(reason).into_owned())
}

/// Name and size of the member that holds the files, whose first byte is the stream's next.
fn find_data(stream: &mut dyn BufRead) -> Result<(String, u64), InputErrorKind> {
    let failed = |error: io::Error| broken(&error.to_string());
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic).map_err(failed)?;
    if magic != MAGIC {
        return Err(broken("it is no ar archive"));
    }
    let (first, size) = next_member(stream).map_err(failed)?.ok_or_else(|| broken("it is empty"))?;
    if first != "debian-binary" {
        return Err(InputErrorKind::Unsupported("an archive, but no Debian package"));
    }
    skip(stream, size.next_multiple_of(2)).map_err(failed)?;
    while let Some((name, size)) = next_member(stream).map_err(failed)? {
        if name.starts_with("data.tar") {
            return Ok((name, size));
        }
        skip(stream, size.next_multiple_of(2)).map_err(failed)?;
    }
    Err(broken("it has no data.tar"))
}

/// Reads a member's header: its name and size. There is none at the end.
fn next_member(stream: &mut dyn BufRead) -> io::Result<Option<(String, u64)>> {
    if stream.fill_buf()?.is_empty() {
        return Ok(None);
    }
    // Name, then date, owner, group and mode, then size, then two bytes that are always the same.
    let (mut name, mut rest, mut size, mut end) = ([0; 16], [0; 32], [0; 10], [0; 2]);
    for part in [&mut name[..], &mut rest, &mut size, &mut end] {
        stream.read_exact(part)?;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches(' ').to_owned();
    let size = Some(text(&size)).filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
    match size.and_then(|size| size.parse().ok()) {
        Some(size) if end == *b"`\n" => Ok(Some((text(&name).trim_end_matches('/').to_owned(), size))),
        _ => Err(invalid("a header in its ar archive is none")),
    }
}

/// Reads the archive of the files.
fn read_files(unpacked: Box<dyn Read + '_>, taker: &mut Taker<'_>) -> io::Result<()> {
    use tar::EntryType;
    let mut archive = tar::Archive::new(unpacked);
    let (mut long_name, mut long_link) = (None, None);
    // Raw, because the library takes a long name of any length into memory.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        taker.count(entry.path_bytes().len())?;
        check_header(entry.header())?;
        let entry_type = entry.header().entry_type();
        match entry_type {
            EntryType::GNULongName => long_name = Some(long(&mut entry)?),
            EntryType::GNULongLink => long_link = Some(long(&mut entry)?),
            EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNUSparse => {
                return Err(invalid("it has a kind of entry that no Debian package has"));
            }
            _ => {
                let text = |long: Option<String>, field: &[u8]| {
                    long.unwrap_or_else(|| String::from_utf8_lossy(field).into_owned())
                };
                let name = text(long_name.take(), &entry.path_bytes());
                let link = text(long_link.take(), &entry.link_name_bytes().unwrap_or_default());
                let kind = match entry_type {
                    EntryType::Regular | EntryType::Continuous => Kind::File,
                    EntryType::Directory => Kind::Folder,
                    EntryType::Symlink => Kind::Link(link),
                    // One that is hard names a path of the package.
                    EntryType::Link => Kind::Link(format!("/{link}")),
                    _ => Kind::Other,
                };
                let len = entry.size();
                if len > 0 && kind != Kind::File {
                    // dpkg passes nothing over here: it would take these bytes for the next entries.
                    return Err(invalid("it has an entry with content that is no file"));
                }
                taker.take(bare(&name), kind, len, &mut entry)?;
            }
        }
    }
    read_padding(&mut archive.into_inner())
}

/// Checks what readers of tar take differently: the version of a format that has prefixes of names, and sizes that are
/// neither octal digits nor in base 256. GNU tar has a base 64, too, that begins with a sign.
fn check_header(header: &tar::Header) -> io::Result<()> {
    let old = header.as_old();
    let bytes = header.as_bytes();
    let format = bytes.get(257..265).unwrap_or_default();
    if format.starts_with(b"ustar") && format != b"ustar\x0000" && format != b"ustar  \0" {
        return Err(invalid("a header in its tar archive is of a version that nobody writes"));
    }
    let digits = old.size.iter().skip_while(|byte| **byte == b' ');
    let mut rest = digits.skip_while(|byte| matches!(byte, b'0'..=b'7'));
    let base_256 = old.size.first().is_some_and(|first| first & 0x80 != 0);
    if !base_256 && !rest.all(|byte| matches!(byte, 0 | b' ')) {
        return Err(invalid("a size in its tar archive is no octal number"));
    }
    Ok(())
}

/// Reads what follows the end of the archive: zeros, up to a whole record. Whether all that was read before was right,
/// some compressions tell at their own end only.
fn read_padding(rest: &mut dyn Read) -> io::Result<()> {
    let mut padding = Vec::new();
    rest.take(RECORD_BYTES + 1).read_to_end(&mut padding)?;
    if padding.len() as u64 > RECORD_BYTES || padding.iter().any(|byte| *byte != 0) {
        return Err(invalid("something follows the end of its archive"));
    }
    Ok(())
}

/// A name without what dpkg takes off it: to it, `a.ko/` is a file `a.ko`.
fn bare(name: &str) -> &str {
    let mut name = name.trim_start_matches("./");
    while let Some(shorter) = name.strip_suffix('/').or_else(|| name.strip_suffix("/.")) {
        name = shorter;
    }
    name
}

/// A name or target that has an entry of its own, because the header's field is too small for it.
fn long(entry: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    entry.take(PATH_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PATH_BYTES {
        return Err(invalid("the name of a file is longer than any path"));
    }
    Ok(name_of(&bytes))
}
