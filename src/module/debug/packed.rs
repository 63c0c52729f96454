// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two ways in which a section of debug info is packed: with a header that the ELF standard defines
//! (`SHF_COMPRESSED`), or as `.zdebug_*`, which came before.

use std::borrow::Cow;
use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::super::elf::{Class, Elf, Section};
use crate::limits;

/// Most bytes that are taken at once from a Zstandard frame.
const ZSTD_STEP_BYTES: usize = 1 << 20;

/// How a section's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Zlib,
    Zstd,
}

/// A section's bytes as they are in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'d> {
    bytes: &'d [u8],
    /// How they are packed, and how many there will be.
    packing: Option<(Packing, u64)>,
}

impl<'d> Packed<'d> {
    /// Reads how a section is packed. What it is to unpack to is bounded, too.
    pub(super) fn read(elf: &Elf<'d>, section: &Section<'d>) -> Result<Self, &'static str> {
        let data = elf.data(section);
        if data.len() as u64 != section.size() && section.size() > 0 {
            return Err("it has no bytes in the file");
        }
        let (bytes, packing, size) = if section.flags & object::elf::SHF_COMPRESSED.0 != 0 {
            Self::with_header(elf, data)
                .ok_or("its header of compression is cut short or of a kind that nobody knows")?
        } else if section.name.starts_with(b".zdebug") {
            let rest = data.strip_prefix(b"ZLIB").and_then(|rest| rest.split_first_chunk());
            let (size, rest) = rest.ok_or("its header of compression is cut short")?;
            (rest, Packing::Zlib, u64::from_be_bytes(*size))
        } else {
            return Ok(Self { bytes: data, packing: None });
        };
        if size > limits::SMALL_BYTES.max((bytes.len() as u64).saturating_mul(limits::RATIO)) {
            return Err("it unpacks to more than is read");
        }
        Ok(Self { bytes, packing: Some((packing, size)) })
    }

    /// Reads `Elf32_Chdr` or `Elf64_Chdr`.
    fn with_header(elf: &Elf<'d>, data: &'d [u8]) -> Option<(&'d [u8], Packing, u64)> {
        let packing = match object::elf::CompressionType(elf.u32_at(data, 0)?) {
            object::elf::ELFCOMPRESS_ZLIB => Packing::Zlib,
            object::elf::ELFCOMPRESS_ZSTD => Packing::Zstd,
            _ => return None,
        };
        let (size, header) = match elf.machine.class {
            Class::Elf32 => (u64::from(elf.u32_at(data, 4)?), 12),
            Class::Elf64 => (elf.u64_at(data, 8)?, 24),
        };
        Some((data.get(header..)?, packing, size))
    }

    /// How many bytes it has, or will have.
    pub(super) fn size(&self) -> u64 {
        self.packing.map_or(self.bytes.len() as u64, |(_, size)| size)
    }

    /// The bytes, unpacked.
    pub(super) fn unpack(&self) -> Result<Cow<'d, [u8]>, &'static str> {
        let Some((packing, size)) = self.packing else { return Ok(Cow::Borrowed(self.bytes)) };
        let size = usize::try_from(size).map_err(|_| "it unpacks to more than is read")?;
        let mut unpacked = Vec::new();
        unpacked.try_reserve_exact(size).map_err(|_| "there is no memory for what it unpacks to")?;
        match packing {
            Packing::Zlib => zlib(self.bytes, &mut unpacked),
            Packing::Zstd => zstd(self.bytes, &mut unpacked, size),
        }?;
        if unpacked.len() == size { Ok(Cow::Owned(unpacked)) } else { Err("it unpacks to another size than it says") }
    }
}

/// Unpacks into what is reserved, and no further.
fn zlib(packed: &[u8], unpacked: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut stream = Decompress::new(true);
    match stream.decompress_vec(packed, unpacked, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(()),
        Ok(_) => Err("it unpacks to another size than it says, or is cut short"),
        Err(_) => Err("its packed bytes are broken"),
    }
}

/// Unpacks frames up to a size.
fn zstd(mut packed: &[u8], unpacked: &mut Vec<u8>, size: usize) -> Result<(), &'static str> {
    const BROKEN: &str = "its packed bytes are broken";
    while !packed.is_empty() {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(limits::ZSTD_WINDOW_BYTES);
        frame.reset(&mut packed).map_err(|_| BROKEN)?;
        loop {
            let room = (size - unpacked.len()) as u64;
            // One byte more than there should be shows that there is more.
            let got = (&mut frame).take(room.saturating_add(1)).read_to_end(unpacked).map_err(|_| BROKEN)?;
            if got as u64 > room {
                return Err("it unpacks to another size than it says");
            }
            if frame.is_finished() && frame.can_collect() == 0 {
                break;
            }
            let some = BlockDecodingStrategy::UptoBytes(ZSTD_STEP_BYTES);
            frame.decode_blocks(&mut packed, some).map_err(|_| BROKEN)?;
        }
        let said = frame.get_checksum_from_data();
        if said.is_some() && said != frame.get_calculated_checksum() {
            return Err(BROKEN);
        }
    }
    Ok(())
}
