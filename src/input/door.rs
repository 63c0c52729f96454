// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one door to files: nothing else is opened, and nobody is waited for.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::InputErrorKind;
use crate::limits;

/// Opens a regular file.
pub(crate) fn file(path: &Path) -> Result<(File, Metadata), InputErrorKind> {
    // What it is comes first: to open a FIFO is to wait for its other end, and to open a device may do something.
    regular(fs::metadata(path)?.file_type())?;
    // A FIFO that has taken its place since is opened without waiting, and refused then.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    regular(meta.file_type())?;
    Ok((file, meta))
}

/// The same of one that is read as a whole: none is larger than that.
pub(super) fn small_file(path: &Path) -> Result<(File, Metadata), InputErrorKind> {
    let (file, meta) = file(path)?;
    if meta.len() > limits::FILE_BYTES {
        return Err(InputErrorKind::TooLarge { len: meta.len(), limit: limits::FILE_BYTES });
    }
    Ok((file, meta))
}

/// Opens what is read once, from its start to its end: a regular file, or a pipe of the caller's (`<(command)`,
/// `/dev/stdin`), which is waited for.
pub(super) fn stream(path: &Path) -> Result<(File, Metadata), InputErrorKind> {
    match pipe(path)? {
        Some(pipe) => Ok((File::open(by_descriptor(&pipe))?, pipe.metadata()?)),
        None => file(path),
    }
}

/// Whether a report can be written to what a path leads to, if it leads to anything: everything but a folder, and a
/// FIFO that may never be read.
pub(crate) fn takes_a_report(path: &Path) -> Result<(), InputErrorKind> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(InputErrorKind::NotAFile(describe(meta.file_type()))),
        Ok(meta) if meta.file_type().is_fifo() && pipe(path)?.is_none() => {
            Err(InputErrorKind::NotAFile(describe(meta.file_type())))
        }
        _ => Ok(()),
    }
}

/// A handle on a pipe that stands in no folder: whoever made it holds it open, so that to open it again waits for
/// nobody. A FIFO in a folder is none.
fn pipe(path: &Path) -> io::Result<Option<File>> {
    if !fs::metadata(path)?.file_type().is_fifo() {
        return Ok(None);
    }
    // A handle of this kind opens nothing, so that nobody is waited for here either.
    let handle = File::options().read(true).custom_flags(libc::O_PATH).open(path)?;
    let place = fs::read_link(by_descriptor(&handle));
    Ok(place.is_ok_and(|place| place.to_string_lossy().starts_with("pipe:[")).then_some(handle))
}

fn by_descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn regular(kind: FileType) -> Result<(), InputErrorKind> {
    if kind.is_file() { Ok(()) } else { Err(InputErrorKind::NotAFile(describe(kind))) }
}

/// What a thing in a folder is that is no file.
pub(super) fn describe(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "something else"
    }
}
