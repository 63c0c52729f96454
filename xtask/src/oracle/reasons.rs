// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reasons for which symgate and another reader may differ: all of them, each with its words. Where one is given
//! to a difference, what it speaks of has been checked.

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    NamespaceString,
    ModuleLayout,
}

impl Why {
    /// The reason in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NamespaceString => {
                "kmod takes every string of __ksymtab_strings for a symbol where no __crc_* says which are, so it \
                 lists namespaces as exports"
            }
            Self::ModuleLayout => {
                "__versions has the CRC of module_layout, which stands for struct module and is no import"
            }
        }
    }
}
