// SPDX-License-Identifier: MIT OR Apache-2.0
//! What packages and archives have in common: files that are named like modules, taken one by one.
//!
//! Their names are labels in reports and never become paths on disk.

use std::io::{self, BufReader, Read};

use super::collect::{Ending, Format, module_ending};
use super::{InputErrorKind, deb, initramfs, rpm};
use crate::{limits, text};

/// A file in a package that is named like a module.
#[derive(Debug)]
pub struct Member {
    /// Its path in the package.
    pub name: String,
    /// Its bytes, or why there are none.
    pub bytes: Result<Vec<u8>, InputErrorKind>,
}

/// Gives every file of a package that is named like a module to `visit`, in the package's order. An error may come
/// behind members that were good.
pub fn members(format: Format, package: &mut dyn Read, visit: &mut dyn FnMut(Member)) -> Result<(), InputErrorKind> {
    let mut stream = BufReader::new(package);
    match format {
        Format::Deb => deb::modules(&mut stream, visit),
        Format::Initramfs => initramfs::modules(&mut stream, visit),
        Format::Rpm => rpm::modules(&mut stream, visit),
    }
}

/// Longest name of a file, or target of a link, in bytes (`PATH_MAX`).
pub(super) const PATH_BYTES: u64 = 4096;

/// What a member of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link to a path.
    Link(String),
    /// A device, a FIFO, a socket.
    Other,
}

/// Gives a member of `len` bytes to `visit`, if it is named like a module.
pub(super) fn take(
    name: &str,
    kind: Kind,
    len: u64,
    content: &mut dyn Read,
    visit: &mut dyn FnMut(Member),
) -> io::Result<()> {
    let bytes = match (module_ending(name), kind) {
        (Ending::Other, _) | (_, Kind::Folder) => return Ok(()),
        // What it leads to is judged for itself, if it is named like a module; else nobody looks at it.
        (_, Kind::Link(target)) if module_ending(&target) == Ending::Module => return Ok(()),
        (_, Kind::Link(_)) => Err(InputErrorKind::Unsupported("a link to a file that is not named like a module")),
        (Ending::NotRead(what), _) => Err(InputErrorKind::Unsupported(what)),
        (Ending::Module, Kind::Other) => Err(InputErrorKind::NotAFile("something else")),
        (Ending::Module, Kind::File) if len > limits::FILE_BYTES => {
            Err(InputErrorKind::TooLarge { len, limit: limits::FILE_BYTES })
        }
        (Ending::Module, Kind::File) => {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            Ok(bytes)
        }
    };
    visit(Member { name: text::shown(name).into_owned(), bytes });
    Ok(())
}

/// Passes over what nobody looks at.
pub(super) fn skip(stream: &mut dyn Read, bytes: u64) -> io::Result<()> {
    if io::copy(&mut stream.take(bytes), &mut io::sink())? < bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut short"));
    }
    Ok(())
}
