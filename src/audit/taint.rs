// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel says of itself or of a module that it has loaded: taint (`kernel/panic.c:taint_flags`, 7.2;
//! `Documentation/admin-guide/tainted-kernels.rst`).

use std::fmt;

/// One kind of taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Its bit in `/proc/sys/kernel/tainted`.
    pub bit: u8,
    /// Its letter in `/proc/modules`, in `/sys/module/NAME/taint` and in an oops.
    pub letter: char,
    /// What it says, after "tainted by".
    pub says: &'static str,
    /// Whether a module can be the cause of it.
    pub of_modules: bool,
}

const fn kind(bit: u8, letter: char, says: &'static str, of_modules: bool) -> Kind {
    Kind { bit, letter, says, of_modules }
}

/// All kinds that a kernel from 5.10 to 7.2 knows.
pub const KINDS: [Kind; 20] = [
    kind(0, 'P', "proprietary module", true),
    kind(1, 'F', "module that was loaded by force", true),
    kind(2, 'S', "processor out of specification", false),
    kind(3, 'R', "module that was unloaded by force", true),
    kind(4, 'M', "machine check exception", false),
    kind(5, 'B', "bad page", false),
    kind(6, 'U', "user space that asked for it", false),
    kind(7, 'D', "kernel that died before", false),
    kind(8, 'A', "ACPI table that was replaced", false),
    kind(9, 'W', "warning that was issued before", false),
    kind(10, 'C', "staging driver", true),
    kind(11, 'I', "workaround for the firmware", false),
    kind(12, 'O', "out-of-tree module", true),
    kind(13, 'E', "unsigned module", true),
    kind(14, 'L', "soft lockup", false),
    kind(15, 'K', "live patch", true),
    kind(16, 'X', "flag of the distribution's own", true),
    kind(17, 'T', "kernel with randomised structures", false),
    kind(18, 'N', "test, or a module that SUSE does not support", true),
    kind(19, 'J', "fwctl command that changes the device", false),
];

/// Some kinds of taint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taint {
    kinds: Vec<Kind>,
    /// Bits that no kernel that is known here sets.
    others: u64,
    /// Letters that no kernel that is known here writes: of a later one, or of a distribution's own.
    letters: String,
}

impl Taint {
    /// Reads `/proc/sys/kernel/tainted`: a number in decimal.
    #[must_use]
    pub fn of_bits(text: &str) -> Option<Self> {
        let bits: u64 = text.trim().parse().ok()?;
        let is_set = |kind: &&Kind| bits >> kind.bit & 1 == 1;
        let known = KINDS.iter().fold(0, |known, kind| known | 1 << kind.bit);
        let kinds = KINDS.iter().filter(is_set).copied().collect();
        Some(Self { kinds, others: bits & !known, letters: String::new() })
    }

    /// Reads the letters of a module (`kernel/module/main.c:module_flags_taint`, 7.2).
    #[must_use]
    pub fn of_letters(text: &str) -> Self {
        let mut taint = Self::default();
        for letter in text.trim().chars() {
            match KINDS.iter().find(|kind| kind.letter == letter) {
                Some(kind) => taint.kinds.push(*kind),
                None => taint.letters.push(if letter.is_ascii_graphic() { letter } else { '?' }),
            }
        }
        taint.kinds.sort_unstable();
        taint.kinds.dedup();
        taint
    }

    /// The kinds, by their bits.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.others == 0 && self.letters.is_empty()
    }

    /// Whether there is this one.
    #[must_use]
    pub fn has(&self, letter: char) -> bool {
        self.kinds.iter().any(|kind| kind.letter == letter)
    }

    /// The letters of it.
    #[must_use]
    pub fn letters(&self) -> String {
        self.kinds.iter().map(|kind| kind.letter).chain(self.letters.chars()).collect()
    }
}

/// `P (proprietary module), O (out-of-tree module)`
impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.kinds.iter().map(|Kind { letter, says, .. }| format!("{letter} ({says})"));
        let others = (self.others != 0).then(|| format!("bits that are not known ({:#x})", self.others));
        let letters = (!self.letters.is_empty()).then(|| format!("letters that are not known ({})", self.letters));
        f.write_str(&kinds.chain(others).chain(letters).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_letters_are_told_apart() {
        let taint = Taint::of_bits("12289\n").unwrap();
        assert_eq!(taint.letters(), "POE");
        assert_eq!(taint.to_string(), "P (proprietary module), O (out-of-tree module), E (unsigned module)");
        assert_eq!(Taint::of_letters("POE\n"), taint);
        assert!(Taint::of_bits("0").unwrap().is_empty());
        assert_eq!(Taint::of_bits("1073741824").unwrap().to_string(), "bits that are not known (0x40000000)");
        for not in ["", "x", "-1", "99999999999999999999"] {
            assert_eq!(Taint::of_bits(not), None, "{not:?}");
        }
        assert!(Taint::of_letters("").is_empty());
        let later = Taint::of_letters("Op\u{1b}");
        assert_eq!(
            (later.letters().as_str(), later.to_string().as_str()),
            ("Op?", "O (out-of-tree module), letters that are not known (p?)")
        );
    }

    #[test]
    fn each_kind_has_its_place() {
        for (bit, kind) in KINDS.iter().enumerate() {
            assert_eq!(usize::from(kind.bit), bit);
            assert_eq!(KINDS.iter().filter(|other| other.letter == kind.letter).count(), 1, "{}", kind.letter);
        }
    }
}
