// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exports: what a kernel or a module offers to modules, and one table of who offers what.

mod distinct;
mod names;
pub mod table;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use names::Names;
pub use table::{Claim, ExportTable, Provided, Reference, VMLINUX};

/// The licence class of an export: which `EXPORT_SYMBOL` variant made it.
///
/// The first two exist in every kernel; the others went with 5.12 (`include/linux/export.h`, 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// `EXPORT_SYMBOL`: for every module.
    Plain,
    /// `EXPORT_SYMBOL_GPL`: for GPL-compatible modules only.
    Gpl,
    /// `EXPORT_SYMBOL_GPL_FUTURE`: plain with a warning.
    GplFuture,
    /// `EXPORT_UNUSED_SYMBOL`
    Unused,
    /// `EXPORT_UNUSED_SYMBOL_GPL`
    UnusedGpl,
}

impl Class {
    /// Whether the loader refuses it to a module that is not GPL-compatible.
    #[must_use]
    pub fn is_gpl_only(self) -> bool {
        matches!(self, Self::Gpl | Self::UnusedGpl)
    }

    /// The fourth column of `Module.symvers`.
    #[must_use]
    pub fn symvers_type(self) -> &'static str {
        match self {
            Self::Plain => "EXPORT_SYMBOL",
            Self::Gpl => "EXPORT_SYMBOL_GPL",
            Self::GplFuture => "EXPORT_SYMBOL_GPL_FUTURE",
            Self::Unused => "EXPORT_UNUSED_SYMBOL",
            Self::UnusedGpl => "EXPORT_UNUSED_SYMBOL_GPL",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Gpl => "gpl",
            Self::GplFuture => "gpl-future",
            Self::Unused => "unused",
            Self::UnusedGpl => "unused-gpl",
        })
    }
}

/// The sections of export tables that any kernel has had, with those of their CRCs and what they make of an export.
pub const TABLES: [(&str, &str, Class); 5] = [
    ("__ksymtab", "__kcrctab", Class::Plain),
    ("__ksymtab_gpl", "__kcrctab_gpl", Class::Gpl),
    ("__ksymtab_gpl_future", "__kcrctab_gpl_future", Class::GplFuture),
    ("__ksymtab_unused", "__kcrctab_unused", Class::Unused),
    ("__ksymtab_unused_gpl", "__kcrctab_unused_gpl", Class::UnusedGpl),
];

/// `EXPORT_SYMBOL_USERSPACE_GPL` in `Module.symvers`.
pub const USERSPACE_GPL_TYPE: &str = "EXPORT_SYMBOL_USERSPACE_GPL";

/// The licence that `EXPORT_SYMBOL_USERSPACE_GPL` puts into `.export_symbol`, where others put `GPL`.
pub const USERSPACE_GPL_LICENCE: &str = "USERSPACE_GPL";

/// The namespace that makes an export userspace-gpl with no help from modpost or the loader.
pub const USERSPACE_GPL_NAMESPACE: &str = "USERSPACE_GPL";

/// `KSYM_FLAG_GPL_ONLY` (`include/linux/module_symbol.h`, 7.2).
pub const KSYM_FLAG_GPL_ONLY: u8 = 1;

/// One export, by whoever it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The symbol.
    pub name: Box<str>,
    /// Its licence class.
    pub class: Class,
    /// Its namespace, a `module:` list included; none if the field is empty.
    pub namespace: Option<Box<str>>,
    /// Its version CRC; none if the kernel has no `CONFIG_MODVERSIONS`.
    pub crc: Option<u32>,
    /// Its byte of `__kflagstab`, where the provider has that section.
    pub flags: Option<u8>,
    /// Whether `Module.symvers` says `EXPORT_SYMBOL_USERSPACE_GPL`.
    pub declared_userspace_gpl: bool,
}

impl Export {
    /// Under which terms it is offered: its kind, and its namespace if it has one.
    #[must_use]
    pub fn terms(&self) -> String {
        let kind = self.symvers_type();
        match &self.namespace {
            Some(namespace) => format!("{kind}, namespace {namespace}"),
            None => kind.to_owned(),
        }
    }

    /// Whether more modules may have it than the other: by its licence class, or because no namespace is asked for.
    #[must_use]
    pub fn is_looser_than(&self, other: &Self) -> bool {
        (other.class.is_gpl_only() && !self.class.is_gpl_only())
            || (other.namespace.is_some() && self.namespace.is_none())
    }

    /// Whether it is looser than the other, or of no tier where the other is of one by its own word.
    #[must_use]
    pub fn is_more_open_than(&self, other: &Self) -> bool {
        self.is_looser_than(other) || (other.is_of_the_tier() && !self.is_of_the_tier())
    }

    /// Whether it says itself that it is userspace-gpl, by its type or its namespace.
    #[must_use]
    pub fn is_of_the_tier(&self) -> bool {
        self.declared_userspace_gpl || self.namespace.as_deref() == Some(USERSPACE_GPL_NAMESPACE)
    }

    /// The fourth column of `Module.symvers`.
    #[must_use]
    pub fn symvers_type(&self) -> &'static str {
        if self.declared_userspace_gpl { USERSPACE_GPL_TYPE } else { self.class.symvers_type() }
    }
}
