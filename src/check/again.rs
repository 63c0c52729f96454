// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading once more what was read: of few modules more is to be known than of all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::{Gathered, Source};
use crate::input;
use crate::module::Bytes;

impl Gathered {
    /// Reads something more of the modules of these numbers; what can't be read is left out.
    pub(super) fn again<T: Send>(
        &self,
        wanted: &BTreeSet<usize>,
        read: &(dyn Fn(usize, Bytes<'_>) -> T + Sync),
    ) -> BTreeMap<usize, T> {
        let of_files = wanted.par_iter().filter_map(|&index| match self.sources.get(index)? {
            Source::File(path) => Some((index, input::read_again(path, |bytes| read(index, bytes)).ok()?)),
            Source::Package(_) => None,
        });
        let mut all: BTreeMap<usize, T> = of_files.collect();
        let mut of_packages: BTreeMap<usize, HashMap<&str, usize>> = BTreeMap::new();
        for &index in wanted {
            if let (Some(Source::Package(package)), Some(module)) = (self.sources.get(index), self.modules.get(index)) {
                of_packages.entry(*package).or_default().insert(&module.path, index);
            }
        }
        for (package, labels) in of_packages {
            let read = |package| input::read_package_again(package, &|label| labels.get(label).copied(), read);
            all.extend(self.packages.get(package).and_then(|package| read(package).ok()).into_iter().flatten());
        }
        all
    }
}
