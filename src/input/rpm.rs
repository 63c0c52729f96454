// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages: a lead, a header of signatures, a header of tags, and a packed cpio archive
//! (`docs/manual/format_v4.md` of rpm 4.18). Of the headers only the lengths matter here.

use std::io::{self, BufRead};

use super::InputErrorKind;
use super::initramfs::archives;
use super::package::{Member, skip};

/// First bytes of a package.
pub(super) const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// Length of the lead, in bytes.
const LEAD_BYTES: u64 = 96;

/// First bytes of a header.
const HEADER_MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

/// Length of a header's fixed part, and of an entry of its index, in bytes.
const HEADER_PART: u64 = 16;

/// A signature's header is filled up to a multiple of this, in bytes.
const SIGNATURE_ALIGN: u64 = 8;

/// Gives every module of a package to `visit`, in the package's order.
pub(super) fn modules(stream: &mut dyn BufRead, visit: &mut dyn FnMut(Member)) -> Result<(), InputErrorKind> {
    let mut read = || -> io::Result<()> {
        skip(stream, LEAD_BYTES)?;
        let signature = skip_header(stream)?;
        skip(stream, signature.next_multiple_of(SIGNATURE_ALIGN) - signature)?;
        skip_header(stream)?;
        // One level of packing, and nothing but one archive in it.
        archives(stream, 1, visit)
    };
    read().map_err(|error| InputErrorKind::Package(error.to_string()))
}

/// Skips a header, and returns how long it was, in bytes.
fn skip_header(stream: &mut dyn BufRead) -> io::Result<u64> {
    let mut head = [0; 16];
    stream.read_exact(&mut head)?;
    let [m0, m1, m2, m3, _, _, _, _, entries @ .., d0, d1, d2, d3] = head;
    if [m0, m1, m2, m3] != HEADER_MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "there is no header where one has to be"));
    }
    let entries = u64::from(u32::from_be_bytes(entries));
    let data = u64::from(u32::from_be_bytes([d0, d1, d2, d3]));
    // Both are below 2^32, so that nothing here overflows.
    let rest = entries * HEADER_PART + data;
    skip(stream, rest)?;
    Ok(HEADER_PART + rest)
}
