// SPDX-License-Identifier: MIT OR Apache-2.0
//! From places in code to lines of source, through whatever was inlined there.

use std::collections::{BTreeMap, BTreeSet};

use gimli::{Attribute, LineProgramHeader, UnitOffset, constants as dw};
use object::elf::STT_FUNC;
use rayon::prelude::*;

use super::budget::{Budget, Meter};
use super::units::{Extent, Kind, Slice, Unit};
use super::walk::Walk;
use super::{DebugError, DebugInfo, names, paths};
use crate::{limits, text};

/// A line of source, and the function that it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// The function's name in the source.
    pub function: Option<Box<str>>,
    /// The path of the file, as the compiler was told it.
    pub file: Option<Box<str>>,
    /// The line; none where the compiler has put what no line asks for.
    pub line: Option<u32>,
}

/// A function, or what is inlined of one.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// Its entry.
    entry: UnitOffset,
    /// File and line from which it is called, where it is inlined.
    call: Option<(u64, u32)>,
}

/// A place in code that a line is looked for.
#[derive(Debug)]
struct Site {
    address: u64,
    /// The number of the file, and the line.
    row: Option<(u64, u32)>,
    /// Bytes of the smallest range of addresses around it, by which it is told what it is in.
    around: u64,
    /// What it is in, the outermost first.
    levels: Vec<Level>,
}

/// The frames of many places, which are section and offset each.
pub(super) fn of_sites(
    info: &DebugInfo<'_>,
    sites: &[(u32, u64)],
    budget: &Budget,
) -> Result<Vec<Vec<Frame>>, DebugError> {
    let addresses = addresses(info, sites);
    let mut found = BTreeMap::new();
    let sought = by_unit(info, &addresses, &budget.meter())?;
    let sought: Vec<(usize, &[u64])> = sought.iter().map(|(index, addresses)| (*index, addresses.as_slice())).collect();
    for frames in read(info, sought, budget)? {
        found.extend(frames);
    }
    // What no unit claims may be in one that does not say where its code is.
    let rest: Vec<u64> = addresses.iter().filter(|address| !found.contains_key(*address)).copied().collect();
    if !rest.is_empty() {
        let meter = budget.meter();
        let mut sought = Vec::new();
        for index in without_ranges(info) {
            meter.take(rest.len())?;
            sought.push((index, rest.as_slice()));
        }
        drop(meter);
        for (address, frames) in read(info, sought, budget)?.into_iter().flatten() {
            found.entry(address).or_insert(frames);
        }
    }
    name_by_symbols(info, &addresses, &mut found, &budget.meter())?;
    budget.check()?;
    let frames = |(section, offset): &(u32, u64)| {
        let address = info.asked.address(*section, *offset)?;
        found.get(&address).cloned()
    };
    Ok(sites.iter().map(|site| frames(site).unwrap_or_default()).collect())
}

/// The units that have code at these places, or may have it.
pub(super) fn units_of(
    info: &DebugInfo<'_>,
    sites: &[(u32, u64)],
    meter: &Meter<'_>,
) -> Result<BTreeSet<usize>, DebugError> {
    let addresses = addresses(info, sites);
    let claimed = by_unit(info, &addresses, meter)?;
    let is_all = claimed.values().map(Vec::len).sum::<usize>() == addresses.len();
    let rest = without_ranges(info).filter(|_| !is_all);
    Ok(claimed.keys().copied().chain(rest).collect())
}

/// The addresses of places, sorted, each once.
fn addresses(info: &DebugInfo<'_>, sites: &[(u32, u64)]) -> Vec<u64> {
    let addresses = sites.iter().filter_map(|(section, offset)| info.asked.address(*section, *offset));
    let addresses: BTreeSet<u64> = addresses.collect();
    addresses.into_iter().collect()
}

/// The units that do not say where their code is.
fn without_ranges(info: &DebugInfo<'_>) -> impl Iterator<Item = usize> {
    let units = info.units.listed.iter().enumerate();
    let without =
        units.filter(|(_, unit)| unit.ranges.is_none() && matches!(unit.kind, Kind::Compiled | Kind::Skeleton));
    without.map(|(index, _)| index)
}

/// Names functions by the symbol table where debug info does not: of two that are the same code it may have one only.
fn name_by_symbols(
    info: &DebugInfo<'_>,
    addresses: &[u64],
    found: &mut BTreeMap<u64, Vec<Frame>>,
    meter: &Meter<'_>,
) -> Result<(), DebugError> {
    let is_unnamed = |frames: &Vec<Frame>| frames.last().is_none_or(|frame| frame.function.is_none());
    let unnamed: Vec<u64> =
        addresses.iter().filter(|address| found.get(*address).is_none_or(is_unnamed)).copied().collect();
    let Some(symbols) = info.symbols.filter(|_| !unnamed.is_empty()) else { return Ok(()) };
    for symbol in symbols.iter().filter(|symbol| symbol.kind == STT_FUNC) {
        let low = info.places.address_of(&symbol);
        let first = unnamed.partition_point(|address| *address < low);
        let end = unnamed.partition_point(|address| *address < low.saturating_add(symbol.size));
        meter.take(1 + end.saturating_sub(first))?;
        for address in unnamed.get(first..end).unwrap_or_default() {
            let Some(name) = symbols.name(&symbol).and_then(text::symbol) else { continue };
            let frames = found.entry(*address).or_default();
            if frames.is_empty() {
                frames.push(Frame { function: None, file: None, line: None });
            }
            // Of several the first in the table.
            if let Some(frame) = frames.last_mut() {
                frame.function.get_or_insert_with(|| name.into());
            }
        }
    }
    Ok(())
}

/// The addresses by the unit that has code there, the first if there are several.
fn by_unit(
    info: &DebugInfo<'_>,
    addresses: &[u64],
    meter: &Meter<'_>,
) -> Result<BTreeMap<usize, Vec<u64>>, DebugError> {
    let mut units: Vec<Option<usize>> = vec![None; addresses.len()];
    for (index, listed) in info.units.listed.iter().enumerate() {
        for (low, high) in listed.ranges.iter().flatten() {
            let first = addresses.partition_point(|address| address < low);
            let end = addresses.partition_point(|address| address < high);
            meter.take(1 + end.saturating_sub(first))?;
            for unit in units.iter_mut().take(end).skip(first) {
                unit.get_or_insert(index);
            }
        }
    }
    let mut sought: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (unit, address) in units.iter().zip(addresses) {
        if let Some(unit) = unit {
            sought.entry(*unit).or_default().push(*address);
        }
    }
    Ok(sought)
}

/// Frames by addresses.
type Found = Vec<(u64, Vec<Frame>)>;

/// Looks for addresses in units; a unit that is broken has nothing.
fn read(info: &DebugInfo<'_>, sought: Vec<(usize, &[u64])>, budget: &Budget) -> Result<Vec<Found>, DebugError> {
    let found = sought.into_par_iter().map(|(index, addresses)| {
        let meter = budget.meter();
        let search = |unit: Result<Unit<'_>, DebugError>| {
            let site = |&address: &u64| Site { address, row: None, around: u64::MAX, levels: Vec::new() };
            in_unit(info, &unit?, &mut addresses.iter().map(site).collect::<Vec<_>>(), &meter)
        };
        let found = search(info.open(index, &meter)).or_else(|error| {
            error.unless_fatal()?;
            // The lines of one whose `.dwo` file is broken are in the main file.
            search(info.units.open(&info.sections, index, &meter))
        });
        found.or_else(|error| error.unless_fatal().map(|()| Vec::new()))
    });
    let found = found.collect::<Result<_, _>>();
    budget.check()?;
    found
}

/// Looks for sites, which are sorted, in a unit.
fn in_unit(info: &DebugInfo<'_>, unit: &Unit<'_>, sites: &mut [Site], meter: &Meter<'_>) -> Result<Found, DebugError> {
    let header = find_rows(unit, sites, meter)?;
    find_levels(unit, sites, meter)?;
    let mut names = names::Names::new(info);
    let mut found = Vec::new();
    for site in sites {
        let frames = frames_of(unit, header.as_ref(), site, &mut names, meter)?;
        if !frames.is_empty() {
            found.push((site.address, frames));
        }
    }
    Ok(found)
}

/// The sites, which are sorted, in a range of addresses.
fn within(sites: &mut [Site], low: u64, high: u64) -> &mut [Site] {
    let first = sites.partition_point(|site| site.address < low);
    let end = sites.partition_point(|site| site.address < high);
    sites.get_mut(first..end).unwrap_or_default()
}

/// Finds the row of the table of lines for each site, and gives the table's header, which has the files.
fn find_rows<'s>(
    unit: &Unit<'s>,
    sites: &mut [Site],
    meter: &Meter<'_>,
) -> Result<Option<LineProgramHeader<Slice<'s>>>, DebugError> {
    let Some(program) = unit.lines(meter)? else { return Ok(None) };
    let mut rows = program.rows();
    let mut last: Option<(u64, u64, u32)> = None;
    while let Some((_, row)) = rows.next_row()? {
        meter.take(1)?;
        // A row counts up to the next; of several at one address the last.
        if let Some((address, file, line)) = last
            && address < row.address()
        {
            for site in within(sites, address, row.address()) {
                meter.take(1)?;
                site.row = Some((file, line));
            }
        }
        let line = row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
        last = (!row.end_sequence()).then_some((row.address(), row.file_index(), line));
    }
    Ok(Some(rows.header().clone()))
}

/// Finds for each site the function and what is inlined there: what has the smallest range of addresses around it, and
/// all that is around that.
fn find_levels(unit: &Unit<'_>, sites: &mut [Site], meter: &Meter<'_>) -> Result<(), DebugError> {
    let mut walk = Walk::new(unit, meter)?;
    // The functions that the entry is in, with the depths of their own entries.
    let mut levels: Vec<(isize, Level)> = Vec::new();
    while let Some(entry) = walk.next()? {
        while levels.last().is_some_and(|(depth, _)| *depth >= entry.depth) {
            levels.pop();
        }
        match entry.tag {
            dw::DW_TAG_subprogram | dw::DW_TAG_inlined_subroutine => {}
            dw::DW_TAG_compile_unit
            | dw::DW_TAG_partial_unit
            | dw::DW_TAG_skeleton_unit
            | dw::DW_TAG_lexical_block
            | dw::DW_TAG_namespace
            | dw::DW_TAG_module => continue,
            _ => {
                walk.skip(&entry)?;
                continue;
            }
        }
        let is_inlined = entry.tag == dw::DW_TAG_inlined_subroutine;
        let (extent, call) = placed(walk.attributes()?);
        levels.push((entry.depth, Level { entry: entry.offset, call: is_inlined.then_some(call) }));
        if levels.len() > limits::INLINED_DEPTH {
            return Err(DebugError::TooMuch);
        }
        // One function in another is not inlined there.
        let first = levels.iter().rposition(|(_, level)| level.call.is_none()).unwrap_or(0);
        let around = levels.get(first..).unwrap_or_default();
        let mut has_sites = false;
        unit.ranges(&extent, meter, &mut |low, high| {
            for site in within(sites, low, high) {
                meter.take(around.len())?;
                has_sites = true;
                if high - low <= site.around {
                    site.around = high - low;
                    site.levels = around.iter().map(|(_, level)| *level).collect();
                }
            }
            Ok(())
        })?;
        if !has_sites && !is_inlined {
            walk.skip(&entry)?;
        }
    }
    Ok(())
}

/// What the attributes of a function's entry say of its place: its addresses, and the file and line of the call where it
/// is inlined.
fn placed<'s>(attributes: &[Attribute<Slice<'s>>]) -> (Extent<'s>, (u64, u32)) {
    let mut extent = Extent::default();
    let mut call = (0, 0);
    for attribute in attributes {
        extent.take(attribute);
        match attribute.name() {
            dw::DW_AT_call_file => call.0 = names::number(&attribute.value()).unwrap_or(0),
            dw::DW_AT_call_line => {
                call.1 = names::number(&attribute.value()).and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
            }
            _ => {}
        }
    }
    (extent, call)
}

/// Makes the frames of a site, the innermost first: each is in the function of its level, at the line from which the level
/// before is called.
fn frames_of<'s>(
    unit: &Unit<'s>,
    header: Option<&LineProgramHeader<Slice<'s>>>,
    site: &Site,
    names: &mut names::Names<'_>,
    meter: &Meter<'_>,
) -> Result<Vec<Frame>, DebugError> {
    let mut frames = Vec::new();
    let mut row = site.row;
    for level in site.levels.iter().rev() {
        frames.push(frame(unit, header, row, names.of(unit, level.entry, meter)?));
        row = level.call;
    }
    if frames.is_empty() && row.is_some() {
        frames.push(frame(unit, header, row, None));
    }
    Ok(frames)
}

fn frame<'s>(
    unit: &Unit<'s>,
    header: Option<&LineProgramHeader<Slice<'s>>>,
    row: Option<(u64, u32)>,
    function: Option<Box<str>>,
) -> Frame {
    let (file, line) = row.unzip();
    let file = file.and_then(|file| paths::of_file(unit, header?, file));
    Frame { function, file: file.map(|file| text::shown(&file).into()), line: line.filter(|line| *line > 0) }
}
