// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is packed: a limit is kept to the byte, and how the input comes in makes no difference.

use std::io::{BufReader, Read};

use symgate::input::{Compression, UnpackError};

/// Most bytes that may come out.
const LIMIT: u64 = 1 << 18;

/// Unpacks, within limits that fit, are one too small, or larger than needed.
pub fn unpack(compression: Compression, packed: &[u8]) {
    let unpacked = match compression.unpack(packed, LIMIT) {
        Ok(unpacked) => unpacked,
        Err(UnpackError::TooLarge { limit }) => return assert_eq!(limit, LIMIT),
        Err(UnpackError::Broken { .. }) => return,
    };
    let len = unpacked.len() as u64;
    assert!(len <= LIMIT, "{len} bytes came out");
    assert_eq!(compression.unpack(packed, len).ok().as_ref(), Some(&unpacked), "within just enough");
    if let Some(limit) = len.checked_sub(1) {
        let short = compression.unpack(packed, limit);
        assert!(matches!(short, Err(UnpackError::TooLarge { .. })), "within one byte less: {short:?}");
    }
    let mut trickled = Vec::new();
    let read = compression.bounded(BufReader::new(Trickle(packed)), LIMIT).read_to_end(&mut trickled);
    assert!(read.is_ok() && trickled == unpacked, "from a reader that gives a few bytes at a time: {read:?}");
}

/// Gives a few bytes at a time, as a pipe may.
pub struct Trickle<'d>(pub &'d [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = into.len().min(5);
        self.0.read(into.get_mut(..some).unwrap_or_default())
    }
}
