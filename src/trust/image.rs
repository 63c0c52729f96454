// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificates that a kernel image holds.
//!
//! They stand one after the other at `system_certificate_list`, and behind them how long they are together, and how long the
//! first is, which is the key that this kernel's modules are signed with (`certs/system_certificates.S`, since 5.11). No
//! name is left in an image to find them by. The list of revoked ones (`certs/revocation_certificates.S`, since 5.13) looks the
//! same but for the second length; others, for a self-test or for wireless, have none.

use std::collections::BTreeSet;

use memchr::memmem;

/// What the assembler aligns the parts to, in bytes: `.align 8` is eight bytes on some machines, two to the eighth on
/// others.
const ALIGNMENTS: [usize; 2] = [8, 256];

/// Longest certificate that is looked for, in bytes.
const CERTIFICATE_BYTES: usize = 16 << 10;

/// The certificates of an image's bytes; none if there is no list of them, or nobody can tell which of several it is.
pub(super) fn certificates(image: &[u8]) -> Vec<&[u8]> {
    let (mut certain, mut likely) = (Vec::new(), Vec::new());
    let mut walked = 0;
    for start in memmem::find_iter(image, &[0x30, 0x82]).filter(|start| start.is_multiple_of(ALIGNMENTS[0])) {
        // One that was walked over is a part of the row that was.
        if start < walked {
            continue;
        }
        let row = Row::at(image, start);
        walked = row.ends.last().copied().unwrap_or(start);
        for (list, is_certain) in row.lists(image) {
            if is_certain { certain.push(list) } else { likely.push(list) }
        }
    }
    for lists in [&mut certain, &mut likely] {
        lists.sort();
        lists.dedup();
    }
    match (certain.as_slice(), likely.as_slice()) {
        ([only], _) | ([], [only]) => only.clone(),
        _ => Vec::new(),
    }
}

/// Certificates one after the other.
struct Row {
    /// Where each begins.
    starts: Vec<usize>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Row {
    fn at(image: &[u8], start: usize) -> Self {
        let (mut starts, mut ends, mut at) = (Vec::new(), Vec::new(), start);
        while let Some(len) = image.get(at..).and_then(certificate_len) {
            starts.push(at);
            at += len;
            ends.push(at);
        }
        Self { starts, ends }
    }

    /// The lists in it: from one of its starts to one of its ends, with their length behind it; and whether the length of the
    /// first stands there, too.
    fn lists<'i>(&self, image: &'i [u8]) -> Vec<(Vec<&'i [u8]>, bool)> {
        let mut lists = Vec::new();
        for (last, end) in self.ends.iter().enumerate() {
            // Aligned from the list's start, which is itself aligned to as much.
            for (alignment, word) in ALIGNMENTS
                .into_iter()
                .flat_map(|alignment| words(image, *end, alignment).map(move |word| (alignment, word)))
            {
                let start = usize::try_from(word.number).ok().and_then(|len| end.checked_sub(len));
                let Some(first) = start.and_then(|start| self.starts.binary_search(&start).ok()) else { continue };
                let (starts, ends) = (self.starts.get(first..=last), self.ends.get(first..=last));
                let (Some(starts), Some(ends)) = (starts, ends) else { continue };
                let list: Vec<_> = starts.iter().zip(ends).filter_map(|(start, end)| image.get(*start..*end)).collect();
                let first_len = list.first().map_or(0, |first| first.len() as u64);
                let is_certain = word.next(image, alignment).contains(&first_len);
                lists.push((list, is_certain));
            }
        }
        // A number of 64 bits is one of 32 bits, too, on machines of one byte order.
        let mut seen = BTreeSet::new();
        lists.sort_by_key(|(_, is_certain)| !is_certain);
        lists.retain(|(list, _)| seen.insert((list.first().map_or(0, |first| first.as_ptr().addr()), list.len())));
        lists
    }
}

/// The length of a certificate that begins here: a `SEQUENCE` with a length of two bytes, in which another one begins.
fn certificate_len(bytes: &[u8]) -> Option<usize> {
    let &[0x30, 0x82, high, low, 0x30, 0x81 | 0x82, ..] = bytes else { return None };
    let len = usize::from(u16::from_be_bytes([high, low])) + 4;
    (len <= CERTIFICATE_BYTES && len <= bytes.len()).then_some(len)
}

/// A number behind a list.
struct Word {
    number: u64,
    at: usize,
}

impl Word {
    /// What the word behind it may be.
    fn next(&self, image: &[u8], alignment: usize) -> [u64; 4] {
        readings(image, (self.at + 4).next_multiple_of(alignment)).unwrap_or_default()
    }
}

/// What the aligned word behind a list may be, as a number of any machine; none if something else than zeros fills the gap.
fn words(image: &[u8], end: usize, alignment: usize) -> impl Iterator<Item = Word> {
    let at = end.next_multiple_of(alignment);
    let zeros = image.get(end..at).is_some_and(|padding| padding.iter().all(|byte| *byte == 0));
    let numbers = readings(image, at).filter(|_| zeros);
    numbers.into_iter().flatten().map(move |number| Word { number, at })
}

/// A word as a number of 64 and of 32 bits in either byte order.
fn readings(image: &[u8], at: usize) -> Option<[u64; 4]> {
    let word: [u8; 8] = image.get(at..at + 8)?.try_into().ok()?;
    let [a, b, c, d, ..] = word;
    let short = [a, b, c, d];
    Some([
        u64::from_le_bytes(word),
        u64::from_be_bytes(word),
        u32::from_le_bytes(short).into(),
        u32::from_be_bytes(short).into(),
    ])
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

    #[test]
    fn takes_no_list_of_revoked_ones() {
        let (system, revoked) = ([certificate(477)], [certificate(600), certificate(700)]);
        let of_system = |behind: u64| [477_u64.to_le_bytes(), behind.to_le_bytes()].concat();
        let of_revoked = [1300_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat();
        let both = [image(&system, 8, &of_system(477)), image(&revoked, 8, &of_revoked)].concat();
        assert_eq!(certificates(&both), system);
        let both = [image(&revoked, 256, &of_revoked), image(&system, 8, &of_system(477))].concat();
        assert_eq!(certificates(&both), system);
        // Without the second length nobody can tell.
        let neither = [image(&system, 8, &of_system(0)), image(&revoked, 8, &of_revoked)].concat();
        assert!(certificates(&neither).is_empty());
    }

    #[test]
    fn what_only_looks_like_certificates_costs_nothing() {
        let rows = [0x30, 0x82, 0, 4, 0x30, 0x82, 0, 4].repeat(1 << 20);
        assert!(certificates(&rows).is_empty());
    }
}
