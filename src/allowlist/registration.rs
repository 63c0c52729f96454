// SPDX-License-Identifier: MIT OR Apache-2.0
//! `modules.toml` and `facades.toml`: which modules are registered, for which families, and who owes the
//! userspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::demand::{self, Demand, RawDemands};
use super::policy::Policy;
use super::source::{Fault, Place, SourceFile};
use super::userspace::{Axis, RawRecord, Record, Userspace, read_record};
use crate::module::ModuleName;

/// Who owes the open userspace for what a registered module gets at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owes {
    /// The module itself: it has a uAPI of its own.
    Itself,
    /// The modules that import from it: it is a facade, and each of them has a uAPI of its own.
    Importers,
    /// Nobody: what it gets at stays in the kernel.
    KernelInternal,
}

impl FromStr for Owes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "self" => Ok(Self::Itself),
            "importers" => Ok(Self::Importers),
            "kernel-internal" => Ok(Self::KernelInternal),
            _ => Err(format!("owes can't be {text:?}; it is one of self, importers, kernel-internal")),
        }
    }
}

impl fmt::Display for Owes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Itself => "self",
            Self::Importers => "importers",
            Self::KernelInternal => "kernel-internal",
        })
    }
}

/// One userspace of a registered module.
#[derive(Debug, Clone)]
pub struct Use {
    /// Name of the userspace.
    pub userspace: String,
    /// The part of it that drives the module.
    pub part: String,
    /// How much of the module's interface it uses.
    pub coverage: Record,
}

/// The record that ties a module to families and userspaces.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The module.
    pub module: ModuleName,
    /// The families that it may get at.
    pub families: BTreeSet<String>,
    /// The subsystem whose criteria count.
    pub subsystem: String,
    /// Who owes the userspace.
    pub owes: Owes,
    /// Whether it is registered as a facade.
    pub facade: bool,
    /// Its userspaces.
    pub uses: Vec<Use>,
    /// What a reader should know.
    pub note: String,
    /// What proves that a module of this name is the one; one of these does.
    pub proof: Vec<Demand>,
    /// Where it stands.
    pub place: Place,
}

impl fmt::Display for Registration {
    /// The form that reports use: `module:amdgpu` or `facade:drm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", if self.facade { "facade" } else { "module" }, self.module)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModules {
    #[serde(default)]
    module: Vec<RawEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFacades {
    #[serde(default)]
    facade: Vec<RawEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: Spanned<String>,
    families: Vec<Spanned<String>>,
    subsystem: Spanned<String>,
    owes: Option<Spanned<String>>,
    #[serde(default)]
    userspace: Vec<RawUse>,
    #[serde(default)]
    note: String,
    proof: Option<RawDemands>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUse {
    name: Spanned<String>,
    part: String,
    coverage: RawRecord,
}

/// What registrations refer to.
pub(super) struct Registry<'r> {
    pub(super) policy: &'r Policy,
    pub(super) userspaces: &'r BTreeMap<String, Userspace>,
}

/// Reads `modules.toml`, or `facades.toml` where `facades` says so. An added folder may register a module anew; `here` is
/// what this one registered so far, for it may not do so twice.
pub(super) fn read(
    file: &SourceFile,
    facades: bool,
    registry: &Registry<'_>,
    into: &mut BTreeMap<ModuleName, Registration>,
    here: &mut BTreeMap<ModuleName, Place>,
    faults: &mut Vec<Fault>,
) {
    let entries = if facades {
        file.parse::<RawFacades>().map(|raw| raw.facade)
    } else {
        file.parse::<RawModules>().map(|raw| raw.module)
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(fault) => {
            faults.push(fault);
            return;
        }
    };
    for raw in entries {
        let span = raw.name.span();
        let Some(registration) = read_entry(file, facades, raw, registry, faults) else { continue };
        let (module, place) = (registration.module.clone(), registration.place.clone());
        into.insert(module.clone(), registration);
        if let Some(other) = here.insert(module.clone(), place) {
            faults.push(file.fault(&span, format!("{module} is registered at {other} already")));
        }
    }
}

/// A family's name; that of a native one holds a module's, which is compared as the kernel does.
pub(super) fn family_name(text: &str) -> String {
    match text.strip_prefix("native:") {
        Some(provider) => format!("native:{}", ModuleName::new(provider)),
        None => text.to_owned(),
    }
}

fn read_entry(
    file: &SourceFile,
    facade: bool,
    raw: RawEntry,
    registry: &Registry<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Registration> {
    let name_span = raw.name.span();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if raw.name.get_ref().is_empty() || !raw.name.get_ref().chars().all(is_name) {
        faults.push(file.fault(&name_span, format!("{:?} is no module's name", raw.name.get_ref())));
    }
    let owes = match (&raw.owes, facade) {
        (Some(owes), true) => file.read(owes, faults)?,
        (None, false) => Owes::Itself,
        (Some(owes), false) => {
            faults.push(file.fault(&owes.span(), "only a facade says who owes the userspace"));
            return None;
        }
        (None, true) => {
            faults.push(file.fault(&name_span, "a facade has to say who owes the userspace"));
            return None;
        }
    };
    for family in &raw.families {
        if registry.policy.family(family.get_ref()).is_none() && !family.get_ref().starts_with("native:") {
            faults.push(file.fault(&family.span(), format!("the policy has no family {:?}", family.get_ref())));
        }
    }
    if registry.policy.subsystem(raw.subsystem.get_ref()).is_none() {
        let message = format!("the policy has no subsystem {:?}", raw.subsystem.get_ref());
        faults.push(file.fault(&raw.subsystem.span(), message));
    }
    let mut uses = Vec::new();
    for raw in raw.userspace {
        if owes != Owes::Itself {
            faults.push(
                file.fault(&raw.name.span(), format!("a facade that owes nothing itself ({owes}) has no userspace")),
            );
        }
        if !registry.userspaces.contains_key(raw.name.get_ref()) {
            faults.push(file.fault(&raw.name.span(), format!("there is no userspace {:?}", raw.name.get_ref())));
        }
        let coverage = read_record(file, Axis::Coverage, &raw.coverage, registry.policy, faults)?;
        uses.push(Use { userspace: raw.name.into_inner(), part: raw.part, coverage });
    }
    Some(Registration {
        module: ModuleName::new(raw.name.get_ref()),
        families: raw.families.iter().map(|family| family_name(family.get_ref())).collect(),
        subsystem: raw.subsystem.into_inner(),
        owes,
        facade,
        uses,
        note: raw.note,
        proof: demand::read(file, raw.proof.as_ref(), faults),
        place: file.place(&name_span),
    })
}
