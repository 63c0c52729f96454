// SPDX-License-Identifier: MIT OR Apache-2.0
//! `policy.toml`: the families, and what each subsystem asks of a userspace.

use std::collections::{BTreeMap, BTreeSet};

use globset::{Glob, GlobSet, GlobSetBuilder};
use hashbrown::HashMap;
use serde::Deserialize;
use toml::Spanned;

use super::date::Date;
use super::source::{Fault, Place, SourceFile};
use super::userspace::Axis;
use crate::exports::Provided;
use crate::limits;
use crate::module::{Import, ModuleFacts, ModuleName};

/// The operator's policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The registry's own date: nothing is judged by an older one.
    pub date: Date,
    /// After how many days evidence is old.
    pub evidence_days: u32,
    /// After how many days without work a project counts as active in part only.
    pub activity_days: u32,
    /// The bit of `__kflagstab` that makes an export userspace-gpl; 0 for none.
    pub native_kflag: u8,
    /// The families, in the policy's order.
    pub families: Vec<Family>,
    /// The family that says by name what a symbol does.
    by_name: HashMap<String, u32>,
    subsystems: BTreeMap<String, Subsystem>,
    licences: BTreeMap<String, bool>,
}

/// A named group of userspace-gpl exports.
#[derive(Debug, Clone)]
pub struct Family {
    /// `dma-buf`, `p2pdma`, ...
    pub name: String,
    /// Listed, never judged.
    pub watch_only: bool,
    /// Where it stands.
    pub place: Place,
    namespaces: BTreeSet<String>,
    providers: BTreeSet<ModuleName>,
    names: BTreeSet<String>,
    patterns: Vec<Glob>,
    globs: GlobSet,
    acquiring: BTreeSet<String>,
    others: BTreeSet<String>,
    /// Types that nobody but the family's own code and its users handles.
    pub private_types: BTreeSet<String>,
    /// Symbols of no family by which the same is made by hand.
    pub by_hand: BTreeSet<String>,
    /// Options of a kernel's configuration that build users of it into the kernel, where no list of modules tells it; each with
    /// what they are.
    pub built_in: BTreeMap<String, String>,
}

impl Family {
    /// Whether a symbol of the family gives access.
    #[must_use]
    pub fn acquires(&self, symbol: &str) -> bool {
        self.acquiring.contains(symbol)
    }

    /// Its patterns and namespaces that none of these is of.
    pub(super) fn unmatched(&self, symbols: &BTreeSet<&str>, namespaces: &BTreeSet<&str>) -> Vec<&str> {
        let matches = |glob: &&Glob| {
            let matcher = glob.compile_matcher();
            symbols.iter().any(|symbol| matcher.is_match(symbol))
        };
        let patterns = self.patterns.iter().filter(|glob| !matches(glob)).map(Glob::glob);
        let spaces = self.namespaces.iter().map(String::as_str).filter(|space| !namespaces.contains(space));
        patterns.chain(spaces).collect()
    }

    /// Whether the policy says of a member what it does; of one that a later kernel adds it can't.
    #[must_use]
    pub fn knows(&self, symbol: &str) -> bool {
        self.watch_only || self.acquiring.contains(symbol) || self.others.contains(symbol)
    }

    /// Whether a symbol is a member by a pattern of its name.
    fn fits_name(&self, symbol: &str) -> bool {
        self.names.contains(symbol) || self.globs.is_match(symbol)
    }

    /// Whether an export is a member by where it comes from.
    fn fits_origin(&self, provided: &Provided) -> bool {
        let namespace = provided.export.namespace.as_deref();
        namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
            || self.providers.contains(&provided.provider)
    }
}

/// What one subsystem asks of a userspace.
#[derive(Debug, Clone)]
pub struct Subsystem {
    /// The axes that have to be met.
    pub asks: BTreeSet<Axis>,
    /// The projects that everybody has to use, where there are such.
    pub projects: BTreeSet<String>,
    /// Where it stands.
    pub place: Place,
}

impl Policy {
    /// The family of a symbol, if it is in one; `provided` is who exports it, where that is known.
    ///
    /// A family that says by name what the symbol does comes before one whose patterns fit it, and that before one that
    /// only claims its namespace or provider: whoever exports a symbol chooses its namespace, but not what it is.
    #[must_use]
    pub fn family_of(&self, symbol: &str, provided: Option<&Provided>) -> Option<&Family> {
        self.family_of_number(self.number_of_family_of(symbol, provided)?)
    }

    /// The family of this number.
    pub(crate) fn family_of_number(&self, number: u32) -> Option<&Family> {
        self.families.get(number as usize)
    }

    /// The number of a symbol's family, in the same way.
    pub(crate) fn number_of_family_of(&self, symbol: &str, provided: Option<&Provided>) -> Option<u32> {
        let first = |fits: &dyn Fn(&Family) -> bool| {
            (0..).zip(&self.families).find(|(_, family)| fits(family)).map(|(number, _)| number)
        };
        self.by_name
            .get(symbol)
            .copied()
            .or_else(|| first(&|family| family.fits_name(symbol)))
            .or_else(|| first(&|family| provided.is_some_and(|provided| family.fits_origin(provided))))
    }

    /// How many days ago evidence was checked, where that is too long.
    #[must_use]
    pub fn old(&self, checked: Date, today: Date) -> Option<i64> {
        Some(today.days_since(checked)).filter(|age| *age > i64::from(self.evidence_days))
    }

    /// The family of this name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The families that are judged.
    pub fn judged(&self) -> impl Iterator<Item = &Family> {
        self.families.iter().filter(|family| !family.watch_only)
    }

    /// The symbols that give access to a family that is judged, and that fit.
    pub fn acquiring<'p>(&'p self, fits: &'p dyn Fn(&str) -> bool) -> impl Iterator<Item = &'p str> {
        self.judged().flat_map(|family| &family.acquiring).map(String::as_str).filter(move |symbol| fits(symbol))
    }

    /// What a module imports by which something of a family is made by hand, with the family.
    pub fn makes_by_hand<'p>(&'p self, facts: &'p ModuleFacts) -> impl Iterator<Item = (&'p Family, &'p Import)> {
        self.judged().flat_map(|family| {
            let by_hand = facts.asks_for().filter(|import| family.by_hand.contains(&*import.name));
            by_hand.map(move |import| (family, import))
        })
    }

    /// The subsystem of this name.
    #[must_use]
    pub fn subsystem(&self, name: &str) -> Option<&Subsystem> {
        self.subsystems.get(name)
    }

    /// The names of all subsystems.
    pub fn subsystem_names(&self) -> impl Iterator<Item = &str> {
        self.subsystems.keys().map(String::as_str)
    }

    /// Whether a licence is open: OSI-approved or free by the FSF's list, unless the policy says otherwise.
    #[must_use]
    pub fn is_open(&self, licence: &spdx::Expression) -> bool {
        licence.evaluate(|requirement| {
            let name = requirement.license.to_string();
            self.licences.get(&name).copied().unwrap_or_else(|| {
                requirement.license.id().is_some_and(|id| id.is_osi_approved() || id.is_fsf_free_libre())
            })
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawPolicy {
    date: Spanned<String>,
    evidence_days: u32,
    activity_days: u32,
    native: RawNative,
    family: Vec<RawFamily>,
    subsystem: Vec<RawSubsystem>,
    #[serde(default)]
    licence: Vec<RawLicence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawNative {
    kflag: Spanned<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawFamily {
    name: Spanned<String>,
    #[expect(dead_code, reason = "must be there: the policy is read by people")]
    title: String,
    #[serde(default)]
    watch_only: bool,
    #[serde(default)]
    namespaces: Vec<Spanned<String>>,
    #[serde(default)]
    providers: Vec<String>,
    #[serde(default)]
    symbols: Vec<Spanned<String>>,
    #[serde(default)]
    acquiring: Vec<Spanned<String>>,
    #[serde(default)]
    others: Vec<Spanned<String>>,
    #[serde(default)]
    private_types: BTreeSet<String>,
    #[serde(default)]
    by_hand: BTreeSet<String>,
    #[serde(default)]
    built_in: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSubsystem {
    name: Spanned<String>,
    asks: Vec<Spanned<String>>,
    #[serde(default)]
    projects: BTreeSet<String>,
    #[expect(dead_code, reason = "must be there: a criterion without its source is nobody's")]
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawLicence {
    id: Spanned<String>,
    open: bool,
    #[expect(dead_code, reason = "must be there: a decision without its reason is nobody's")]
    reason: String,
}

/// Reads `policy.toml`.
pub(super) fn read(file: &SourceFile, faults: &mut Vec<Fault>) -> Option<Policy> {
    let raw: RawPolicy = file.parsed(faults)?;
    let date = file.read(&raw.date, faults)?;
    if raw.native.kflag.get_ref() & crate::exports::KSYM_FLAG_GPL_ONLY != 0 {
        faults.push(file.fault(&raw.native.kflag.span(), "bit 0 is KSYM_FLAG_GPL_ONLY"));
    }
    let mut policy = Policy {
        date,
        evidence_days: raw.evidence_days,
        activity_days: raw.activity_days,
        native_kflag: *raw.native.kflag.get_ref(),
        families: Vec::new(),
        by_name: HashMap::new(),
        subsystems: BTreeMap::new(),
        licences: BTreeMap::new(),
    };
    for (number, raw) in (0..).zip(raw.family) {
        if policy.family(raw.name.get_ref()).is_some() {
            faults.push(file.fault(&raw.name.span(), format!("the family {:?} is there twice", raw.name.get_ref())));
        }
        let family = read_family(file, raw, faults);
        for symbol in family.acquiring.iter().chain(&family.others) {
            policy.by_name.entry(symbol.clone()).or_insert(number);
        }
        policy.families.push(family);
    }
    for raw in raw.subsystem {
        let asks = raw.asks.iter().filter_map(|axis| file.read(axis, faults)).collect();
        let subsystem = Subsystem { asks, projects: raw.projects, place: file.place(&raw.name.span()) };
        if policy.subsystems.insert(raw.name.get_ref().clone(), subsystem).is_some() {
            faults.push(file.fault(&raw.name.span(), format!("the subsystem {:?} is there twice", raw.name.get_ref())));
        }
    }
    for raw in raw.licence {
        if spdx::license_id(raw.id.get_ref()).is_none() {
            faults.push(file.fault(&raw.id.span(), format!("{:?} is no SPDX licence", raw.id.get_ref())));
        }
        policy.licences.insert(raw.id.into_inner(), raw.open);
    }
    Some(policy)
}

/// Whether a text means more than itself.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// A pattern; the library's stack is only as deep as its brackets are allowed to be.
fn read_pattern(text: &str) -> Result<Glob, String> {
    if text.len() > limits::NAME_BYTES {
        return Err("a pattern is longer than any symbol".to_owned());
    }
    Glob::new(text).map_err(|error| error.to_string())
}

fn read_family(file: &SourceFile, raw: RawFamily, faults: &mut Vec<Fault>) -> Family {
    let name = raw.name.span();
    let place = file.place(&name);
    let mut family = Family {
        name: raw.name.into_inner(),
        watch_only: raw.watch_only,
        place,
        namespaces: BTreeSet::new(),
        providers: raw.providers.iter().map(|name| ModuleName::new(name)).collect(),
        names: BTreeSet::new(),
        patterns: Vec::new(),
        globs: GlobSet::empty(),
        acquiring: BTreeSet::new(),
        others: BTreeSet::new(),
        private_types: raw.private_types,
        by_hand: raw.by_hand,
        built_in: raw.built_in,
    };
    for namespace in raw.namespaces {
        if is_pattern(namespace.get_ref()) {
            faults.push(file.fault(&namespace.span(), "a namespace is named exactly, not by a pattern"));
        }
        family.namespaces.insert(namespace.into_inner());
    }
    let mut globs = GlobSetBuilder::new();
    for symbol in raw.symbols {
        if !is_pattern(symbol.get_ref()) {
            family.names.insert(symbol.into_inner());
            continue;
        }
        match read_pattern(symbol.get_ref()) {
            Ok(glob) => {
                globs.add(glob.clone());
                family.patterns.push(glob);
            }
            Err(reason) => faults.push(file.fault(&symbol.span(), reason)),
        }
    }
    match globs.build() {
        Ok(globs) => family.globs = globs,
        Err(error) => faults.push(file.fault(&name, error.to_string())),
    }
    for (symbols, into) in [(raw.acquiring, &mut family.acquiring), (raw.others, &mut family.others)] {
        for symbol in symbols {
            if is_pattern(symbol.get_ref()) {
                faults.push(file.fault(&symbol.span(), "what a symbol does is said of it by name, not by a pattern"));
            }
            into.insert(symbol.into_inner());
        }
    }
    if let Some(both) = family.acquiring.intersection(&family.others).next() {
        faults.push(file.fault(&name, format!("{both} is acquiring and among the others, too")));
    }
    family
}
