// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one door to a module's bytes.
//!
//! An unpacked module is already in memory; a plain one is read piece by piece, because of a module's
//! bytes only a tenth decides anything. Both look the same from here on.

use std::fs::File;
use std::os::unix::fs::FileExt;

use object::read::{ReadCache, ReadCacheOps, ReadRef};

/// A file that is read at positions, so that no read moves another's place.
#[derive(Debug)]
pub struct PositionedFile {
    file: File,
    len: u64,
    position: u64,
}

impl PositionedFile {
    /// `len` is what the file's metadata said, in bytes; a file that has shrunk since fails to read.
    #[must_use]
    pub fn new(file: File, len: u64) -> Self {
        Self { file, len, position: 0 }
    }
}

impl ReadCacheOps for PositionedFile {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.position = position;
        Ok(position)
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ()> {
        let got = self.file.read_at(buf, self.position).map_err(|_| ())?;
        self.position = self.position.saturating_add(got as u64);
        Ok(got)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ()> {
        self.file.read_exact_at(buf, self.position).map_err(|_| ())?;
        self.position = self.position.saturating_add(buf.len() as u64);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Place<'d> {
    Memory(&'d [u8]),
    File(&'d ReadCache<PositionedFile>),
}

/// A module's bytes, with a length that reads may not pass.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'d> {
    place: Place<'d>,
    len: u64,
}

impl<'d> Bytes<'d> {
    /// Bytes that are already in memory.
    #[must_use]
    pub fn in_memory(bytes: &'d [u8]) -> Self {
        Self { place: Place::Memory(bytes), len: bytes.len() as u64 }
    }

    /// Bytes that are read from a file when they are asked for.
    #[must_use]
    pub fn in_file(cache: &'d ReadCache<PositionedFile>) -> Self {
        let len = cache.len().unwrap_or(0);
        Self { place: Place::File(cache), len }
    }

    /// Length in bytes.
    #[must_use]
    pub fn size(self) -> u64 {
        self.len
    }

    /// The same bytes, but none from `len` on.
    #[must_use]
    pub fn up_to(self, len: u64) -> Self {
        Self { len: self.len.min(len), ..self }
    }

    /// `size` bytes at `offset`, or nothing if they are not all there.
    #[must_use]
    pub fn get(self, offset: u64, size: u64) -> Option<&'d [u8]> {
        self.read_bytes_at(offset, size).ok()
    }
}

impl<'d> ReadRef<'d> for Bytes<'d> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'d [u8], ()> {
        let end = offset.checked_add(size).ok_or(())?;
        if end > self.len {
            return Err(());
        }
        match self.place {
            Place::Memory(bytes) => bytes.read_bytes_at(offset, size),
            Place::File(cache) => cache.read_bytes_at(offset, size),
        }
    }

    fn read_bytes_at_until(self, range: std::ops::Range<u64>, delimiter: u8) -> Result<&'d [u8], ()> {
        if range.end > self.len {
            return Err(());
        }
        match self.place {
            Place::Memory(bytes) => bytes.read_bytes_at_until(range, delimiter),
            Place::File(cache) => cache.read_bytes_at_until(range, delimiter),
        }
    }
}
