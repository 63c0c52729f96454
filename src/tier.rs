// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far an export is open: its tier, and the family that makes it userspace-gpl.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use serde::Serialize;

use crate::allowlist::{Family, Policy};
use crate::exports::{Class, Export, ExportTable, KSYM_FLAG_GPL_ONLY, Provided, USERSPACE_GPL_TYPE};

/// How far an export is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// For every module.
    Plain,
    /// For GPL-compatible modules.
    Gpl,
    /// For modules with an approved open userspace.
    UserspaceGpl,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Gpl => "gpl",
            Self::UserspaceGpl => "userspace-gpl",
        })
    }
}

/// A symbol's place among the families, as the policy and the export itself have it.
#[derive(Debug, Clone)]
pub struct Membership<'p> {
    /// `dma-buf`, `p2pdma`, ..., or `native:PROVIDER`.
    pub family: Cow<'p, str>,
    /// Whether the symbol gives access; one that only lets go or asks does not.
    pub acquires: bool,
    /// Whether the family is only to be seen, not judged.
    pub watch_only: bool,
    /// The policy's entry; none for a native export that no policy names.
    pub entry: Option<&'p Family>,
}

impl Membership<'_> {
    /// Whether the symbol gives access to a family that is judged.
    #[must_use]
    pub fn gives_access(&self) -> bool {
        self.acquires && !self.watch_only
    }
}

/// Finds the family of a symbol; `provided` is who exports it, where that is known.
///
/// A symbol that is native and in no family acquires: whoever declared it so meant all of it.
#[must_use]
pub fn membership<'p>(policy: &'p Policy, symbol: &str, provided: Option<&Provided>) -> Option<Membership<'p>> {
    known(policy, symbol, provided).membership(policy, symbol, provided)
}

/// The memberships of the exports of a table, each looked up among the families when it is asked for first: so that a symbol that
/// four thousand modules import is looked up once, and for one module only what that imports.
#[derive(Debug)]
pub struct Memberships<'p> {
    policy: &'p Policy,
    exports: &'p ExportTable,
    /// In the order of the table.
    of_exports: Vec<OnceLock<Known>>,
}

/// What is known of an export.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// It is of no family.
    Free,
    /// It is native, and of no family of the policy's.
    Native,
    /// It is of the policy's family of this number.
    Member(u32),
}

impl<'p> Memberships<'p> {
    /// Of the exports that are in the table now.
    #[must_use]
    pub fn new(policy: &'p Policy, exports: &'p ExportTable) -> Self {
        let of_exports = (0..exports.len()).map(|_| OnceLock::new()).collect();
        Self { policy, exports, of_exports }
    }

    /// Who offers a symbol, and its family.
    #[must_use]
    pub fn of(&self, symbol: &str) -> (Option<&'p Provided>, Option<Membership<'p>>) {
        let index = self.exports.index(symbol);
        let provided = index.and_then(|index| self.exports.at(index));
        (provided, self.known(symbol, index).membership(self.policy, symbol, provided))
    }

    /// Whether a symbol is of a family.
    #[must_use]
    pub fn has(&self, symbol: &str) -> bool {
        !matches!(self.known(symbol, self.exports.index(symbol)), Known::Free)
    }

    /// What is known of a symbol that stands there in the table.
    fn known(&self, symbol: &str, index: Option<usize>) -> Known {
        let look_up = || known(self.policy, symbol, index.and_then(|index| self.exports.at(index)));
        match index.and_then(|index| self.of_exports.get(index)) {
            Some(cell) => *cell.get_or_init(look_up),
            None => look_up(),
        }
    }
}

impl Known {
    fn membership<'p>(self, policy: &'p Policy, symbol: &str, provided: Option<&Provided>) -> Option<Membership<'p>> {
        match self {
            Self::Free => None,
            Self::Native => Some(Membership {
                family: Cow::Owned(format!("native:{}", provided?.provider)),
                acquires: true,
                watch_only: false,
                entry: None,
            }),
            Self::Member(number) => {
                let family = policy.family_of_number(number)?;
                Some(Membership {
                    family: Cow::Borrowed(&family.name),
                    acquires: family.acquires(symbol),
                    watch_only: family.watch_only,
                    entry: Some(family),
                })
            }
        }
    }
}

fn known(policy: &Policy, symbol: &str, provided: Option<&Provided>) -> Known {
    match policy.number_of_family_of(symbol, provided) {
        Some(number) => Known::Member(number),
        None if provided.is_some_and(|provided| is_native(policy, &provided.export)) => Known::Native,
        None => Known::Free,
    }
}

/// The tier of an export that is in this family, or in none.
#[must_use]
pub fn tier(export: &Export, membership: Option<&Membership<'_>>) -> Tier {
    match membership {
        Some(membership) if !membership.watch_only => Tier::UserspaceGpl,
        _ if export.class.is_gpl_only() => Tier::Gpl,
        _ => Tier::Plain,
    }
}

/// Whether the export itself says userspace-gpl, by whichever of the three ways.
pub(crate) fn is_native(policy: &Policy, export: &Export) -> bool {
    export.is_of_the_tier() || export.flags.is_some_and(|flags| flags & policy.native_kflag != 0)
}

/// What modpost would write as the type of an export: that of the tier, where the export itself declares it.
#[must_use]
pub fn symvers_type(policy: &Policy, export: &Export) -> &'static str {
    let by_flag = export.flags.is_some_and(|flags| flags & policy.native_kflag != 0);
    if by_flag { USERSPACE_GPL_TYPE } else { export.symvers_type() }
}

/// Bits of an export's flags that neither the kernel nor the policy knows.
#[must_use]
pub fn unknown_flags(policy: &Policy, export: &Export) -> u8 {
    export.flags.unwrap_or(0) & !(KSYM_FLAG_GPL_ONLY | policy.native_kflag)
}

/// Whether a module that is not GPL-compatible may not have it.
#[must_use]
pub fn is_gpl_only(class: Option<Class>, membership: Option<&Membership<'_>>) -> bool {
    class.is_some_and(Class::is_gpl_only) || membership.is_some_and(|membership| !membership.watch_only)
}
