// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files that unpack to ten GiB, made without packing ten GiB: in all three formats what stands in a row unpacks to
//! what stands in a row, so that one piece is packed and then repeated.

use std::io::Write;
use std::sync::LazyLock;

use super::pack::pack;

/// What a bomb unpacks to, in bytes.
const BYTES: usize = 10 << 30;

/// Zeros that are packed once, in bytes.
const PIECE: usize = 1 << 20;

/// These bytes and ten GiB of zeros behind them, packed in the way of this ending.
pub(crate) fn bomb(start: &[u8], ending: &str) -> Vec<u8> {
    // Once for all tests: an encoder that is built like a test is slow.
    static ZEROS: [LazyLock<Vec<u8>>; 3] = [LazyLock::new(xz), LazyLock::new(zstd), LazyLock::new(gzip)];
    let [xz, zstd, gzip] = &ZEROS;
    let zeros = match ending {
        ".xz" => xz,
        ".zst" => zstd,
        ".gz" => gzip,
        other => panic!("{other} is no way to pack"),
    };
    let start = if start.is_empty() { Vec::new() } else { pack(start, ending) };
    [start.as_slice(), zeros].concat()
}

/// One stream after the other (xz-file-format 1.2.1, section 2: "one or more Streams").
fn xz() -> Vec<u8> {
    pack(&vec![0; PIECE], ".xz").repeat(BYTES / PIECE)
}

/// One member after the other (RFC 1952, section 2.2).
fn gzip() -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(&vec![0; PIECE]).expect("memory");
    writer.finish().expect("memory").repeat(BYTES / PIECE)
}

/// One frame of blocks that each say "this byte, so many times" (RFC 8878, section 3.1.1.2), written by hand: no encoder
/// packs as tightly.
fn zstd() -> Vec<u8> {
    /// Largest block, and the window that allows it: 2^(10 + 7) bytes.
    const BLOCK: usize = 128 << 10;
    const WINDOW: u8 = 7 << 3;
    /// `RLE_Block`, in the second and third bit of a block's header; the first is set in the last one.
    const RLE: usize = 1 << 1;
    let block = |last: usize| {
        let [a, b, c, ..] = (BLOCK << 3 | RLE | last).to_le_bytes();
        [a, b, c, 0]
    };
    // No checksum, no size, no dictionary.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW];
    frame.extend(block(0).repeat(BYTES / BLOCK - 1));
    frame.extend(block(1));
    frame
}
