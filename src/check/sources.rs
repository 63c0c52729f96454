// SPDX-License-Identifier: MIT OR Apache-2.0
//! Of which files of source modules were made, as their debug info tells, and which of their functions it knows nothing of: those
//! were linked in without it, as is done with what comes without source.

use std::collections::{BTreeMap, BTreeSet};

use super::Gathered;
use super::debug_info::Told;
use crate::module::debug::{DebugError, DebugInfo};
use crate::module::sites::Sites;

/// What debug info tells of a module's source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The files that were compiled, as the compiler was told them, sorted.
    pub files: Vec<String>,
    /// How many functions the module has.
    pub functions: usize,
    /// The functions that no debug info knows, sorted.
    pub without: Vec<String>,
}

impl Gathered {
    /// What is told of these modules, by their numbers; of one without debug info nothing is.
    #[must_use]
    pub fn sources(&self, modules: &BTreeSet<usize>) -> BTreeMap<usize, Sources> {
        let (read, _) = self.again(modules, &|index, bytes| {
            let sites = Sites::read(bytes).ok()??;
            let functions = Functions::of(&sites);
            let told = self.of_debug_info(index, bytes, &sites, None, &|_, info, _| functions.ask(info));
            Some((told, functions))
        });
        let (mut all, mut later, mut functions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (index, read) in read {
            let Some((Told { now, later: wanted }, of_module)) = read else { continue };
            all.extend(now.ok().map(|sources| (index, sources)));
            later.extend(wanted.map(|wanted| (index, wanted)));
            functions.insert(index, of_module);
        }
        let (told, _) = self.of_debug_packages(&later, &|index, info, _| {
            functions.get(&index).map_or(Err(DebugError::None), |functions| functions.ask(info))
        });
        all.extend(told.into_iter().filter_map(|(index, sources)| Some((index, sources.ok()?))));
        all
    }
}

/// The functions of a module: section, offset and name.
struct Functions(Vec<(u32, u64, Box<str>)>);

impl Functions {
    fn of(sites: &Sites<'_>) -> Self {
        Self(sites.functions(&|_| true).into_iter().map(|site| (site.section, site.offset, site.symbol)).collect())
    }

    fn ask(&self, info: &DebugInfo<'_>) -> Result<Sources, DebugError> {
        let places: Vec<(u32, u64)> = self.0.iter().map(|(section, offset, _)| (*section, *offset)).collect();
        let frames = info.frames_of(&places)?;
        let unknown = self.0.iter().zip(frames).filter(|(_, frames)| frames.is_empty());
        let without: BTreeSet<String> = unknown.map(|((.., name), _)| name.to_string()).collect();
        let files = info.compiled_files()?;
        Ok(Sources { files, functions: self.0.len(), without: without.into_iter().collect() })
    }
}
