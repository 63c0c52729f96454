// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reasons for which symgate and another reader may differ: all of them, each with its words. Where one is given
//! to a difference, what it speaks of has been checked.

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    NamespaceString,
    ModuleLayout,
    DeviceTable,
    LocalUndefined,
    OwnExports,
    NoLicense,
    Family,
    Dash,
    Declared,
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
            Self::DeviceTable => {
                "modpost stumbles over device tables of finished modules (of 32-bit ARM, from 7.2 on), which no rule \
                 here is about; it is given copies without them"
            }
            Self::LocalUndefined => {
                "modpost passes over an undefined symbol that is bound locally; the loader resolves it, so it is an \
                 import, and SG013 says so besides"
            }
            Self::OwnExports => {
                "what is in no table any more is read from the module that exports it, where that is judged along with \
                 the others; modpost reads exports of objects only, not of finished modules"
            }
            Self::NoLicense => {
                "a module without a licence tag is not GPL-compatible to the loader; modpost only says that the tag is \
                 missing"
            }
            Self::Family => "what the policy makes userspace-gpl is GPL-only, whatever its class",
            Self::Declared => {
                "a list of modules that is declared as if it were a namespace is an error by itself; modpost then lets \
                 the module have what is on it, symgate does not"
            }
            Self::Dash => {
                "on a list of modules the loader takes a dash for an underscore, and so does symgate; modpost does not"
            }
        }
    }
}
