// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many inputs in one run, each judged apart from the others: an archive's packages.
//!
//! No more than one of them is in memory at a time, and what has been done can be left out of the next run.

mod journal;
mod kernels;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use journal::{Journal, JournalError};
pub use kernels::{Kernel, Kernels};

use crate::input::{self, Collected, Format, InputError, InputErrorKind, PackageFile};

/// How one of many inputs came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is denied.
    Clean,
    /// Something is denied.
    Denied,
    /// It yielded no facts, whatever else was found.
    NoFacts,
    /// There is no module in it, such as where a package holds only sources.
    NothingToJudge,
}

/// One input that is judged apart.
#[derive(Debug)]
pub struct Input {
    /// How it is called.
    pub path: PathBuf,
    /// What of it is read: itself, or the modules that lie in a folder beside packages.
    pub files: Vec<PathBuf>,
    /// What of it yields nothing.
    pub errors: Vec<InputError>,
    /// Whether it is a package: one without a module in it is nothing to judge.
    pub is_package: bool,
}

/// The inputs that are judged apart: what is named, what a list names, and of a folder its packages, and all the rest of it together.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, InputError> {
    let mut named = Vec::new();
    for path in paths {
        match path.to_str().and_then(|path| path.strip_prefix('@')) {
            Some(list) => {
                let listed = input::listed(Path::new(list));
                named.extend(listed.map_err(|kind| InputError::new(path.display().to_string(), kind))?);
            }
            None => named.push(path.clone()),
        }
    }
    Ok(named.into_iter().flat_map(apart).collect())
}

/// What a path stands for.
fn apart(path: PathBuf) -> Vec<Input> {
    let package = |file: PackageFile| Input {
        files: vec![file.path.clone()],
        path: file.path,
        errors: Vec::new(),
        is_package: file.format != Format::Initramfs,
    };
    let Collected { modules, packages, errors, .. } = input::collect(std::slice::from_ref(&path));
    if packages.is_empty() {
        return vec![Input { files: vec![path.clone()], path, errors: Vec::new(), is_package: false }];
    }
    let mut inputs: Vec<Input> = packages.into_iter().map(package).collect();
    if !modules.is_empty() || !errors.is_empty() {
        let files = modules.into_iter().map(|module| module.path).collect();
        inputs.push(Input { path, files, errors, is_package: false });
    }
    inputs
}

/// The packages in a folder, by their paths.
fn packages_of(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let Collected { packages, mut errors, .. } = input::collect(&[folder.to_owned()]);
    errors.retain(|error| !matches!(error.kind, InputErrorKind::NoModules));
    match errors.into_iter().next() {
        Some(error) => Err(InputError::new(folder.join(&error.path).display().to_string(), error.kind)),
        None => Ok(packages.into_iter().map(|package| package.path).collect()),
    }
}
