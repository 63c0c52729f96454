// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pipeline: from what the caller names to one report.

use rayon::prelude::*;

use crate::exports::{ExportTable, Provided};
use crate::gate::{Context, Judgement};
use crate::input::{self, Collected, InputError, InputErrorKind, Inputs};
use crate::module::ModuleFacts;

/// All that was read, before anything is judged.
#[derive(Debug)]
pub struct Gathered {
    /// The modules that could be read, with the paths that reports use, in that order.
    pub modules: Vec<(String, ModuleFacts)>,
    /// How many modules there were to read.
    pub module_files: usize,
    /// Who exports what.
    pub exports: ExportTable,
    /// Inputs that yielded no facts.
    pub errors: Vec<InputError>,
}

impl Gathered {
    /// Reads all inputs. An unreadable `Module.symvers` ends it: without its reference nothing can be judged.
    pub fn read(inputs: &Inputs) -> Result<Self, InputError> {
        let Collected { modules: files, symvers, mut errors } = input::collect(&inputs.paths);
        let mut exports = ExportTable::default();
        let tables = inputs.symvers.iter().chain(&symvers);
        let read_tables = || tables.map(|path| input::read_symvers(path)).collect::<Result<Vec<_>, _>>();
        let (facts, tables) = rayon::join(|| input::read_all(&files), read_tables);
        let tables = tables?;
        if let (Some([]), Some(path)) = (tables.first().map(Vec::as_slice), inputs.symvers.first()) {
            return Err(InputError::new(path.display().to_string(), InputErrorKind::NoExports));
        }
        for provided in tables.into_iter().flatten() {
            exports.add(provided);
        }
        let mut modules = Vec::with_capacity(files.len());
        let module_files = files.len();
        for (file, facts) in files.into_iter().zip(facts) {
            match facts {
                Ok(facts) => modules.push((file.label, facts)),
                Err(error) => errors.push(error),
            }
        }
        for (label, facts) in &modules {
            let provider = provider_path(label);
            for export in &facts.exports {
                exports.add(Provided { export: export.clone(), provider: provider.into() });
            }
        }
        errors.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { modules, module_files, exports, errors })
    }

    /// Judges all modules, in the order of their paths.
    #[must_use]
    pub fn judge<'a>(&'a self, context: &'a Context<'a>) -> Vec<Judgement<'a>> {
        self.modules.par_iter().map(|(path, facts)| context.judge(path, facts)).collect()
    }
}

/// A module's path as `Module.symvers` has it: without `.ko` and what follows, and without the `kernel/`
/// that `modules_install` puts before it.
#[must_use]
pub fn provider_path(label: &str) -> &str {
    let stem = label.rfind(".ko").map_or(label, |end| label.get(..end).unwrap_or(label));
    let installed = stem.find("lib/modules/").and_then(|at| stem.get(at..)?.split_once("/kernel/"));
    match (installed, stem.strip_prefix("kernel/")) {
        (Some((_, path)), _) | (None, Some(path)) => path,
        (None, None) => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::provider_path;

    #[test]
    fn provider_paths_are_those_of_the_build() {
        assert_eq!(provider_path("kernel/drivers/gpu/drm/drm.ko.xz"), "drivers/gpu/drm/drm");
        assert_eq!(provider_path("usr/lib/modules/6.1/kernel/fs/a.ko"), "fs/a");
        assert_eq!(provider_path("updates/dkms/x.ko"), "updates/dkms/x");
        assert_eq!(provider_path("/tmp/y/foo.ko"), "/tmp/y/foo");
    }
}
