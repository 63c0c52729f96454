// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages; what is no `ar` archive, as the files of one, with checksums that are right, because none is hit by
//! chance.
#![no_main]

use symgate::input::Format;
use symgate_fuzz::packages;

/// An `ar` archive up to the size of its last member.
const BEFORE: &str = "!<arch>\n\
    debian-binary   0           0     0     100644  4         `\n2.0\n\
    data.tar        0           0     0     100644  ";

/// Length of a header and of a piece of content.
const BLOCK: usize = 512;

/// Where a header's checksum stands.
const CHECKSUM: std::ops::Range<usize> = 148..156;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"!<arch>\n") {
        return packages::read(Format::Deb, bytes);
    }
    let mut files = bytes.to_vec();
    // Every block: one that is content has other bytes than it would have, and is no worse for it.
    for block in files.chunks_exact_mut(BLOCK).filter(|block| block.iter().any(|byte| *byte != 0)) {
        block[CHECKSUM].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    let header = format!("{BEFORE}{:<10}`\n", files.len());
    packages::read(Format::Deb, &[header.as_bytes(), &files].concat());
});
