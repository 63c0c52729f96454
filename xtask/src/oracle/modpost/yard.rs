// SPDX-License-Identifier: MIT OR Apache-2.0
//! A folder in which modpost finds finished modules by the names that objects have before they are linked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::super::symvers::Symvers;
use crate::shell::TaskError;

/// The folder. It goes when this does.
#[derive(Debug)]
pub(super) struct Yard {
    folder: TempDir,
    modules: Vec<String>,
}

impl Yard {
    /// The file with the names of the objects.
    pub(super) const ORDER: &str = "order";
    /// The table of exports.
    pub(super) const SYMVERS: &str = "Module.symvers";

    /// Lays out modules, given by names and files.
    pub(super) fn new<'a>(
        symvers: &Symvers,
        modules: impl IntoIterator<Item = (&'a str, &'a Path)>,
    ) -> Result<Self, TaskError> {
        let folder = TempDir::with_prefix("symgate-oracle-").map_err(TaskError::io(&std::env::temp_dir()))?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).map_err(TaskError::io(&path))
        };
        let mut names = Vec::new();
        for (name, file) in modules {
            let object = folder.path().join(format!("{name}.o"));
            symlink(file, &object).map_err(TaskError::io(&object))?;
            // The list of its parts, which modpost wants to read.
            write(&format!("{name}.mod"), "")?;
            names.push(name.to_owned());
        }
        write(Self::ORDER, &names.iter().map(|name| format!("{name}.o\n")).collect::<String>())?;
        write(Self::SYMVERS, &symvers.to_text())?;
        Ok(Self { folder, modules: names })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The names of its modules.
    pub(super) fn modules(&self) -> &[String] {
        &self.modules
    }
}
