// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel images: which there are, and how the ELF file comes out of one for x86.
//!
//! A bzImage holds the packed ELF file behind its setup code, and its header says where
//! (`Documentation/arch/x86/boot.rst`, `payload_offset` and `payload_length`, since protocol 2.08). What is packed has
//! its section headers still. The images of other machines are bare memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::InputErrorKind;
use super::compression::Compression;
use crate::limits;

/// Bytes of a file's start that tell what it is.
pub(super) const START_BYTES: usize = 0x250;

/// What a file's first bytes make of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// An x86 image; where its packed ELF file stands.
    Bz {
        /// In bytes.
        offset: u64,
        /// In bytes.
        len: u64,
    },
    /// An image that nothing can be read from, and of what.
    Bare(&'static str),
}

/// Tells a kernel image.
pub(super) fn image(start: &[u8]) -> Option<Image> {
    if start.starts_with(b"\x7fELF") {
        // What else it looks like, an ELF file is read as one: there is room for any magic number in it.
        return None;
    }
    let at = |offset: usize, magic: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if at(0x1fe, &[0x55, 0xaa]) && at(0x202, b"HdrS") {
        return bz(start).or(Some(Image::Bare("an x86 kernel image of a boot protocol before 2.08")));
    }
    let bare = [
        (4, b"zimg".as_slice(), "a packed EFI kernel image, which keeps no section headers"),
        (0x38, b"ARM\x64", "an arm64 kernel image, which keeps no section headers"),
        (0x38, b"RSC\x05", "a riscv kernel image, which keeps no section headers"),
        (0x38, &[0xcd, 0x23, 0x82, 0x81], "an EFI kernel image, which keeps no section headers"),
        (0x24, &[0x18, 0x28, 0x6f, 0x01], "an arm kernel image, which keeps no section headers"),
        (8, &S390_START, "an s390 kernel image, which keeps no section headers"),
    ];
    bare.into_iter().find(|(offset, magic, _)| at(*offset, magic)).map(|(.., what)| Image::Bare(what))
}

/// The channel program that an s390 is started by (`arch/s390/boot/head.S:ipl_start`, 7.2).
const S390_START: [u8; 8] = [0x02, 0x00, 0x00, 0x18, 0x60, 0x00, 0x00, 0x50];

fn bz(start: &[u8]) -> Option<Image> {
    let number = |offset: usize| Some(u32::from_le_bytes(start.get(offset..offset + 4)?.try_into().ok()?));
    let version = start.get(0x206..0x208)?;
    if u16::from_le_bytes(version.try_into().ok()?) < 0x208 {
        return None;
    }
    // Zero sectors of setup code are four, and the boot sector comes on top.
    let sectors = match start.get(0x1f1)? {
        0 => 4,
        sectors => u64::from(*sectors),
    };
    let offset = (sectors + 1) * 512 + u64::from(number(0x248)?);
    Some(Image::Bz { offset, len: number(0x24c)?.into() })
}

/// The ELF file of an x86 image, still packed, and with what.
pub(super) fn packed(file: &File, offset: u64, len: u64) -> Result<(Compression, impl BufRead), InputErrorKind> {
    let mut start = [0; 6];
    file.read_exact_at(&mut start, offset)?;
    let (compression, len) = packing(&start, len)?;
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(offset))?;
    Ok((compression, BufReader::new(file.take(len))))
}

/// The ELF file of an image in memory; what is no image stays what it is.
pub(super) fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, InputErrorKind> {
    match image(&bytes) {
        None => Ok(bytes),
        Some(Image::Bare(what)) => Err(InputErrorKind::Untold(what)),
        Some(Image::Bz { offset, len }) => {
            let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
            let (compression, len) = packing(rest, len)?;
            let packed = usize::try_from(len).ok().and_then(|len| rest.get(..len)).unwrap_or(rest);
            Ok(compression.unpack(packed, limits::FILE_BYTES)?)
        }
    }
}

/// With what an ELF file is packed that begins so, and in how many bytes of those that an image's header tells.
fn packing(start: &[u8], len: u64) -> Result<(Compression, u64), InputErrorKind> {
    if len > limits::FILE_BYTES {
        return Err(InputErrorKind::TooLarge { len, limit: limits::FILE_BYTES });
    }
    let Some(compression) = Compression::of(start) else {
        return Err(InputErrorKind::Untold(match start {
            [b'B', b'Z', b'h', ..] => "an x86 kernel image packed with bzip2",
            [0x5d, 0, 0, ..] => "an x86 kernel image packed with lzma",
            [0x02, 0x21, 0x4c, 0x18, ..] => "an x86 kernel image packed with lz4",
            [0x89, b'L', b'Z', b'O', ..] => "an x86 kernel image packed with lzo",
            _ => "an x86 kernel image packed in a way that nobody knows",
        }));
    };
    // Behind all but gzip, which has it anyway, stands the unpacked size (`scripts/Makefile.lib:size_append`, 6.1).
    Ok((compression, if compression == Compression::Gzip { len } else { len.saturating_sub(4) }))
}
