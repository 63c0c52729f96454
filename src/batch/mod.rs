// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many inputs in one run, each judged apart from the others: an archive's packages.
//!
//! No more than one of them is in memory at a time, and what has been done can be left out of the next run.

mod journal;
mod kernels;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

pub use journal::{Journal, JournalError};
pub use kernels::{Kernel, Kernels};

use crate::input::{self, InputError, InputErrorKind};

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

/// The inputs that are judged apart: what is named, what a list names, and in a folder its packages; one without a package is an
/// input itself.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, InputError> {
    let mut inputs = Vec::new();
    for path in paths {
        match path.to_str().and_then(|path| path.strip_prefix('@')) {
            Some(list) => {
                let listed = input::listed(Path::new(list));
                inputs.extend(listed.map_err(|kind| InputError::new(path.display().to_string(), kind))?);
            }
            None => inputs.push(path.clone()),
        }
    }
    let mut apart = Vec::new();
    for path in inputs {
        let packages = if path.is_dir() { packages_of(&path)? } else { Vec::new() };
        if packages.is_empty() { apart.push(path) } else { apart.extend(packages) }
    }
    Ok(apart)
}

/// The packages in a folder, by their paths.
fn packages_of(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let mut packages = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).display().to_string();
            let kind = error.into_io_error().map_or(InputErrorKind::NotAFile("a loop of links"), InputErrorKind::Io);
            InputError::new(path, kind)
        })?;
        let is_package = entry.path().extension().is_some_and(|ending| ending == "deb" || ending == "rpm");
        if is_package && entry.file_type().is_file() {
            packages.push(entry.into_path());
        }
    }
    Ok(packages)
}
