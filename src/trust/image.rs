// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificates that a kernel image holds.
//!
//! They stand one after the other at `system_certificate_list`, and behind them how long they are together and how long the
//! first is, which is the key that this kernel's modules are signed with (`certs/system_certificates.S`, 7.2; up to 5.10 without
//! the latter). No name is left in an image to find them by, but nothing else looks like that: other certificates, for a
//! self-test or for wireless, have no such length behind them.

use memchr::memmem;

/// What the assembler aligns the parts to, in bytes: `.align 8` is eight bytes on some machines, two to the eighth on
/// others.
const ALIGNMENTS: [usize; 2] = [8, 256];

/// Longest certificate that is looked for, in bytes.
const CERTIFICATE_BYTES: usize = 16 << 10;

/// Most certificates of a list.
const CERTIFICATES: usize = 1 << 10;

/// The certificates of an image's bytes; none if there is no list of them.
pub(super) fn certificates(image: &[u8]) -> Vec<&[u8]> {
    let starts = memmem::find_iter(image, &[0x30, 0x82]).filter(|start| start.is_multiple_of(ALIGNMENTS[0]));
    let lists = starts.filter_map(|start| list(image.get(start..)?));
    lists.max_by_key(Vec::len).unwrap_or_default()
}

/// The list that these bytes begin with, if its length stands behind it.
fn list(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut certificates = Vec::new();
    let mut end = 0;
    let mut found = None;
    while let Some(certificate) = first(bytes.get(end..)?) {
        end += certificate.len();
        certificates.push(certificate);
        if certificates.len() > CERTIFICATES {
            break;
        }
        if is_length_behind(bytes, end) {
            found = Some(certificates.len());
        }
    }
    certificates.truncate(found?);
    Some(certificates)
}

/// A `SEQUENCE` with a length of two bytes, in which another one begins, as in each certificate.
fn first(bytes: &[u8]) -> Option<&[u8]> {
    let &[0x30, 0x82, high, low, 0x30, 0x82, ..] = bytes else { return None };
    let len = usize::from(u16::from_be_bytes([high, low])) + 4;
    bytes.get(..len).filter(|_| len <= CERTIFICATE_BYTES)
}

/// Whether the length of a list that ends here stands behind it, as a word of any machine.
fn is_length_behind(bytes: &[u8], end: usize) -> bool {
    ALIGNMENTS.iter().any(|alignment| {
        let padded = end.next_multiple_of(*alignment);
        let zeros = bytes.get(end..padded).is_some_and(|padding| padding.iter().all(|byte| *byte == 0));
        let word = bytes.get(padded..padded + 8).and_then(|word| <[u8; 8]>::try_from(word).ok());
        let len = end as u64;
        zeros
            && word.is_some_and(|word| {
                let [a, b, c, d, ..] = word;
                let short = [a, b, c, d];
                u64::from_le_bytes(word) == len
                    || u64::from_be_bytes(word) == len
                    || u64::from(u32::from_le_bytes(short)) == len
                    || u64::from(u32::from_be_bytes(short)) == len
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence of this many bytes that looks like a certificate.
    fn certificate(len: u16) -> Vec<u8> {
        let mut bytes = vec![0x30, 0x82];
        bytes.extend((len - 4).to_be_bytes());
        bytes.extend([0x30, 0x82]);
        bytes.resize(len.into(), 0xaa);
        bytes
    }

    fn image(certificates: &[Vec<u8>], alignment: usize, len: &[u8]) -> Vec<u8> {
        let mut image = vec![0x90; 512];
        image.extend(certificates.concat());
        image.resize(image.len().next_multiple_of(alignment), 0);
        image.extend(len);
        image.resize(image.len() + 64, 0x90);
        image
    }

    #[test]
    fn finds_the_list_by_the_length_behind_it() {
        let list = [certificate(477), certificate(1324), certificate(600)];
        for alignment in ALIGNMENTS {
            for len in [&2401_u64.to_le_bytes()[..], &2401_u64.to_be_bytes(), &[0x61, 9, 0, 0, 0, 0, 0, 0]] {
                let image = image(&list, alignment, len);
                assert_eq!(certificates(&image), list);
            }
        }
    }

    #[test]
    fn finds_nothing_without_it() {
        let list = [certificate(477), certificate(1324)];
        assert!(certificates(&image(&list, 8, &1802_u64.to_le_bytes())).is_empty());
        assert!(certificates(&image(&list, 8, &[])).is_empty());
        assert!(certificates(b"").is_empty());
        assert!(certificates(&certificate(477)).is_empty());
        // A certificate of something else before the list does not belong to it.
        let mut other = vec![0; 8];
        other.extend(certificate(800));
        other.extend([0; 16]);
        let whole = [other, image(&list, 8, &1801_u64.to_le_bytes())].concat();
        assert_eq!(certificates(&whole), list);
    }
}
