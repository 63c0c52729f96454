// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in the source a finding is: read once more of the modules that have one, and of no other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gathered, Judged, Source};
use crate::gate::{Finding, Location, Severity, Sought};
use crate::input::DebugFile;
use crate::module::debug::{DebugError, DebugInfo, Frame};
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
}

/// The findings of one module, each by its number with its places.
struct Places {
    of_findings: Vec<(usize, Vec<Location>)>,
    has_lines: bool,
    error: Option<String>,
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
        let (found, errors) = self.again(&wanted, &|index, bytes| {
            let findings = judged.modules.get(index).map(|judgement| judgement.findings.as_slice()).unwrap_or_default();
            let wanted = findings.iter().enumerate().filter(|(_, finding)| is_somewhere(finding));
            let facts = &self.modules.get(index)?.facts;
            let lines = |sites: &Sites<'_>, places: &[(u32, u64)]| {
                self.of_debug_info(index, bytes, sites, |debug| debug.frames_of(places))
            };
            places(bytes, facts, wanted, &lines)
        });
        let mut located = Located::default();
        located.errors.extend(errors.into_iter().map(|error| (error.path, error.kind.to_string())));
        for (index, places) in found {
            let (Some(judgement), Some(places)) = (judged.modules.get_mut(index), places) else { continue };
            located.modules += 1;
            located.with_lines += usize::from(places.has_lines);
            located.errors.extend(places.error.map(|error| (judgement.subject.name.to_string(), error)));
            for (number, locations) in places.of_findings {
                if let Some(finding) = judgement.findings.get_mut(number) {
                    finding.locations = locations;
                }
            }
        }
        located
    }

    /// The file that holds a module's debug info apart from it.
    fn debug_file(&self, index: usize, facts: &ModuleFacts, sites: &Sites<'_>) -> Option<DebugFile> {
        // The name of a package's member is no path.
        let path = match self.sources.get(index)? {
            Source::File(path) => Some(path.as_path()),
            Source::Package(_) => None,
        };
        self.debug_dirs.find(facts.build_id.as_deref(), sites.debug_link().as_deref(), path)
    }

    /// Asks a module's debug info: its own, or else what a file of its own holds.
    pub(super) fn of_debug_info<T>(
        &self,
        index: usize,
        bytes: Bytes<'_>,
        sites: &Sites<'_>,
        ask: impl Fn(&DebugInfo<'_>) -> Result<T, DebugError>,
    ) -> Result<T, DebugError> {
        let facts = self.modules.get(index).map(|module| &module.facts).ok_or(DebugError::None)?;
        if facts.debug_info {
            return ask(&DebugInfo::load(bytes)?);
        }
        let file = self.debug_file(index, facts, sites).ok_or(DebugError::None)?;
        file.read(|debug| ask(&DebugInfo::load_for(debug, &crate::module::debug::Shape::of(bytes)?)?))
            .unwrap_or(Err(DebugError::None))
    }
}

/// Tells the functions at places of a module, with their lines.
type Lines<'l> = dyn Fn(&Sites<'_>, &[(u32, u64)]) -> Result<Vec<Vec<Frame>>, DebugError> + 'l;

/// The places of findings in one module.
fn places<'f>(
    bytes: Bytes<'_>,
    facts: &ModuleFacts,
    findings: impl Iterator<Item = (usize, &'f Finding)>,
    lines: &Lines<'_>,
) -> Option<Places> {
    let sites = Sites::read(bytes).ok()??;
    let of_findings: Vec<(usize, Vec<Site>)> = findings
        .map(|(number, finding)| {
            let is_its = |symbol: &str| finding.symbols.iter().any(|own| own == symbol);
            let places = match finding.sought {
                Sought::Imports => sites.asking(&is_its, &facts.lookups),
                Sought::Exports => sites.offering(&is_its),
                Sought::Untold => sites.untold(&facts.lookups),
                Sought::Nothing => Vec::new(),
            };
            (number, places)
        })
        .collect();
    let code: BTreeSet<(u32, u64)> = of_findings
        .iter()
        .flat_map(|(_, sites)| sites)
        .filter(|site| site.is_code)
        .map(|site| (site.section, site.offset))
        .collect();
    let code: Vec<(u32, u64)> = code.into_iter().collect();
    let read = if code.is_empty() { Ok(Vec::new()) } else { lines(&sites, &code) };
    let (frames, error) = match read {
        Ok(frames) => (frames, None),
        Err(DebugError::None) => (Vec::new(), None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let has_lines = frames.iter().any(|frames| !frames.is_empty());
    let by_place: BTreeMap<(u32, u64), Vec<Frame>> = code.into_iter().zip(frames).collect();
    let located = |site: Site| Location {
        frames: by_place.get(&(site.section, site.offset)).cloned().unwrap_or_default(),
        symbol: Some(site.symbol),
        within: site.within,
    };
    let of_findings = of_findings.into_iter().map(|(number, sites)| {
        let mut locations: Vec<Location> = sites.into_iter().map(located).collect();
        // In the order of their places; several relocations may be of one line.
        let mut seen = BTreeSet::new();
        locations.retain(|location| seen.insert(location.clone()));
        (number, locations)
    });
    Some(Places { of_findings: of_findings.collect(), has_lines, error })
}
