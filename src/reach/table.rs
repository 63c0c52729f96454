// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the exports of real kernels were seen to lead to, as data: for where a kernel's own modules are not at hand, or are
//! built into its image.
//!
//! A file for each series of kernels (`6.1.tsv`), a line for each way out of a module, its fields parted by a tab: the module,
//! the export, the grade (`call`, `table`; `none` of an export that leads nowhere here, but does in another series), the
//! import by which the way leaves the module, and the functions and objects on it, parted by a blank. `cargo xtask facades`
//! writes them. Lines that begin with `#` say where they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::Hop;
use crate::module::ModuleName;
use crate::module::graph::{Grade, Graph, Link, Target};
use crate::text;

/// A series of kernels: the first two numbers of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    major: u16,
    minor: u16,
}

impl FromStr for Series {
    type Err = &'static str;

    /// The series of a release such as `6.1.0-56-amd64`, or a series itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end)?.parse().ok()
        };
        let parsed = text.split_once('.').and_then(|(major, rest)| Some((major.parse().ok()?, number(rest)?)));
        let (major, minor) = parsed.ok_or("is no kernel's release: it begins with no two numbers")?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Series {
    /// How many series lie between two. A major number has about twenty: 4.20 was followed by 5.0, 5.19 by 6.0.
    fn distance(self, other: Self) -> u32 {
        let ordinal = |series: Self| u32::from(series.major) * 20 + u32::from(series.minor);
        ordinal(self).abs_diff(ordinal(other))
    }
}

/// What the exports of one series lead to, by name.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The ways of each export out of its module; none if it leads nowhere.
    exports: BTreeMap<Box<str>, Vec<Hop>>,
}

/// Why a text is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TableError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub message: &'static str,
}

impl Table {
    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (export, hop) = hop(line).map_err(|message| TableError { line: index + 1, message })?;
            table.exports.entry(export.into()).or_default().extend(hop);
        }
        Ok(table)
    }
}

/// The export of a line, and the way out of its module.
fn hop(line: &str) -> Result<(&str, Option<Hop>), &'static str> {
    let fields: Vec<&str> = line.split('\t').collect();
    if fields.iter().any(|field| field.split(' ').any(|name| text::symbol(name.as_bytes()).is_none())) {
        return Err("a field is empty, or holds what is no name");
    }
    match *fields.as_slice() {
        [_, export, "none"] => Ok((export, None)),
        [module, export, grade, import, parts] => {
            let grade = match grade {
                "call" => Grade::Call,
                "table" => Grade::Table,
                _ => return Err("the grade is neither call nor table"),
            };
            let parts = parts.split(' ').map(Into::into).collect();
            let module = ModuleName::new(module);
            Ok((export, Some(Hop { module, basis: super::Basis::Table, grade, parts, import: import.into() })))
        }
        _ => Err("it has neither five fields, nor three of which the last is none"),
    }
}

/// The tables of all series.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    series: BTreeMap<Series, Table>,
}

/// A series that was asked for, and the one whose table came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The series of a kernel; none if the kernel is not known.
    pub series: Option<Series>,
    /// The same, or the nearest that there is a table of.
    pub nearest: Series,
}

/// What is known of some series, from their own tables or from others.
#[derive(Debug)]
pub struct Known<'t> {
    /// Which tables came first.
    pub tables: Vec<Asked>,
    /// The ways out of each module, sorted.
    modules: BTreeMap<&'t ModuleName, Vec<(&'t str, &'t Hop)>>,
}

impl Tables {
    /// Adds a table; one of the same series is replaced.
    pub fn add(&mut self, series: Series, table: Table) {
        self.series.insert(series, table);
    }

    /// The names of all exports that lead anywhere in any series, with their modules.
    pub fn leading(&self) -> impl Iterator<Item = (&ModuleName, &str)> {
        let exports = self.series.values().flat_map(|table| &table.exports);
        exports.flat_map(|(export, hops)| hops.iter().map(move |hop| (&hop.module, &**export)))
    }

    /// What is known of these series, or of the newest if there are none. What the table of one, or else the nearest, does not
    /// have at all is taken from the nearest that has it: an export that came later, or that was no longer there.
    #[must_use]
    pub fn of(&self, series: &BTreeSet<Series>) -> Known<'_> {
        let mut known = Known { tables: Vec::new(), modules: BTreeMap::new() };
        let wanted: Vec<Option<Series>> =
            if series.is_empty() { vec![None] } else { series.iter().copied().map(Some).collect() };
        for series in wanted {
            let nearest = self.nearest(series);
            known.tables.extend(nearest.first().map(|(nearest, _)| Asked { series, nearest: *nearest }));
            known.add(&nearest);
        }
        for hops in known.modules.values_mut() {
            hops.sort_unstable();
            hops.dedup();
        }
        known
    }

    /// All tables, the nearest first, and of two as near the later.
    fn nearest(&self, series: Option<Series>) -> Vec<(Series, &Table)> {
        let mut nearest: Vec<(Series, &Table)> =
            self.series.iter().map(|(series, table)| (*series, table)).rev().collect();
        if let Some(wanted) = series {
            nearest.sort_by_key(|(series, _)| series.distance(wanted));
        }
        nearest
    }
}

impl<'t> Known<'t> {
    fn add(&mut self, nearest: &[(Series, &'t Table)]) {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (_, table) in nearest {
            for (export, hops) in table.exports.iter().filter(|(export, _)| !told.contains(&***export)) {
                for hop in hops {
                    self.modules.entry(&hop.module).or_default().push((export, hop));
                }
            }
            told.extend(table.exports.keys().map(|export| &**export));
        }
    }

    /// The modules, each with its exports that lead out of it and the imports to which.
    pub fn modules(&self) -> impl Iterator<Item = (&'t ModuleName, &[(&'t str, &'t Hop)])> {
        self.modules.iter().map(|(module, hops)| (*module, hops.as_slice()))
    }
}

/// The graph of a module of which only the ways out are known.
#[must_use]
pub fn graph(hops: &[(&str, &Hop)]) -> Graph {
    let mut graph = Graph::default();
    for (export, hop) in hops {
        let first = graph.parts.len();
        let import = graph.imports.len();
        let (Ok(index), Ok(import)) = (u32::try_from(first), u32::try_from(import)) else { break };
        graph.exports.push(((*export).into(), index));
        graph.imports.push(hop.import.clone());
        graph.parts.extend(hop.parts.iter().cloned());
        let last = hop.parts.len().saturating_sub(1);
        for (place, next) in (0..hop.parts.len()).zip(index + 1..) {
            let to = if place == last { Target::Import(import) } else { Target::Part(next) };
            let grade = if place == 0 { hop.grade } else { Grade::Call };
            graph.links.push(vec![Link { to, grade }]);
        }
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Series {
        text.parse().unwrap()
    }

    #[test]
    fn a_series_is_two_numbers() {
        assert_eq!(series("6.1.0-56-amd64"), series("6.1"));
        assert_eq!(series("7.3-rc7").to_string(), "7.3");
        for bad in ["", "6", "linux", "6.x", "-6.1"] {
            assert!(bad.parse::<Series>().is_err(), "{bad}");
        }
        assert_eq!(series("6.0").distance(series("5.19")), 1);
    }

    #[test]
    fn tells_what_is_wrong_in_which_line() {
        let error = |text: &str| Table::parse(text).unwrap_err();
        assert_eq!(error("# a\n\na\tb\tcall\tc").line, 3);
        assert_eq!(error("a\tb\tsome\tc\td").message, "the grade is neither call nor table");
        assert_eq!(error("a\t\tcall\tc\td").message, "a field is empty, or holds what is no name");
        assert!(Table::parse("a\tb\tnone\na\tc\ttable\td\tc e f\n").is_ok());
    }

    #[test]
    fn the_nearest_series_counts_and_others_for_what_it_lacks() {
        let mut tables = Tables::default();
        assert!(tables.of(&BTreeSet::new()).tables.is_empty());
        tables.add(series("6.1"), Table::parse("m\told\tcall\tx\told\nm\tboth\tcall\ty\tboth\n").unwrap());
        tables.add(series("6.12"), Table::parse("m\tboth\tnone\nm\tnew\ttable\tz\tnew a\n").unwrap());
        let seen = |at: Option<&str>| {
            let known = tables.of(&at.map(series).into_iter().collect());
            let exports = known.modules().flat_map(|(_, hops)| hops.iter().map(|(export, _)| *export));
            let mut exports: Vec<&str> = exports.collect();
            exports.sort_unstable();
            format!("{} {}", known.tables[0].nearest, exports.join(" "))
        };
        assert_eq!(seen(Some("6.1")), "6.1 both new old");
        // What the nearest has as leading nowhere leads nowhere.
        assert_eq!(seen(Some("6.17")), "6.12 new old");
        assert_eq!(seen(Some("5.10")), "6.1 both new old");
        assert_eq!(seen(None), "6.12 new old");
        // Of two series that matter neither can hide what the other has.
        let both = tables.of(&BTreeSet::from([series("6.1"), series("6.12")]));
        assert_eq!((both.tables.len(), both.modules().map(|(_, hops)| hops.len()).sum::<usize>()), (2, 3));
        assert_eq!(tables.leading().count(), 3);
    }

    #[test]
    fn a_way_out_is_a_graph() {
        let table = Table::parse("m\ta\ttable\tx\ta b c\nm\ta\tcall\ty\ta\n").unwrap();
        let mut tables = Tables::default();
        tables.add(series("6.1"), table);
        let known = tables.of(&BTreeSet::new());
        let (_, hops) = known.modules().next().unwrap();
        let graph = graph(hops);
        assert_eq!((graph.parts.len(), graph.exports.len(), graph.imports.len()), (4, 2, 2));
        // They are sorted: the one by calls comes first.
        assert_eq!(graph.links[0], [Link { to: Target::Import(0), grade: Grade::Call }]);
        assert_eq!(graph.links[1], [Link { to: Target::Part(2), grade: Grade::Table }]);
        assert_eq!(graph.links[3], [Link { to: Target::Import(1), grade: Grade::Call }]);
    }
}
