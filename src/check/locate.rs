// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in the source a finding is: read once more of the modules that have one, and of no other.

use std::collections::{BTreeMap, BTreeSet};

use super::debug_info::{Later, Places, Told};
use super::{Gathered, Judged};
use crate::gate::{Finding, Location, Severity, Sought};
use crate::module::debug::{DebugError, DebugInfo, Frame, Missing};
use crate::module::sites::{Site, Sites};
use crate::module::{Bytes, ModuleFacts};

/// How much is known of where findings are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// Modules with findings that are somewhere in their code.
    pub modules: usize,
    /// Those of them of which debug info tells the lines.
    pub with_lines: usize,
    /// What is wrong with the debug info of others, by their names.
    pub errors: BTreeMap<String, String>,
    /// What is wrong with packages of debug info, by their paths.
    pub unread: BTreeMap<String, String>,
    /// What is missing of the debug info of those whose lines are known, by their names.
    pub missing: BTreeMap<String, Missing>,
}

/// Where the findings of one module are, each by its number.
struct Found {
    of_findings: Vec<(usize, Vec<Site>)>,
    /// The places in code among them: section and offset.
    code: Vec<(u32, u64)>,
    lines: Result<Lines, DebugError>,
}

/// What debug info tells of places in code, in their order.
#[derive(Default)]
struct Lines {
    frames: Vec<Vec<Frame>>,
    /// How many `.dwo` files are missing that would tell more of them.
    missing: usize,
}

impl Gathered {
    /// Says of each finding that warns or denies where it is.
    pub fn locate(&self, judged: &mut Judged<'_>) -> Located {
        let is_somewhere = |finding: &Finding| {
            finding.severity != Severity::Note && finding.waiver.is_none() && finding.sought != Sought::Nothing
        };
        let wanted: BTreeSet<usize> = judged
            .modules
            .iter()
            .enumerate()
            .filter(|(_, judgement)| judgement.findings.iter().any(is_somewhere))
            .map(|(index, _)| index)
            .collect();
        let (read, errors) = self.again(&wanted, &|index, bytes| {
            let findings = judged.modules.get(index).map(|judgement| judgement.findings.as_slice()).unwrap_or_default();
            let wanted = findings.iter().enumerate().filter(|(_, finding)| is_somewhere(finding));
            self.find(index, bytes, wanted)
        });
        let mut located = Located::default();
        located.errors.extend(errors.into_iter().map(|error| (error.path, error.kind.to_string())));
        for (index, found) in self.with_lines(read, &mut located) {
            let Some(judgement) = judged.modules.get_mut(index) else { continue };
            let name = judgement.subject.name.to_string();
            located.modules += 1;
            match &found.lines {
                Ok(lines) => {
                    located.with_lines += usize::from(lines.frames.iter().any(|frames| !frames.is_empty()));
                    located.missing.extend((lines.missing > 0).then_some((name, Missing::Split(lines.missing))));
                }
                Err(DebugError::None) => {}
                Err(error) => drop(located.errors.insert(name, error.to_string())),
            }
            for (number, locations) in found.located() {
                if let Some(finding) = judgement.findings.get_mut(number) {
                    finding.locations = locations;
                }
            }
        }
        located
    }

    /// Finds the places of findings in one module, and their lines if these are at hand.
    fn find<'f>(
        &self,
        index: usize,
        bytes: Bytes<'_>,
        findings: impl Iterator<Item = (usize, &'f Finding)>,
    ) -> Option<(Found, Option<Later>)> {
        let facts = &self.modules.get(index)?.facts;
        let sites = Sites::read(bytes).ok()??;
        let of_findings: Vec<(usize, Vec<Site>)> =
            findings.map(|(number, finding)| (number, sites_of(finding, facts, &sites))).collect();
        let places = of_findings.iter().flat_map(|(_, sites)| sites).filter(|site| site.is_code);
        let code: BTreeSet<(u32, u64)> = places.map(|site| (site.section, site.offset)).collect();
        let code: Vec<(u32, u64)> = code.into_iter().collect();
        let Told { now: lines, later } = if code.is_empty() {
            Ok(Lines::default()).into()
        } else {
            self.of_debug_info(index, bytes, &sites, Some(&code), &Lines::of)
        };
        Some((Found { of_findings, code, lines }, later))
    }

    /// Waits for the lines that are in packages.
    fn with_lines(
        &self,
        read: BTreeMap<usize, Option<(Found, Option<Later>)>>,
        located: &mut Located,
    ) -> BTreeMap<usize, Found> {
        let (mut all, mut later) = (BTreeMap::new(), BTreeMap::new());
        for (index, read) in read {
            let Some((found, wanted)) = read else { continue };
            all.insert(index, found);
            later.extend(wanted.map(|wanted| (index, wanted)));
        }
        let (told, errors) = self.of_debug_packages(&later, &Lines::of);
        located.unread.extend(errors.into_iter().map(|error| (error.path, error.kind.to_string())));
        for (index, lines) in told {
            if let Some(found) = all.get_mut(&index) {
                found.lines = lines;
            }
        }
        all
    }
}

/// The places of one finding.
fn sites_of(finding: &Finding, facts: &ModuleFacts, sites: &Sites<'_>) -> Vec<Site> {
    let is_its = |symbol: &str| finding.symbols.iter().any(|own| own == symbol);
    match finding.sought {
        Sought::Imports => sites.asking(&is_its, &facts.lookups),
        Sought::Exports => sites.offering(&is_its),
        Sought::Untold => sites.untold(&facts.lookups),
        Sought::Nothing => Vec::new(),
    }
}

impl Lines {
    fn of(_: usize, info: &DebugInfo<'_>, code: Places<'_>) -> Result<Self, DebugError> {
        let code = code.unwrap_or_default();
        Ok(Self { frames: info.frames_of(code)?, missing: info.missing_files(Some(code))?.len() })
    }
}

impl Found {
    /// The findings' places with what is known of them.
    fn located(self) -> impl Iterator<Item = (usize, Vec<Location>)> {
        let frames = self.lines.unwrap_or_default().frames;
        let by_place: BTreeMap<(u32, u64), Vec<Frame>> = self.code.into_iter().zip(frames).collect();
        self.of_findings.into_iter().map(move |(number, sites)| {
            let located = |site: Site| Location {
                frames: by_place.get(&(site.section, site.offset)).cloned().unwrap_or_default(),
                symbol: Some(site.symbol),
                within: site.within,
            };
            let mut locations: Vec<Location> = sites.into_iter().map(located).collect();
            // In the order of their places; several relocations may be of one line.
            let mut seen = BTreeSet::new();
            locations.retain(|location| seen.insert(location.clone()));
            (number, locations)
        })
    }
}
