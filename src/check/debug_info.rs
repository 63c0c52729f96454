// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking modules' debug info: what is in them or below folders at once, what may be in packages when these are read.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Gathered, Source};
use crate::input::{InputError, WantedDebugInfo};
use crate::module::debug::{DebugError, DebugInfo, Shape};
use crate::module::sites::Sites;
use crate::module::{Bytes, ModuleFacts};

/// What debug info tells.
pub(super) struct Told<T> {
    /// So far.
    pub(super) now: Result<T, DebugError>,
    /// By what it may be found yet, where there was none.
    pub(super) later: Option<Later>,
}

/// By what a module's debug info is found in a package, and read.
pub(super) struct Later {
    wanted: WantedDebugInfo,
    shape: Shape,
    places: Option<Vec<(u32, u64)>>,
}

/// The places in code, section and offset each, that matter; where there are none, all does.
pub(super) type Places<'p> = Option<&'p [(u32, u64)]>;

/// What is asked, of the module of a number.
pub(super) type Ask<'a, T> = dyn Fn(usize, &DebugInfo<'_>, Places<'_>) -> Result<T, DebugError> + 'a;

impl<T> From<Result<T, DebugError>> for Told<T> {
    fn from(now: Result<T, DebugError>) -> Self {
        Self { now, later: None }
    }
}

impl Gathered {
    /// Asks a module's debug info: its own, or else what a file of its own holds.
    pub(super) fn of_debug_info<T>(
        &self,
        index: usize,
        bytes: Bytes<'_>,
        sites: &Sites<'_>,
        places: Places<'_>,
        ask: &Ask<'_, T>,
    ) -> Told<T> {
        let Some(facts) = self.modules.get(index).map(|module| &module.facts) else {
            return Err(DebugError::None).into();
        };
        let all = |info: Result<DebugInfo<'_>, DebugError>| self.ask_all(index, info?, places, ask);
        if facts.debug_info {
            return all(DebugInfo::load(bytes)).into();
        }
        let link = sites.debug_link();
        if let Some(file) = self.debug_dirs.find(facts.build_id.as_deref(), link.as_deref(), self.path_of(index)) {
            let told = file.read(|debug| all(Shape::of(bytes).and_then(|shape| DebugInfo::load_for(debug, &shape))));
            return told.unwrap_or(Err(DebugError::None)).into();
        }
        let Some(wanted) = self.wanted(index, facts, link.as_deref()) else { return Err(DebugError::None).into() };
        match Shape::of(bytes) {
            Ok(shape) => {
                let later = Later { wanted, shape, places: places.map(<[_]>::to_vec) };
                Told { now: Err(DebugError::None), later: Some(later) }
            }
            Err(error) => Err(error).into(),
        }
    }

    /// Asks what was left for later, in one pass through each package. What is not found has none.
    pub(super) fn of_debug_packages<T>(
        &self,
        later: &BTreeMap<usize, Later>,
        ask: &Ask<'_, T>,
    ) -> (BTreeMap<usize, Result<T, DebugError>>, Vec<InputError>) {
        let mut told = BTreeMap::new();
        let wanted = later.iter().map(|(index, later)| (*index, &later.wanted)).collect();
        let errors = self.debug_dirs.search_packages(&wanted, &mut |index, debug| {
            let Some(later) = later.get(&index) else { return };
            let info = DebugInfo::load_for(debug, &later.shape);
            told.insert(index, info.and_then(|info| self.ask_all(index, info, later.places.as_deref(), ask)));
        });
        (told, errors)
    }

    /// Asks when what is in `.dwo` files is there, too.
    fn ask_all<T>(
        &self,
        index: usize,
        mut info: DebugInfo<'_>,
        places: Places<'_>,
        ask: &Ask<'_, T>,
    ) -> Result<T, DebugError> {
        self.debug_dirs.complete(&mut info, places, self.path_of(index));
        ask(index, &info, places)
    }

    /// By what a module's debug info is told in packages, if there are any.
    fn wanted(&self, index: usize, facts: &ModuleFacts, link: Option<&str>) -> Option<WantedDebugInfo> {
        let module = self.modules.get(index).filter(|_| self.debug_dirs.has_packages())?;
        WantedDebugInfo::of(facts.build_id.as_deref(), link, Path::new(&module.path))
    }

    /// Where a module is on disk; the name of a package's member is no path.
    fn path_of(&self, index: usize) -> Option<&Path> {
        match self.sources.get(index)? {
            Source::File(path) => Some(path),
            Source::Package(_) => None,
        }
    }
}
