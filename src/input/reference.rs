// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a file to what a kernel exports: a `Module.symvers`, or a kernel image.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::read::ReadCache;

use super::collect::{Ending, Format, format_of, module_ending};
use super::compression::{Compression, UnpackError};
use super::door;
use super::kernel_image::{self, Image, START_BYTES};
use super::package::{Choice, DEB_MAGIC, Member, RPM_MAGIC, chosen};
use super::read::{caught, unpacked};
use super::{InputError, InputErrorKind};
use crate::exports::Reference;
use crate::module::bytes::PositionedFile;
use crate::module::elf::Elf;
use crate::module::{Bytes, ModuleFacts};
use crate::symvers::Symvers;
use crate::{limits, text, vmlinux};

/// Reads a `Module.symvers`, a kernel image, or a package that holds one.
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
            None if start.starts_with(&DEB_MAGIC) => of_package(Format::Deb, path),
            None if start.starts_with(&RPM_MAGIC) => of_package(Format::Rpm, path),
            None if start.starts_with(b"\x7fELF") => {
                let cache = ReadCache::new(PositionedFile::new(file, meta.len()));
                kernel_exports(Bytes::in_file(&cache))
            }
            // As Fedora and others install it with a kernel.
            None if Compression::of(&start).is_some() => read_packed_symvers(file),
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

/// What a package of a kernel's headers (or of the kernel itself, as Fedora has it) tells, or else the kernel image in one.
fn of_package(format: Format, path: &Path) -> Result<Reference, InputErrorKind> {
    let (mut tables, mut images) = (Vec::new(), Vec::new());
    let choose = |name: &str| if told_by(name).is_some() { Choice::Take } else { Choice::Pass };
    let mut visit = |member: Member| match told_by(&member.name) {
        Some(Told::Symvers) => tables.push(member),
        Some(Told::Image) => images.push(member),
        None => {}
    };
    chosen(format, &mut door::file(path)?.0, &choose, &mut visit)?;
    let Some(table) = only(tables, "Module.symvers")? else {
        let image = only(images, "kernel image")?.ok_or(InputErrorKind::NoReference)?;
        let image = kernel_image::unpacked(image)?;
        return kernel_exports(Bytes::in_memory(&image));
    };
    Ok(Reference::Symvers(Symvers::parse(unpacked(table)?)?))
}

/// Whether there is a `Module.symvers` in a package, of a kernel of any version or of this one, which a folder above it is called
/// after. An image in one takes long to look for.
pub(crate) fn tells_exports(package: &Path, version: Option<&str>) -> bool {
    let found = Cell::new(false);
    let is_of = |folder: &str, version: &str| {
        folder.strip_suffix(version).is_some_and(|before| before.is_empty() || before.ends_with('-'))
    };
    let choose = |name: &str| match told_by(name) {
        Some(Told::Symvers) if version.is_none_or(|version| name.split('/').any(|folder| is_of(folder, version))) => {
            found.set(true);
            Choice::Stop
        }
        _ => Choice::Pass,
    };
    look_through(package, &choose, &mut |_| {});
    found.get()
}

/// The version of the kernel that the first module of a package says it is for (`vermagic`).
pub(crate) fn kernel_version_of(package: &Path) -> Option<String> {
    let (found, is_done) = (RefCell::new(None), Cell::new(false));
    let choose = |name: &str| match (is_done.get(), module_ending(name)) {
        (true, _) => Choice::Stop,
        (false, Ending::Module) => Choice::Take,
        (false, _) => Choice::Pass,
    };
    let mut visit = |member: Member| {
        is_done.set(true);
        let read = || Ok(ModuleFacts::read(Bytes::in_memory(&unpacked(member.bytes?)?))?);
        let facts = caught(read).ok();
        *found.borrow_mut() = facts.and_then(|facts| facts.kernel().map(str::to_owned));
    };
    look_through(package, &choose, &mut visit);
    found.into_inner()
}

/// Looks at the names in a package; what can't be read of it is told when it is judged.
fn look_through(package: &Path, choose: &dyn Fn(&str) -> Choice, visit: &mut dyn FnMut(Member)) {
    let look = || match format_of(package)? {
        Some(format) => chosen(format, &mut door::file(package)?.0, choose, visit),
        None => Ok(()),
    };
    let _ = caught(look);
}

/// What a file in a package tells of a kernel's exports.
enum Told {
    Symvers,
    Image,
}

/// By its path: `usr/src/linux-headers-VERSION/Module.symvers`, `lib/modules/VERSION/symvers.xz`, `boot/vmlinuz-VERSION`.
fn told_by(path: &str) -> Option<Told> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "Module.symvers" | "symvers" | "symvers.gz" | "symvers.xz" | "symvers.zst" => Some(Told::Symvers),
        _ if name.starts_with("vmlinuz") => Some(Told::Image),
        _ => None,
    }
}

/// The bytes of the only one of several files; those of one content are one.
fn only(members: Vec<Member>, what: &'static str) -> Result<Option<Vec<u8>>, InputErrorKind> {
    let (mut first, mut names) = (None, Vec::new());
    for Member { name, bytes } in members {
        let bytes = bytes?;
        if first.as_ref().is_none_or(|first| *first != bytes) {
            names.push(name);
        }
        first.get_or_insert(bytes);
    }
    if names.len() > 1 { Err(InputErrorKind::Several { what, names: text::list(&names) }) } else { Ok(first) }
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

fn read_packed_symvers(file: File) -> Result<Reference, InputErrorKind> {
    let mut packed = Vec::new();
    file.take(limits::SYMVERS_BYTES).read_to_end(&mut packed)?;
    let text = match Compression::of(&packed) {
        Some(compression) => compression.unpack(&packed, limits::SYMVERS_BYTES)?,
        None => packed,
    };
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
