// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compressions that a module is installed with (`scripts/Makefile.modinst`, 7.2), told by their first
//! bytes as the kernel and kmod do, and unpacked within limits.

use std::io::{self, Read};

use lzma_rust2::XzReader;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits;

/// What a module can be packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
    /// `.gz`
    Gzip,
}

/// Why something does not unpack.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The packed data is broken.
    #[error("broken {name} data: {reason}")]
    Broken {
        /// The compression.
        name: &'static str,
        /// What its decoder says.
        reason: String,
    },
    /// It goes on beyond the limit.
    #[error("unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Compression {
    /// The compression whose magic number a file starts with.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// Unpacks all of `packed`; nothing may be left over behind it.
    pub fn unpack(self, packed: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
        match self {
            Self::Xz => {
                let size = lzma_rust2::xz_uncompressed_size(io::Cursor::new(packed)).unwrap_or(0);
                let reader = XzReader::new_mem_limit(packed, true, limits::XZ_MEMORY_KIB);
                self.read_all(reader, size, limit)
            }
            Self::Gzip => self.read_all(flate2::bufread::MultiGzDecoder::new(packed), 0, limit),
            Self::Zstd => self.unpack_zstd(packed, limit),
        }
    }

    /// Reads to the end, but never more than one byte beyond the limit. `size` is what the packed data
    /// claims; it only sets how much is set aside at first.
    fn read_all(self, reader: impl Read, size: u64, limit: u64) -> Result<Vec<u8>, UnpackError> {
        let mut unpacked = Vec::new();
        let claimed = usize::try_from(size.min(limit)).unwrap_or(0);
        // One byte more than claimed, so that the read that finds the end needs no larger buffer.
        unpacked.try_reserve_exact(claimed.saturating_add(1)).map_err(|_| self.broken("its size is absurd"))?;
        let read = reader.take(limit.saturating_add(1)).read_to_end(&mut unpacked);
        read.map_err(|error| self.broken(&error.to_string()))?;
        if unpacked.len() as u64 > limit {
            return Err(UnpackError::TooLarge { limit });
        }
        Ok(unpacked)
    }

    /// The decoder checks no frame's checksum by itself, and stops behind each frame.
    fn unpack_zstd(self, packed: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
        /// `ZSTD_MAGIC_SKIPPABLE_START` to `..._START | 0xf`, RFC 8878 section 3.1.2.
        const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;
        /// How much is decoded before the limit is looked at again, in bytes.
        const STEP: usize = 1 << 20;

        let mut rest = packed;
        let mut unpacked = Vec::new();
        while !rest.is_empty() {
            if let Some((&magic, behind)) = rest.split_first_chunk::<4>()
                && SKIPPABLE.contains(&u32::from_le_bytes(magic))
            {
                let skipped = behind
                    .split_first_chunk::<4>()
                    .and_then(|(&size, frame)| frame.get(usize::try_from(u32::from_le_bytes(size)).ok()?..));
                rest = skipped.ok_or_else(|| self.broken("a skippable frame is cut short"))?;
                continue;
            }
            let mut frame = FrameDecoder::new();
            frame.set_max_window_size(limits::ZSTD_WINDOW_BYTES);
            frame.reset(&mut rest).map_err(|error| self.broken(&error.to_string()))?;
            while !frame.is_finished() {
                frame
                    .decode_blocks(&mut rest, BlockDecodingStrategy::UptoBytes(STEP))
                    .map_err(|error| self.broken(&error.to_string()))?;
                frame.collect_to_writer(&mut unpacked).map_err(|error| self.broken(&error.to_string()))?;
                if unpacked.len() as u64 > limit {
                    return Err(UnpackError::TooLarge { limit });
                }
            }
            frame.collect_to_writer(&mut unpacked).map_err(|error| self.broken(&error.to_string()))?;
            if let Some(said) = frame.get_checksum_from_data()
                && frame.get_calculated_checksum() != Some(said)
            {
                return Err(self.broken("the checksum does not match"));
            }
        }
        if unpacked.len() as u64 > limit {
            return Err(UnpackError::TooLarge { limit });
        }
        Ok(unpacked)
    }

    fn broken(self, reason: &str) -> UnpackError {
        UnpackError::Broken { name: self.name(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LIMIT: u64 = 1 << 16;

    /// The same bytes in each compression.
    fn packed(bytes: &[u8]) -> [(Compression, Vec<u8>); 3] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).unwrap();
        let options = lzma_rust2::XzOptions::with_preset(6);
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        xz.write_all(bytes).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        [
            (Compression::Gzip, gzip.finish().unwrap()),
            (Compression::Xz, xz.finish().unwrap()),
            (Compression::Zstd, zstd),
        ]
    }

    #[test]
    fn unpacks_what_was_packed_and_tells_it_by_its_first_bytes() {
        let bytes: Vec<u8> = (0..5_000_u32).flat_map(u32::to_le_bytes).collect();
        for (compression, packed) in packed(&bytes) {
            assert_eq!(Compression::of(&packed), Some(compression));
            assert_eq!(compression.unpack(&packed, LIMIT).unwrap(), bytes);
            // Two in a row are one.
            let twice = compression.unpack(&packed.repeat(2), LIMIT).unwrap();
            assert_eq!(twice.len(), bytes.len() * 2, "{compression:?}");
        }
    }

    #[test]
    fn stops_at_the_limit_and_refuses() {
        let bytes = vec![0; 2 << 16];
        for (compression, packed) in packed(&bytes) {
            assert!(packed.len() < 10_000, "{compression:?}");
            let result = compression.unpack(&packed, LIMIT);
            assert!(matches!(result, Err(UnpackError::TooLarge { limit: LIMIT })), "{compression:?}");
            assert!(compression.unpack(&packed, 2 << 16).is_ok(), "{compression:?}");
        }
    }

    #[test]
    fn refuses_what_is_cut_short_changed_or_followed_by_something_else() {
        let bytes: Vec<u8> = (0..10_000_u32).flat_map(|number| (number * 7).to_le_bytes()).collect();
        for (compression, packed) in packed(&bytes) {
            let broken = |packed: &[u8]| match compression.unpack(packed, LIMIT) {
                Err(UnpackError::Broken { .. }) => {}
                other => panic!("{compression:?}: {:?}", other.map(|bytes| bytes.len())),
            };
            broken(&packed[..packed.len() - 1]);
            broken(&packed[..packed.len() / 2]);
            broken(&[packed.as_slice(), b"garbage behind it"].concat());
            let mut changed = packed.clone();
            let middle = changed.len() / 2;
            changed[middle] ^= 1;
            broken(&changed);
        }
    }

    #[test]
    fn a_zstd_checksum_counts_and_skippable_frames_are_skipped() {
        let [.., (zstd, packed)] = packed(b"some text that is worth a checksum");
        let mut wrong = packed.clone();
        *wrong.last_mut().unwrap() ^= 1;
        let error = zstd.unpack(&wrong, LIMIT).unwrap_err().to_string();
        assert_eq!(error, "broken zstd data: the checksum does not match");
        let skippable = [&0x184d_2a53_u32.to_le_bytes(), &5_u32.to_le_bytes(), b"12345".as_slice()].concat();
        assert!(zstd.unpack(&[skippable.clone(), packed, skippable].concat(), LIMIT).is_ok());
    }
}
