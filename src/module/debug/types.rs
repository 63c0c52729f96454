// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which structures a module's own functions handle, as debug info tells the types of variables.

use std::collections::{BTreeMap, BTreeSet};

use gimli::{Attribute, AttributeValue, DwTag, LineProgramHeader, UnitOffset, constants as dw};
use rayon::prelude::*;

use super::budget::{Budget, Meter};
use super::own::{Own, is_of_build};
use super::units::{Kind, Slice, Unit};
use super::walk::{Entry, Walk};
use super::{DebugError, DebugInfo, names, paths};
use crate::{limits, text};

/// As what a structure is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A parameter of a function.
    Parameter,
    /// A variable of a function, or of a file.
    Variable,
    /// A member of a structure that a function or a variable uses.
    Member,
}

/// A place where the type of a structure occurs: itself, or behind pointers and other names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handled {
    /// The structure's name.
    pub type_name: Box<str>,
    /// The function of the parameter or variable; the variable itself if it is in none; the structure of the member.
    pub within: Box<str>,
    /// The file that declares the parameter, variable or member.
    pub file: Box<str>,
    /// The line.
    pub line: Option<u32>,
    /// What it is.
    pub what: What,
}

/// All that was found, and how much was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandledTypes {
    /// Sorted, each once.
    pub handled: Vec<Handled>,
    /// Source files that were looked at.
    pub seen: usize,
    /// Source files in all, but for those that the build adds.
    pub of: usize,
}

/// Looks through all units.
pub(super) fn handled(
    info: &DebugInfo<'_>,
    wanted: &BTreeSet<String>,
    budget: &Budget,
) -> Result<HandledTypes, DebugError> {
    let own = Own::of(info, budget)?;
    let units: Vec<usize> = (0..info.units.listed.len()).collect();
    let found = units.into_par_iter().map(|index| {
        let is_partial = info.units.listed.get(index).is_none_or(|unit| unit.kind == Kind::Partial);
        if is_partial {
            return Ok((0, 0, Vec::new()));
        }
        match of_unit(info, index, wanted, &own, &budget.meter()) {
            Ok(Some(found)) => Ok((1, 1, found)),
            Ok(None) => Ok((0, 0, Vec::new())),
            Err(error) => error.unless_fatal().map(|()| (0, 1, Vec::new())),
        }
    });
    let found: Vec<(usize, usize, Vec<Handled>)> = found.collect::<Result<_, DebugError>>()?;
    budget.check()?;
    let mut all = HandledTypes::default();
    for (seen, of, handled) in found {
        all.seen += seen;
        all.of += of;
        all.handled.extend(handled);
    }
    all.handled.sort();
    all.handled.dedup();
    Ok(all)
}

/// Looks through one unit; none if it is what the build adds to each module.
fn of_unit(
    info: &DebugInfo<'_>,
    index: usize,
    wanted: &BTreeSet<String>,
    own: &Own,
    meter: &Meter<'_>,
) -> Result<Option<Vec<Handled>>, DebugError> {
    let unit = info.open(index, meter)?;
    if paths::of_unit(&unit).is_some_and(|path| is_of_build(&path)) {
        return Ok(None);
    }
    if info.units.listed.get(index).is_some_and(|unit| unit.kind == Kind::Skeleton) {
        return Err(gimli::Error::MissingUnitDie.into());
    }
    let header = unit.lines(meter)?.map(|lines| lines.header().clone());
    let mut scan = Scan {
        unit: &unit,
        meter,
        wanted,
        files: Files { unit: &unit, header, own, known: BTreeMap::new() },
        found: Found::default(),
    };
    scan.walk()?;
    let Scan { files, found, .. } = scan;
    let mut elsewhere = Elsewhere { info, wanted, meter, known: BTreeMap::new() };
    let uses = found.resolve(&mut elsewhere, &unit)?;
    let mut names = names::Names::new(info);
    let mut handled = Vec::new();
    for (type_name, place, what) in uses {
        let within = match place.within {
            Within::Entry(entry) => names.of(&unit, entry, meter)?,
            Within::Structure(name) => name,
        };
        let file = files.path(place.file).map(|path| text::shown(&path).into());
        handled.push(Handled {
            type_name,
            within: within.unwrap_or_else(|| "(no name)".into()),
            file: file.unwrap_or_default(),
            line: place.line,
            what,
        });
    }
    Ok(Some(handled))
}

/// The files of a unit.
struct Files<'u, 's> {
    unit: &'u Unit<'s>,
    header: Option<LineProgramHeader<Slice<'s>>>,
    own: &'u Own,
    /// Whether a file is own, by its number.
    known: BTreeMap<u64, bool>,
}

impl Files<'_, '_> {
    fn path(&self, file: u64) -> Option<String> {
        paths::of_file(self.unit, self.header.as_ref()?, file)
    }

    fn is_own(&mut self, file: u64) -> bool {
        if let Some(own) = self.known.get(&file) {
            return *own;
        }
        let own = self.path(file).is_some_and(|path| self.own.is_own(&path));
        self.known.insert(file, own);
        own
    }
}

/// What bears the name that is told of a place.
#[derive(Debug, Clone)]
enum Within {
    /// The entry of a function or variable.
    Entry(UnitOffset),
    /// A structure, by its name if it has one.
    Structure(Option<Box<str>>),
}

/// A place in the source.
#[derive(Debug, Clone)]
struct Place {
    within: Within,
    file: u64,
    line: Option<u32>,
}

/// A parameter, variable or member.
#[derive(Debug)]
struct Typed {
    place: Place,
    /// Where its type is in `.debug_info`.
    of_type: usize,
    what: What,
}

/// What a unit's entries say.
#[derive(Debug, Default)]
struct Found {
    /// Types that lead to another: where they are in `.debug_info`, and where the other is. Sorted, as the entries are.
    links: Vec<(usize, usize)>,
    /// The structures that are wanted, in the same order.
    wanted: Vec<(usize, Box<str>)>,
    /// Variables and parameters.
    variables: Vec<Typed>,
    /// The members of own structures, by where the structures are.
    members: BTreeMap<usize, Vec<Typed>>,
}

/// A walk through a unit.
struct Scan<'u, 's> {
    unit: &'u Unit<'s>,
    meter: &'u Meter<'u>,
    wanted: &'u BTreeSet<String>,
    files: Files<'u, 's>,
    found: Found,
}

/// What an entry is in.
#[derive(Debug, Clone)]
enum Context {
    Function(UnitOffset),
    Structure(usize, Option<Box<str>>),
}

/// The attributes of an entry that matter here.
#[derive(Default)]
struct Said<'s> {
    name: Option<&'s [u8]>,
    of_type: Option<usize>,
    file: Option<u64>,
    line: Option<u32>,
    is_declaration: bool,
    origin: Option<usize>,
    specification: Option<usize>,
}

impl<'s> Said<'s> {
    fn by(unit: &Unit<'s>, attributes: &[Attribute<Slice<'s>>]) -> Self {
        let mut said = Self::default();
        for attribute in attributes {
            let value = attribute.value();
            match attribute.name() {
                dw::DW_AT_name => said.name = unit.string(&value, limits::NAME_BYTES),
                dw::DW_AT_type => said.of_type = unit.reference(&value),
                dw::DW_AT_decl_file => said.file = names::number(&value),
                dw::DW_AT_decl_line => said.line = names::number(&value).and_then(|line| u32::try_from(line).ok()),
                dw::DW_AT_declaration => said.is_declaration = value == AttributeValue::Flag(true),
                dw::DW_AT_abstract_origin => said.origin = unit.reference(&value),
                dw::DW_AT_specification => said.specification = unit.reference(&value),
                _ => {}
            }
        }
        said
    }
}

impl<'s> Scan<'_, 's> {
    fn walk(&mut self) -> Result<(), DebugError> {
        let mut walk = Walk::new(self.unit, self.meter)?;
        let mut contexts: Vec<(isize, Context)> = Vec::new();
        while let Some(entry) = walk.next()? {
            while contexts.last().is_some_and(|(depth, _)| *depth >= entry.depth) {
                contexts.pop();
            }
            let within = contexts.last().map(|(_, context)| context);
            match entry.tag {
                dw::DW_TAG_compile_unit | dw::DW_TAG_lexical_block => {}
                tag if leads_on(tag) => {
                    let said = Said::by(self.unit, walk.attributes()?);
                    if let Some(of_type) = said.of_type {
                        self.found.links.push((self.place(entry.offset), of_type));
                    }
                    walk.skip(&entry)?;
                }
                tag if is_structure(tag) => {
                    let said = Said::by(self.unit, walk.attributes()?);
                    match self.structure(&entry, &said) {
                        Some(context) => contexts.push((entry.depth, context)),
                        None => walk.skip(&entry)?,
                    }
                }
                dw::DW_TAG_subprogram => {
                    let said = Said::by(self.unit, walk.attributes()?);
                    if self.is_own_function(&said)? {
                        contexts.push((entry.depth, Context::Function(entry.offset)));
                    } else {
                        walk.skip(&entry)?;
                    }
                }
                dw::DW_TAG_member | dw::DW_TAG_formal_parameter | dw::DW_TAG_variable => {
                    let said = Said::by(self.unit, walk.attributes()?);
                    self.typed(&entry, said, within)?;
                    walk.skip(&entry)?;
                }
                // What is inlined is its own function's, which has an entry of its own.
                _ => walk.skip(&entry)?,
            }
        }
        Ok(())
    }

    /// Where an entry is in `.debug_info`.
    fn place(&self, offset: UnitOffset) -> usize {
        self.unit.start.saturating_add(offset.0)
    }

    /// Takes a structure; its members matter if it is the module's own.
    fn structure(&mut self, entry: &Entry, said: &Said<'_>) -> Option<Context> {
        let place = self.place(entry.offset);
        let name = said.name.and_then(|name| std::str::from_utf8(name).ok());
        let is_own = !said.is_declaration && said.file.is_some_and(|file| self.files.is_own(file));
        // What the module itself defines is another of that name: drivers have had a `struct dma_buf` of their own.
        if let Some(name) = name.filter(|name| !is_own && self.wanted.contains(*name)) {
            self.found.wanted.push((place, name.into()));
        }
        if !is_own {
            return None;
        }
        Some(Context::Structure(place, name.map(|name| text::shown(name).into())))
    }

    /// Whether a function is defined in the module's own source. One of which this is only a copy, or a declaration, is
    /// looked at elsewhere.
    fn is_own_function(&mut self, said: &Said<'_>) -> Result<bool, DebugError> {
        if said.is_declaration || said.origin.is_some() {
            return Ok(false);
        }
        let file = match (said.file, said.specification) {
            (None, Some(declared)) => self.said_at(declared)?.file,
            (file, _) => file,
        };
        Ok(file.is_some_and(|file| self.files.is_own(file)))
    }

    /// What the entry at a place of this unit says.
    fn said_at(&self, place: usize) -> Result<Said<'s>, DebugError> {
        match self.unit.within(place) {
            Some(offset) => Ok(Said::by(self.unit, &self.unit.entry(offset, self.meter)?.1)),
            None => Ok(Said::default()),
        }
    }

    /// Takes a parameter, variable or member.
    fn typed(&mut self, entry: &Entry, mut said: Said<'s>, within: Option<&Context>) -> Result<(), DebugError> {
        if let (None, Some(declared)) = (said.of_type, said.specification) {
            let declared = self.said_at(declared)?;
            said.of_type = declared.of_type;
            said.file = said.file.or(declared.file);
            said.line = said.line.or(declared.line);
        }
        let Some(of_type) = said.of_type else { return Ok(()) };
        let place = |within| Place { within, file: said.file.unwrap_or(0), line: said.line };
        match (entry.tag, within) {
            (dw::DW_TAG_member, Some(Context::Structure(structure, name))) => {
                let place = place(Within::Structure(name.clone()));
                let members = self.found.members.entry(*structure).or_default();
                members.push(Typed { place, of_type, what: What::Member });
            }
            (dw::DW_TAG_formal_parameter, Some(Context::Function(function))) => {
                let place = place(Within::Entry(*function));
                self.found.variables.push(Typed { place, of_type, what: What::Parameter });
            }
            (dw::DW_TAG_variable, Some(Context::Function(function))) => {
                let place = place(Within::Entry(*function));
                self.found.variables.push(Typed { place, of_type, what: What::Variable });
            }
            (dw::DW_TAG_variable, None)
                if !said.is_declaration && said.file.is_some_and(|file| self.files.is_own(file)) =>
            {
                let place = place(Within::Entry(entry.offset));
                self.found.variables.push(Typed { place, of_type, what: What::Variable });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a type is one more name for another, or a way to it.
fn leads_on(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_pointer_type
            | dw::DW_TAG_typedef
            | dw::DW_TAG_const_type
            | dw::DW_TAG_volatile_type
            | dw::DW_TAG_restrict_type
            | dw::DW_TAG_atomic_type
            | dw::DW_TAG_array_type
    )
}

fn is_structure(tag: DwTag) -> bool {
    matches!(tag, dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_class_type)
}

/// A use of a structure that is wanted: its name, the place, and as what.
type Use = (Box<str>, Place, What);

impl Found {
    /// Follows the types of all variables, and of the members of the own structures among them.
    fn resolve(&self, elsewhere: &mut Elsewhere<'_>, unit: &Unit<'_>) -> Result<Vec<Use>, DebugError> {
        let mut uses = Vec::new();
        let mut seen = BTreeSet::new();
        let variables = self.variables.iter();
        let mut next: Vec<(&Typed, Within)> = variables.map(|typed| (typed, typed.place.within.clone())).collect();
        while let Some((typed, within)) = next.pop() {
            let Some((place, hops)) = self.follow(typed.of_type) else { continue };
            elsewhere.meter.take(1)?;
            let wanted = match self.wanted.binary_search_by_key(&place, |(place, _)| *place) {
                Ok(index) => self.wanted.get(index).map(|(_, name)| name.clone()),
                Err(_) if unit.within(place).is_none() => elsewhere.structure(place, hops)?,
                Err(_) => None,
            };
            if let Some(name) = wanted {
                uses.push((name, Place { within: within.clone(), ..typed.place }, typed.what));
            }
            if let Some(members) = self.members.get(&place)
                && seen.insert(place)
            {
                // What has no name is named by what it is in.
                next.extend(members.iter().map(|member| match &member.place.within {
                    Within::Structure(None) => (member, within.clone()),
                    named => (member, named.clone()),
                }));
            }
        }
        Ok(uses)
    }

    /// Where a type ends up behind all pointers and other names, and how many more may follow; none if they go on too long.
    fn follow(&self, mut place: usize) -> Option<(usize, usize)> {
        for hops in (0..limits::TYPE_DEPTH).rev() {
            match self.links.binary_search_by_key(&place, |(from, _)| *from) {
                Ok(index) => place = self.links.get(index)?.1,
                Err(_) => return Some((place, hops)),
            }
        }
        None
    }
}

/// Types in other units than the one that is looked at.
struct Elsewhere<'i> {
    info: &'i DebugInfo<'i>,
    wanted: &'i BTreeSet<String>,
    meter: &'i Meter<'i>,
    /// The names of those that are wanted, by the places that were asked for.
    known: BTreeMap<usize, Option<Box<str>>>,
}

impl Elsewhere<'_> {
    /// The structure that a type ends up at, if it is wanted.
    fn structure(&mut self, place: usize, hops: usize) -> Result<Option<Box<str>>, DebugError> {
        if let Some(name) = self.known.get(&place) {
            return Ok(name.clone());
        }
        let name = self.find(place, hops)?;
        self.known.insert(place, name.clone());
        Ok(name)
    }

    fn find(&self, mut place: usize, hops: usize) -> Result<Option<Box<str>>, DebugError> {
        let mut unit: Option<Unit<'_>> = None;
        for _ in 0..hops {
            let opened = if let Some(unit) = unit.take().filter(|unit| unit.within(place).is_some()) {
                unit
            } else {
                let Some(index) = self.info.units.at(place) else { return Ok(None) };
                self.info.units.open(&self.info.sections, index, self.meter)?
            };
            let Some(offset) = opened.within(place) else { return Ok(None) };
            let (tag, attributes) = opened.entry(offset, self.meter)?;
            let said = Said::by(&opened, &attributes);
            match said.of_type {
                Some(of_type) if leads_on(tag) => place = of_type,
                _ if is_structure(tag) => {
                    let name = said.name.and_then(|name| std::str::from_utf8(name).ok());
                    return Ok(name.filter(|name| self.wanted.contains(*name)).map(Into::into));
                }
                _ => return Ok(None),
            }
            unit = Some(opened);
        }
        Ok(None)
    }
}
