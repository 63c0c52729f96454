// SPDX-License-Identifier: MIT OR Apache-2.0
//! The allowlists: policy, userspaces, registrations and waivers; read, checked, and matched with modules.
//!
//! What a person wrote becomes what the gate believes in one step that reports every fault with its line;
//! the gate itself never sees text.

pub mod date;
mod demand;
mod known;
pub mod lint;
mod load;
mod lock;
mod policy;
mod registration;
mod source;
mod standing;
mod taken_from;
mod userspace;
mod waiver;

use std::collections::BTreeMap;

pub use date::Date;
pub use demand::Demand;
pub use known::Known;
pub use load::{Folder, LoadError, Origin};
pub use lock::Lock;
pub(crate) use policy::is_pattern;
pub use policy::{Family, Policy, Subsystem};
pub use registration::{Class, Kind, Members, Owes, Registration, Use};
pub use source::{Fault, Place, SourceFile};
pub use standing::{Assessment, Best, Standing, assess, best};
pub use taken_from::TakenFrom;
pub use userspace::{Axis, Outcome, Record, Userspace};
pub use waiver::Waiver;

use crate::module::ModuleName;
use crate::reach::table::Tables;

impl Allowlists {
    /// All registrations, by module and by class.
    pub fn entries(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.values().chain(&self.classes)
    }

    /// Whether what is registered or waived under a name is so by its content.
    #[must_use]
    pub fn asks_for_content(&self, name: &ModuleName) -> bool {
        let registered = self.registrations.get(name).into_iter().flat_map(|entry| &entry.proof);
        let waived = self.waivers.iter().filter(|waiver| waiver.module == *name).flat_map(|waiver| &waiver.proof);
        registered.chain(waived).any(|demand| matches!(demand, Demand::Content(_)))
    }

    /// Whether a name is registered or waived.
    #[must_use]
    pub fn names(&self, name: &ModuleName) -> bool {
        self.registrations.contains_key(name) || self.waivers.iter().any(|waiver| waiver.module == *name)
    }
}

/// All that the operator allows.
#[derive(Debug, Clone)]
pub struct Allowlists {
    /// The policy.
    pub policy: Policy,
    /// The userspaces by name.
    pub userspaces: BTreeMap<String, Userspace>,
    /// The registrations by module.
    pub registrations: BTreeMap<ModuleName, Registration>,
    /// The classes in file order; of two that fit a module the first counts.
    pub classes: Vec<Registration>,
    /// What is known of modules from outside the kernel.
    pub known: BTreeMap<ModuleName, Known>,
    /// The waivers in file order.
    pub waivers: Vec<Waiver>,
    /// What the exports of real kernels were seen to lead to.
    pub tables: Tables,
    /// What options can't change.
    pub lock: Lock,
    /// Where it all comes from, for reports.
    pub source: String,
    /// SHA-256 over all files, as hexadecimal digits.
    pub sha256: String,
}
