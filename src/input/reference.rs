// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a file to what a kernel exports: a `Module.symvers`, or a kernel image.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::read::ReadCache;

use super::compression::{Compression, UnpackError};
use super::door;
use super::kernel_image::{self, Image, START_BYTES};
use super::read::caught;
use super::{InputError, InputErrorKind};
use crate::exports::Reference;
use crate::module::Bytes;
use crate::module::bytes::PositionedFile;
use crate::module::elf::Elf;
use crate::symvers::Symvers;
use crate::{limits, vmlinux};

/// Reads a `Module.symvers` or a kernel image.
pub fn read_reference(path: &Path) -> Result<Reference, InputError> {
    let read = || -> Result<Reference, InputErrorKind> {
        let (file, meta) = door::stream(path)?;
        // What comes through a pipe can't be looked at twice, and nobody pipes an image.
        let start = if meta.is_file() { start_of(&file)? } else { Vec::new() };
        match kernel_image::image(&start) {
            Some(Image::Bare(what)) => Err(InputErrorKind::Untold(what)),
            Some(Image::Bz { offset, len }) => {
                let (compression, mut image) = kernel_image::packed(&file, offset, len)?;
                let mut packed = Vec::new();
                image.read_to_end(&mut packed)?;
                let unpacked = compression.unpack(&packed, limits::FILE_BYTES)?;
                drop(packed);
                kernel_exports(Bytes::in_memory(&unpacked))
            }
            None if start.starts_with(b"\x7fELF") => {
                let cache = ReadCache::new(PositionedFile::new(file, meta.len()));
                kernel_exports(Bytes::in_file(&cache))
            }
            None => read_symvers(file, meta.len()),
        }
    };
    caught(read).map_err(|kind| InputError::new(path.display().to_string(), kind))
}

/// Reads the bytes of a file that may be a kernel image from start to end: unpacked where it is known how, else as they are.
pub(crate) fn read_image<T>(
    path: &Path,
    read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, InputErrorKind> {
    let (file, _) = door::small_file(path)?;
    let start = start_of(&file)?;
    let (compression, packed): (_, Box<dyn BufRead>) = match (kernel_image::image(&start), Compression::of(&start)) {
        (Some(Image::Bz { offset, len }), _) => {
            let (compression, packed) = kernel_image::packed(&file, offset, len)?;
            (compression, Box::new(packed))
        }
        // Some machines' images are packed as they are.
        (_, Some(compression)) => (compression, Box::new(BufReader::new(file.take(limits::FILE_BYTES)))),
        (_, None) => return Ok(read(&mut file.take(limits::FILE_BYTES))?),
    };
    let broken = |error: io::Error| UnpackError::Broken { name: compression.name(), reason: error.to_string() };
    Ok(read(&mut compression.bounded(packed, limits::FILE_BYTES)).map_err(broken)?)
}

fn kernel_exports(image: Bytes<'_>) -> Result<Reference, InputErrorKind> {
    Ok(Reference::Image(vmlinux::exports(&Elf::parse(image)?)?))
}

fn read_symvers(file: File, len: u64) -> Result<Reference, InputErrorKind> {
    // One more, by which its end is seen.
    let mut text = Vec::with_capacity(usize::try_from(len.min(limits::SYMVERS_BYTES)).unwrap_or(0) + 1);
    file.take(limits::SYMVERS_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limits::SYMVERS_BYTES {
        let len = len.max(text.len() as u64);
        return Err(InputErrorKind::TooLarge { len, limit: limits::SYMVERS_BYTES });
    }
    Ok(Reference::Symvers(Symvers::parse(text)?))
}

/// Whether a file is a kernel image, or linked as one is: no module is.
pub(super) fn is_image(file: &File, start: &[u8]) -> bool {
    let linked = || {
        let len = file.metadata().ok()?.len();
        let cache = ReadCache::new(PositionedFile::new(file.try_clone().ok()?, len));
        Some(Elf::parse(Bytes::in_file(&cache)).ok()?.is_linked())
    };
    kernel_image::image(start).is_some() || (start.starts_with(b"\x7fELF") && linked() == Some(true))
}

/// The first bytes of a file, from which it is told what it is. They stay to be read.
pub(super) fn start_of(file: &File) -> io::Result<Vec<u8>> {
    let mut start = vec![0; START_BYTES];
    let mut got = 0;
    while let Some(rest) = start.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, got as u64)? {
            0 => break,
            more => got += more,
        }
    }
    start.truncate(got);
    Ok(start)
}
