// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading once more what was read: of few modules more is to be known than of all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::{Gathered, Source};
use crate::input::{self, InputError, Numbered};
use crate::module::Bytes;

impl Gathered {
    /// Reads something more of the modules of these numbers. What can't be read now could be read before: that is an error.
    pub(super) fn again<T: Send>(
        &self,
        wanted: &BTreeSet<usize>,
        read: &(dyn Fn(usize, Bytes<'_>) -> T + Sync),
    ) -> (BTreeMap<usize, T>, Vec<InputError>) {
        let of_files = wanted.par_iter().filter_map(|&index| match self.sources.get(index)? {
            Source::File(path) => Some((index, input::read_again(path, |bytes| read(index, bytes)))),
            Source::Package(_) => None,
        });
        let mut all: Vec<Numbered<T>> = of_files.collect();
        let mut of_packages: BTreeMap<usize, HashMap<&str, usize>> = BTreeMap::new();
        for &index in wanted {
            if let (Some(Source::Package(package)), Some(module)) = (self.sources.get(index), self.modules.get(index)) {
                of_packages.entry(*package).or_default().insert(&module.path, index);
            }
        }
        let mut errors = Vec::new();
        for (package, labels) in of_packages {
            let Some(package) = self.packages.get(package) else { continue };
            match input::read_package_again(package, &|label| labels.get(label).copied(), read) {
                Ok(read) => all.extend(read),
                Err(kind) => errors.push(InputError::new(&package.label, kind)),
            }
        }
        let mut found = BTreeMap::new();
        for (index, read) in all {
            match (read, self.modules.get(index)) {
                (Ok(read), _) => {
                    found.insert(index, read);
                }
                (Err(kind), Some(module)) => errors.push(InputError::new(&module.path, kind)),
                (Err(_), None) => {}
            }
        }
        (found, errors)
    }
}
