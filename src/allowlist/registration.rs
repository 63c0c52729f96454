// SPDX-License-Identifier: MIT OR Apache-2.0
//! `modules.toml` and `facades.toml`: which modules are registered, by name or by class, for which families, and who owes
//! the userspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::demand::{self, Demand, RawDemands};
use super::policy::{Policy, is_pattern};
use super::source::{Fault, Place, SourceFile};
use super::userspace::{Axis, RawRecord, Record, Userspace, read_record};
use crate::module::{ModuleFacts, ModuleName};

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

/// What is registered.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A module with a uAPI of its own.
    Module,
    /// A module through which others get at a family.
    Facade {
        /// Who owes the userspace.
        owes: Owes,
        /// Where its importers owe it: the exports that make an importer owe, by name.
        exports: BTreeSet<String>,
    },
    /// Modules that share one uAPI.
    Class(Class),
}

/// Which modules are of a class.
#[derive(Debug, Clone)]
pub struct Class {
    /// For people.
    pub title: String,
    /// The facades through which a member gets at the families; one that gets there in any other way is no member.
    pub through: BTreeSet<ModuleName>,
    /// What tells a member.
    pub members: Members,
    /// What a module that is not the kernel's own may not import to be one; none if it can't be one.
    pub out_of_tree_without: Option<BTreeSet<String>>,
}

impl Members {
    /// Whether a module of this name bears the mark of a member.
    #[must_use]
    pub fn has(&self, name: &ModuleName, facts: &ModuleFacts) -> bool {
        match self {
            Self::Named(names) => names.contains(name),
            Self::Importing(marks) => facts.imports_one(marks),
        }
    }
}

/// What tells the members of a class.
#[derive(Debug, Clone)]
pub enum Members {
    /// Their names.
    Named(BTreeSet<ModuleName>),
    /// That they import one of these, by which they take part in the shared uAPI.
    Importing(BTreeSet<String>),
}

/// The record that ties a module, or a class of them, to families and userspaces.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The module, or the class.
    pub name: ModuleName,
    /// What is registered.
    pub kind: Kind,
    /// The families that it may get at.
    pub families: BTreeSet<String>,
    /// The subsystem whose criteria count.
    pub subsystem: String,
    /// Its userspaces.
    pub uses: Vec<Use>,
    /// What a reader should know.
    pub note: String,
    /// What proves that a module of this name is the one; one of these does.
    pub proof: Vec<Demand>,
    /// Where it stands.
    pub place: Place,
}

impl Registration {
    /// Who owes the userspace.
    #[must_use]
    pub fn owes(&self) -> Owes {
        match &self.kind {
            Kind::Facade { owes, .. } => *owes,
            Kind::Module | Kind::Class(_) => Owes::Itself,
        }
    }

    /// `module`, `facade` or `class`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Module => "module",
            Kind::Facade { .. } => "facade",
            Kind::Class(_) => "class",
        }
    }
}

impl fmt::Display for Registration {
    /// The form that reports use: `module:amdgpu`, `facade:drm` or `class:v4l2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind_name(), self.name)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModules {
    #[serde(default)]
    module: Vec<RawEntry>,
    #[serde(default)]
    class: Vec<RawClass>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFacades {
    #[serde(default)]
    facade: Vec<RawFacade>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFacade {
    name: Spanned<String>,
    families: Vec<Spanned<String>>,
    subsystem: Spanned<String>,
    owes: Spanned<String>,
    #[serde(default)]
    exports: Vec<Spanned<String>>,
    #[serde(default)]
    userspace: Vec<RawUse>,
    #[serde(default)]
    note: String,
    proof: Option<RawDemands>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawClass {
    name: Spanned<String>,
    title: String,
    families: Vec<Spanned<String>>,
    subsystem: Spanned<String>,
    through: Vec<Spanned<String>>,
    members: Option<Vec<Spanned<String>>>,
    imports: Option<Vec<Spanned<String>>>,
    out_of_tree_without: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    userspace: Vec<RawUse>,
    #[serde(default)]
    note: String,
}

/// What all kinds have, and all that a module has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: Spanned<String>,
    families: Vec<Spanned<String>>,
    subsystem: Spanned<String>,
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
    /// Whether all of them could be read: of those that could not that is said, and once.
    pub(super) knows_userspaces: bool,
}

/// What was read of one folder.
#[derive(Default)]
pub(super) struct Registered {
    /// By module.
    pub(super) modules: BTreeMap<ModuleName, Registration>,
    /// In file order.
    pub(super) classes: Vec<Registration>,
}

impl Registered {
    /// Reads `facades.toml`.
    pub(super) fn read_facades(&mut self, file: &SourceFile, registry: &Registry<'_>, faults: &mut Vec<Fault>) {
        let Some(raw) = file.parsed::<RawFacades>(faults) else { return };
        for RawFacade { name, families, subsystem, owes, exports, userspace, note, proof } in raw.facade {
            let span = name.span();
            let Some(owes) = file.read(&owes, faults) else { continue };
            if (owes == Owes::Importers) == exports.is_empty() {
                let message =
                    "a facade names the exports by which its importers owe, if it is they who owe, and none else";
                faults.push(file.fault(&span, message));
            }
            let kind = Kind::Facade { owes, exports: exact(file, exports, faults) };
            let entry = RawEntry { name, families, subsystem, userspace, note, proof };
            self.add_module(file, &span, read_entry(file, kind, entry, registry, faults), faults);
        }
    }

    /// Reads `modules.toml`.
    pub(super) fn read_modules(&mut self, file: &SourceFile, registry: &Registry<'_>, faults: &mut Vec<Fault>) {
        let Some(raw) = file.parsed::<RawModules>(faults) else { return };
        for raw in raw.module {
            let span = raw.name.span();
            self.add_module(file, &span, read_entry(file, Kind::Module, raw, registry, faults), faults);
        }
        for raw in raw.class {
            let span = raw.name.span();
            let Some(class) = read_class(file, raw, registry, faults) else { continue };
            let same = self.classes.iter().find(|other| other.name == class.name);
            if let Some(other) = same.or_else(|| self.modules.get(&class.name)) {
                faults.push(file.fault(&span, format!("{} is registered at {} already", class.name, other.place)));
            }
            self.classes.push(class);
        }
    }

    fn add_module(
        &mut self,
        file: &SourceFile,
        span: &Range<usize>,
        registration: Option<Registration>,
        faults: &mut Vec<Fault>,
    ) {
        let Some(registration) = registration else { return };
        if let Some(other) = self.modules.get(&registration.name) {
            let message = format!("{} is registered at {} already", registration.name, other.place);
            faults.push(file.fault(span, message));
        }
        self.modules.insert(registration.name.clone(), registration);
    }
}

/// Names that may be no patterns.
fn exact(file: &SourceFile, names: Vec<Spanned<String>>, faults: &mut Vec<Fault>) -> BTreeSet<String> {
    for name in names.iter().filter(|name| is_pattern(name.get_ref()) || name.get_ref().is_empty()) {
        faults.push(file.fault(&name.span(), format!("{:?} is no symbol's name: it is named exactly", name.get_ref())));
    }
    names.into_iter().map(Spanned::into_inner).collect()
}

pub(super) fn module_name(file: &SourceFile, name: &Spanned<String>, faults: &mut Vec<Fault>) -> ModuleName {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.get_ref().is_empty() || !name.get_ref().chars().all(is_name) {
        faults.push(file.fault(&name.span(), format!("{:?} is no module's name", name.get_ref())));
    }
    ModuleName::new(name.get_ref())
}

fn read_class(
    file: &SourceFile,
    raw: RawClass,
    registry: &Registry<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Registration> {
    let RawClass { name, title, families, subsystem, through, members, imports, out_of_tree_without, .. } = raw;
    let members = match (members, imports) {
        (Some(members), None) => Members::Named(members.iter().map(|name| module_name(file, name, faults)).collect()),
        (None, Some(imports)) => Members::Importing(exact(file, imports, faults)),
        _ => {
            faults.push(
                file.fault(&name.span(), "a class tells its members either by their names or by what they import"),
            );
            return None;
        }
    };
    if through.is_empty() {
        faults.push(file.fault(&name.span(), "a class names the facades through which its members get at a family"));
    }
    if matches!(&members, Members::Named(names) if names.is_empty())
        || matches!(&members, Members::Importing(names) if names.is_empty())
    {
        faults.push(file.fault(&name.span(), "nothing is a member of this class"));
    }
    let class = Class {
        title,
        through: through.iter().map(|name| module_name(file, name, faults)).collect(),
        members,
        out_of_tree_without: out_of_tree_without.map(|names| exact(file, names, faults)),
    };
    let entry = RawEntry { name, families, subsystem, userspace: raw.userspace, note: raw.note, proof: None };
    read_entry(file, Kind::Class(class), entry, registry, faults)
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
    kind: Kind,
    raw: RawEntry,
    registry: &Registry<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Registration> {
    let name = module_name(file, &raw.name, faults);
    if raw.families.is_empty() {
        faults.push(file.fault(&raw.name.span(), "it is registered for no family"));
    }
    for family in &raw.families {
        if registry.policy.family(family.get_ref()).is_none() && !family.get_ref().starts_with("native:") {
            faults.push(file.fault(&family.span(), format!("the policy has no family {:?}", family.get_ref())));
        }
    }
    if registry.policy.subsystem(raw.subsystem.get_ref()).is_none() {
        let message = format!("the policy has no subsystem {:?}", raw.subsystem.get_ref());
        faults.push(file.fault(&raw.subsystem.span(), message));
    }
    let mut registration = Registration {
        name,
        kind,
        families: raw.families.iter().map(|family| family_name(family.get_ref())).collect(),
        subsystem: raw.subsystem.into_inner(),
        uses: Vec::new(),
        note: raw.note,
        proof: demand::read(file, raw.proof.as_ref(), faults),
        place: file.place(&raw.name.span()),
    };
    let asks_nothing =
        registry.policy.subsystem(&registration.subsystem).is_some_and(|subsystem| subsystem.asks.is_empty());
    if registration.owes() == Owes::Itself && asks_nothing {
        let message =
            format!("the subsystem {} asks for nothing, so that nobody can owe it a userspace", registration.subsystem);
        faults.push(file.fault(&raw.name.span(), message));
    }
    for raw in raw.userspace {
        let owes = registration.owes();
        if owes != Owes::Itself {
            let message = format!("a facade that owes nothing itself ({owes}) has no userspace");
            faults.push(file.fault(&raw.name.span(), message));
        }
        if registry.knows_userspaces && !registry.userspaces.contains_key(raw.name.get_ref()) {
            faults.push(file.fault(&raw.name.span(), format!("there is no userspace {:?}", raw.name.get_ref())));
        }
        let coverage = read_record(file, Axis::Coverage, &raw.coverage, registry.policy, faults)?;
        registration.uses.push(Use { userspace: raw.name.into_inner(), part: raw.part, coverage });
    }
    Some(registration)
}
