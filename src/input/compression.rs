// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compressions that a module is installed with (`scripts/Makefile.modinst`, 7.2), told by their first
//! bytes as the kernel and kmod do, and unpacked within limits.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use lzma_rust2::XzReader;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits;

/// Bytes that are set aside first for what does not claim a size.
const FIRST_BYTES: u64 = 1 << 16;

/// Most bytes that are taken at once from a Zstandard frame.
const ZSTD_STEP_BYTES: usize = 1 << 20;

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

/// How many of the streams or frames that stand in a row are unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Streams {
    One,
    All,
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
        self.check_start(packed).map_err(|reason| self.broken(reason))?;
        let claimed = match self {
            Self::Xz => lzma_rust2::xz_uncompressed_size(io::Cursor::new(packed)).unwrap_or(0),
            Self::Zstd | Self::Gzip => 0,
        };
        // What claims to be larger is refused for it, whether it tells the truth or not.
        let most = limit.min(most_of(packed.len() as u64));
        if claimed > most {
            return Err(UnpackError::TooLarge { limit: most });
        }
        let mut unpacked = Vec::new();
        let mut reader = self.bounded(packed, limit);
        // One byte more than claimed, so that the read that finds the end needs no larger buffer.
        let mut room = if claimed == 0 { FIRST_BYTES } else { claimed.min(limits::SMALL_BYTES) + 1 };
        loop {
            let more = usize::try_from(room).unwrap_or(usize::MAX);
            unpacked.try_reserve_exact(more).map_err(|_| self.broken("there is no memory for what it unpacks to"))?;
            let got = reader.by_ref().take(room).read_to_end(&mut unpacked);
            match (got, reader.exceeded) {
                (_, Some(limit)) => return Err(UnpackError::TooLarge { limit }),
                (Err(error), None) => return Err(self.broken(&error.to_string())),
                (Ok(got), None) if got < more => return Ok(unpacked),
                // Twice as much, but never more than it takes to see that it is too much.
                (Ok(_), None) => room = (unpacked.len() as u64).min(limit.saturating_add(1) - unpacked.len() as u64),
            }
        }
    }

    /// Checks what the kernel takes differently from other readers: behind a gzip header it expects a name or nothing
    /// (`kernel/module/decompress.c:module_gzip_header_len`, `lib/decompress_inflate.c`, 7.2), so that what stands in any
    /// other field is data to it.
    pub fn check_start(self, start: &[u8]) -> Result<(), &'static str> {
        /// `FNAME` (RFC 1952, section 2.3.1).
        const NAME: u8 = 1 << 3;
        match (self, start.get(3)) {
            (Self::Gzip, Some(flags)) if flags & !NAME != 0 => {
                Err("its gzip header has fields that the kernel does not take for such")
            }
            _ => Ok(()),
        }
    }

    /// The same as [`bounded`](Self::bounded) for the first stream or frame alone; what follows it is left. The meter goes
    /// on counting from one to the next.
    pub fn bounded_one<'r>(self, packed: impl BufRead + 'r, limit: u64, meter: &Meter) -> Bounded<'r> {
        self.metered(packed, limit, meter, Streams::One)
    }

    /// Unpacks `packed` as it is read, and fails beyond `limit` bytes, or where a packed byte unpacks to more than any
    /// does that is no bomb. Several streams or frames in a row are one; anything else behind them is an error.
    pub fn bounded<'r>(self, packed: impl BufRead + 'r, limit: u64) -> Bounded<'r> {
        self.metered(packed, limit, &Meter::default(), Streams::All)
    }

    fn metered<'r>(self, packed: impl BufRead + 'r, limit: u64, meter: &Meter, streams: Streams) -> Bounded<'r> {
        let packed = Counted { inner: packed, meter: meter.clone() };
        Bounded { inner: self.decoder(packed, streams), limit, meter: meter.clone(), exceeded: None }
    }

    fn decoder<'r>(self, packed: impl BufRead + 'r, streams: Streams) -> Box<dyn Read + 'r> {
        match (self, streams) {
            (Self::Xz, _) => Box::new(XzReader::new_mem_limit(packed, streams == Streams::All, limits::XZ_MEMORY_KIB)),
            (Self::Gzip, Streams::One) => Box::new(flate2::bufread::GzDecoder::new(packed)),
            (Self::Gzip, Streams::All) => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            (Self::Zstd, _) => Box::new(ZstdReader { packed, frame: None, streams, is_done: false }),
        }
    }

    fn broken(self, reason: &str) -> UnpackError {
        UnpackError::Broken { name: self.name(), reason: reason.to_owned() }
    }
}

/// What so many packed bytes may unpack to, in bytes.
fn most_of(packed: u64) -> u64 {
    packed.saturating_mul(limits::RATIO).max(limits::SMALL_BYTES)
}

/// How much was unpacked from how much.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// Packed bytes that were taken.
    taken: Rc<Cell<u64>>,
    /// Unpacked bytes that were given.
    given: Rc<Cell<u64>>,
}

/// Counts what is taken of packed data.
struct Counted<R> {
    inner: R,
    meter: Meter,
}

impl<R> Counted<R> {
    fn count(&self, bytes: usize) {
        self.meter.taken.set(self.meter.taken.get().saturating_add(bytes as u64));
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.count(got);
        Ok(got)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count(amount);
        self.inner.consume(amount);
    }
}

/// What unpacks, up to a limit.
pub struct Bounded<'r> {
    inner: Box<dyn Read + 'r>,
    limit: u64,
    meter: Meter,
    /// The limit that was exceeded.
    exceeded: Option<u64>,
}

impl std::fmt::Debug for Bounded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").field("limit", &self.limit).field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.meter.given.set(self.meter.given.get().saturating_add(got as u64));
        let limit = self.limit.min(most_of(self.meter.taken.get()));
        if self.meter.given.get() > limit {
            self.exceeded = Some(limit);
            return Err(io::Error::other(format!("it unpacks to more than {limit} bytes")));
        }
        Ok(got)
    }
}

/// Zstandard frames, one after the other. The decoder checks no frame's checksum by itself, and stops behind each.
struct ZstdReader<R> {
    packed: R,
    frame: Option<FrameDecoder>,
    streams: Streams,
    is_done: bool,
}

impl<R: BufRead> ZstdReader<R> {
    /// Begins the next frame; there is none at the end of the input.
    fn next_frame(&mut self) -> io::Result<Option<FrameDecoder>> {
        /// `ZSTD_MAGIC_SKIPPABLE_START` to `..._START | 0xf`, RFC 8878 section 3.1.2.
        const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(None);
            }
            let mut magic = [0; 4];
            self.packed.read_exact(&mut magic)?;
            if !SKIPPABLE.contains(&u32::from_le_bytes(magic)) {
                let mut frame = FrameDecoder::new();
                frame.set_max_window_size(limits::ZSTD_WINDOW_BYTES);
                frame.reset(magic.as_slice().chain(&mut self.packed)).map_err(invalid)?;
                return Ok(Some(frame));
            }
            let mut size = [0; 4];
            self.packed.read_exact(&mut size)?;
            let size = u64::from(u32::from_le_bytes(size));
            if io::copy(&mut (&mut self.packed).take(size), &mut io::sink())? < size {
                return Err(invalid("a skippable frame is cut short"));
            }
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None if self.is_done => return Ok(0),
                None => match self.next_frame()? {
                    Some(frame) => self.frame.insert(frame),
                    None => return Ok(0),
                },
            };
            // What is decoded is read first: the decoder would keep all that is not, and a small read asks for a block.
            let got = frame.read(into)?;
            if got > 0 || into.is_empty() {
                return Ok(got);
            }
            if !frame.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(into.len().min(ZSTD_STEP_BYTES));
                frame.decode_blocks(&mut self.packed, some).map_err(invalid)?;
                continue;
            }
            let said = frame.get_checksum_from_data();
            if said.is_some() && said != frame.get_calculated_checksum() {
                return Err(invalid("the checksum does not match"));
            }
            self.frame = None;
            self.is_done = self.streams == Streams::One;
        }
    }
}

fn invalid(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{reason}"))
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
