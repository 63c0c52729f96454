// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which `MODULE_LICENSE` strings are compatible with the GPL.

/// The strings that `include/linux/license.h:license_is_gpl_compatible` (unchanged from 2.6 to 7.2)
/// compares with, to the letter.
const GPL_COMPATIBLE: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// Whether the kernel takes a module of this `MODULE_LICENSE` for GPL-compatible.
#[must_use]
pub fn is_gpl_compatible(license: &str) -> bool {
    GPL_COMPATIBLE.contains(&license)
}

#[cfg(test)]
mod tests {
    use super::is_gpl_compatible;

    #[test]
    fn is_exact() {
        for yes in super::GPL_COMPATIBLE {
            assert!(is_gpl_compatible(yes));
        }
        for no in ["", "gpl", "GPL ", "GPL v3", "GPLv2", "MIT", "Dual MIT/GPL\0", "Proprietary", "Linux-OpenIB"] {
            assert!(!is_gpl_compatible(no), "{no}");
        }
    }
}
