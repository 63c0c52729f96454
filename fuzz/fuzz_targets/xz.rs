// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is packed with xz; what has not its magic number, as the content of a block whose headers are good, because no
//! checksum is hit by chance.
#![no_main]

use symgate::input::Compression;
use symgate_fuzz::packed;

/// A stream's header, without a check of its content, and a block's: LZMA2 with a dictionary of 64 KiB.
const HEADERS: [u8; 24] = *b"\xfd7zXZ\0\0\0\xff\x12\xd9\x41\x02\0\x21\x01\x08\0\0\0\xd8\x0f\x23\x13";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if Compression::of(bytes) == Some(Compression::Xz) {
        packed::unpack(Compression::Xz, bytes);
    } else {
        packed::unpack(Compression::Xz, &[&HEADERS, bytes].concat());
    }
});
