// SPDX-License-Identifier: MIT OR Apache-2.0
//! The certificates that a kernel image holds.
//!
//! They stand one after the other at `system_certificate_list`, and behind them how long they are together, and how long the
//! first is, which is the key that this kernel's modules are signed with (`certs/system_certificates.S`, since 5.11). No
//! name is left in an image to find them by. The list of revoked ones (`certs/revocation_certificates.S`, since 5.13) looks the
//! same but for the second length; others, for a self-test or for wireless, have none.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::{Range, RangeInclusive};

use memchr::memmem;

/// What the assembler aligns the parts to, in bytes: `.align 8` is eight bytes on some machines, two to the eighth on
/// others.
const ALIGNMENTS: [usize; 2] = [8, 256];

/// How long a certificate can be, in bytes: a key and a signature alone take more than the least.
const CERTIFICATE_BYTES: RangeInclusive<usize> = 128..=16 << 10;

/// A certificate's place in a window, in bytes.
type Place = Range<usize>;

/// Bytes of an image that are searched at once.
const WINDOW_BYTES: usize = 4 << 20;

/// Longest list that is looked for, in bytes: so much of one window is searched again with the next.
const LIST_BYTES: usize = 256 << 10;

/// The certificates of an image; none if there is no list of them, or nobody can tell which of several it is. An image is
/// larger than all else that is read, so that only a window of it is held.
pub(super) fn certificates(mut image: impl Read) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Found::default();
    let (mut window, mut walked) = (Vec::new(), 0);
    loop {
        let wanted = WINDOW_BYTES - window.len();
        let got = image.by_ref().take(wanted as u64).read_to_end(&mut window)?;
        let is_last = got < wanted;
        // What begins further on is found whole in the next window.
        let end = if is_last { window.len() } else { WINDOW_BYTES - LIST_BYTES };
        walked = found.search(&window, walked, end);
        if is_last {
            return Ok(found.only());
        }
        // As aligned as the image is, since a window's start is.
        window.drain(..end);
        walked = walked.saturating_sub(end);
    }
}

/// The lists that were found.
#[derive(Debug, Default)]
struct Found {
    /// Those that the length of the first certificate stands behind, too.
    certain: BTreeSet<Vec<Vec<u8>>>,
    likely: BTreeSet<Vec<Vec<u8>>>,
}

impl Found {
    /// Takes the lists of the rows that begin in a window between two places. Returns the end of the last row.
    fn search(&mut self, window: &[u8], from: usize, to: usize) -> usize {
        let mut walked = from;
        for start in memmem::find_iter(window, &[0x30, 0x82]).filter(|start| start.is_multiple_of(ALIGNMENTS[0])) {
            // One that was walked over is a part of the row that was.
            if start < walked {
                continue;
            }
            if start >= to {
                break;
            }
            let row = Row::at(window, start);
            walked = row.0.last().map_or(start, |last| last.end);
            for (list, is_certain) in row.lists(window) {
                let lists = if is_certain { &mut self.certain } else { &mut self.likely };
                // Two are as many as any more.
                if lists.len() < 2 {
                    lists.insert(
                        list.iter().filter_map(|place| window.get(place.clone())).map(<[u8]>::to_vec).collect(),
                    );
                }
            }
        }
        walked
    }

    /// The one that can be told.
    fn only(self) -> Vec<Vec<u8>> {
        let lists = if self.certain.is_empty() { self.likely } else { self.certain };
        if lists.len() == 1 { lists.into_iter().flatten().collect() } else { Vec::new() }
    }
}

/// Certificates one after the other.
struct Row(Vec<Place>);

impl Row {
    fn at(image: &[u8], start: usize) -> Self {
        let (mut places, mut at) = (Vec::new(), start);
        while at - start < LIST_BYTES
            && let Some(len) = image.get(at..).and_then(certificate_len)
        {
            places.push(at..at + len);
            at += len;
        }
        Self(places)
    }

    /// The lists in it: from one of its starts to its end, with their length behind it; and whether the length of the first
    /// stands there, too.
    fn lists(&self, image: &[u8]) -> impl Iterator<Item = (&[Place], bool)> {
        let end = self.0.last().map(|last| last.end);
        // Aligned from the list's start, which is itself aligned to as much.
        let words = end.into_iter().flat_map(move |end| {
            ALIGNMENTS
                .into_iter()
                .flat_map(move |alignment| words(image, end, alignment).map(move |word| (end, alignment, word)))
        });
        words.filter_map(move |(end, alignment, word)| {
            let start = end.checked_sub(usize::try_from(word.number).ok()?)?;
            let first = self.0.binary_search_by_key(&start, |place| place.start).ok()?;
            let list = self.0.get(first..)?;
            Some((list, word.next(image, alignment).contains(&(list.first()?.len() as u64))))
        })
    }
}

/// The length of a certificate that begins here: a `SEQUENCE` with a length of two bytes, in which another one begins.
fn certificate_len(bytes: &[u8]) -> Option<usize> {
    let &[0x30, 0x82, high, low, 0x30, 0x81 | 0x82, ..] = bytes else { return None };
    let len = usize::from(u16::from_be_bytes([high, low])) + 4;
    (CERTIFICATE_BYTES.contains(&len) && len <= bytes.len()).then_some(len)
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

    fn certificates(image: &[u8]) -> Vec<Vec<u8>> {
        super::certificates(image).unwrap()
    }

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
    fn finds_it_wherever_a_window_ends() {
        let list = [certificate(477), certificate(1324)];
        let there = image(&list, 8, &1801_u64.to_le_bytes());
        for before in [LIST_BYTES, WINDOW_BYTES - LIST_BYTES, WINDOW_BYTES] {
            for less in [0, 8, 480, 1024, 2048, 4096, there.len().next_multiple_of(8)] {
                assert_eq!(
                    certificates(&[vec![0x90; before - less], there.clone()].concat()),
                    list,
                    "{before} - {less}"
                );
            }
        }
    }

    #[test]
    fn what_only_looks_like_certificates_costs_nothing() {
        let rows = [0x30, 0x82, 0, 4, 0x30, 0x82, 0, 4].repeat(1 << 20);
        assert!(certificates(&rows).is_empty());
        // Each one's start reads as the length of a list, 0x18230.
        let one = [&[0x30, 0x82, 1, 0, 0x30, 0x82][..], &[0; 254]].concat();
        assert!(certificates(&one.repeat(1 << 16)).is_empty());
    }
}
