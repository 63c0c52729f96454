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
mod policy;
mod registration;
mod source;
mod standing;
mod userspace;
mod waiver;

use std::collections::BTreeMap;

pub use date::Date;
pub use demand::Demand;
pub use known::Known;
pub use load::{Folder, LoadError, Origin};
pub use policy::{Family, Lock, Policy, Subsystem};
pub use registration::{Owes, Registration, Use};
pub use source::{Fault, Place, SourceFile};
pub use standing::{Assessment, Standing, assess};
pub use userspace::{Axis, Outcome, Record, Userspace};
pub use waiver::Waiver;

use crate::module::ModuleName;

impl Allowlists {
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
    /// What is known of modules from outside the kernel.
    pub known: BTreeMap<ModuleName, Known>,
    /// The waivers in file order.
    pub waivers: Vec<Waiver>,
    /// Where it all comes from, for reports.
    pub source: String,
    /// SHA-256 over all files, as hexadecimal digits.
    pub sha256: String,
}
