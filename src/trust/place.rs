// SPDX-License-Identifier: MIT OR Apache-2.0
//! Places that the caller names as a kernel's own: where it was built, where its modules are installed, its packages.
//!
//! Of a build only what its own `modules.order` lists counts: under the same folder others may have built theirs, and
//! `updates/` and `extra/` are in no kernel's list.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::input::{self, InputErrorKind, ModuleFile};
use crate::module::ModuleName;
use crate::module::name::without_ending;

/// Modules by the SHA-256 of their contents and the name that each is listed by, with where they are.
pub type Contents = BTreeMap<([u8; 32], ModuleName), String>;

/// Why something is no place of a kernel's.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It can't be read.
    #[error(transparent)]
    Input(#[from] InputErrorKind),
    /// It is nobody's build, or not a kernel's.
    #[error(
        "is no folder that a kernel was built or installed in: there is no {0} in it (name the folder of its \
         modules.order and modules.builtin: where it was built, or lib/modules/VERSION)"
    )]
    NoKernel(&'static str),
}

/// All places that the caller named.
#[derive(Debug, Default)]
pub(super) struct Places {
    builds: Vec<Build>,
    /// Packages, by their real paths, with the names they were given by.
    packages: BTreeMap<PathBuf, PathBuf>,
    /// The real paths of the folders that were asked for.
    folders: Mutex<Folders>,
}

/// The real paths of folders. By their bytes: to compare paths takes longer than to find one.
type Folders = HashMap<OsString, Option<PathBuf>>;

/// One build's folder.
#[derive(Debug)]
struct Build {
    /// As it was given.
    name: PathBuf,
    /// Its real path.
    folder: PathBuf,
    /// What its `modules.order` lists, without endings.
    listed: HashSet<String>,
    /// How many files there are for each stem, by the folders in it that were looked into.
    there: Mutex<HashMap<OsString, HashMap<OsString, usize>>>,
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.packages.is_empty()
    }

    /// Adds a folder.
    pub(super) fn add_build(&mut self, folder: &Path) -> Result<(), PlaceError> {
        self.builds.push(Build::read(folder)?);
        Ok(())
    }

    /// Adds a folder that nobody named, of which less counts: what it lists in `kernel/`.
    pub(super) fn add_own_word(&mut self, folder: &Path) -> Result<(), PlaceError> {
        let mut build = Build::read(folder)?;
        build.listed.retain(|stem| stem.starts_with("kernel/"));
        self.builds.push(build);
        Ok(())
    }

    /// Adds a package.
    pub(super) fn add_package(&mut self, package: &Path) -> Result<(), PlaceError> {
        let real = package.canonicalize().map_err(InputErrorKind::Io)?;
        if !input::is_package(&real)? {
            return Err(InputErrorKind::Unsupported("no package").into());
        }
        self.packages.insert(real, package.to_owned());
        Ok(())
    }

    /// The place that a module's file is in, if it is one of these and bears the name that is listed there.
    pub(super) fn of_file(&self, path: &Path, name: &ModuleName) -> Option<String> {
        if self.builds.is_empty() {
            return None;
        }
        let (build, real) = self.listed(path)?;
        (name_of(&real) == *name).then(|| format!("{}, by its modules.order", build.name.display()))
    }

    /// The build that lists a file, and the file's real path. Two files for one line are none: nobody can tell which of them
    /// was built.
    fn listed(&self, path: &Path) -> Option<(&Build, PathBuf)> {
        let real = self.real(path)?;
        let is_listed = |build: &&Build| {
            let relative = real.strip_prefix(&build.folder).ok().and_then(Path::to_str);
            relative.map(without_ending).is_some_and(|stem| build.listed.contains(stem) && build.is_alone(stem))
        };
        let build = self.builds.iter().find(is_listed)?;
        Some((build, real))
    }

    /// A file's real path. Of the thousands of a tree only the folders are walked down to, each once.
    fn real(&self, path: &Path) -> Option<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path.canonicalize().ok() };
        if path.symlink_metadata().ok()?.is_symlink() {
            return path.canonicalize().ok();
        }
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        Some(real_folder(&mut folders, folder)?.join(name))
    }

    /// The same of a package that modules are in.
    pub(super) fn of_package(&self, package: &Path) -> Option<String> {
        let name = self.packages.get(&package.canonicalize().ok()?)?;
        Some(name.display().to_string())
    }

    /// All modules of all places by their contents, each with the name that it is listed by.
    pub(super) fn contents(&self) -> Result<Contents, (PathBuf, InputErrorKind)> {
        let mut all = Contents::new();
        // The same content may be in several places: the first of them is told.
        let mut add = |hash: [u8; 32], name: ModuleName, place: String| {
            let told = all.entry((hash, name)).or_insert_with(|| place.clone());
            if place < *told {
                *told = place;
            }
        };
        for build in &self.builds {
            let listed: Vec<&String> = build.listed.iter().filter(|stem| build.is_alone(stem)).collect();
            let hashes = listed.into_par_iter().flat_map_iter(|stem| {
                let name = ModuleName::from_path(stem);
                let found = input::list::candidates(&build.folder, stem).filter(|path| path.is_file());
                // A link's name is its own: what it leads to has to bear the same.
                let inside = found
                    .filter(move |path| self.listed(path).is_some_and(|(_, real)| name_of(&real) == name_of(path)));
                // One that can't be read proves nothing for others.
                inside.filter_map(move |path| {
                    Some((input::content_hash(&path).ok()?, name.clone(), path.display().to_string()))
                })
            });
            for (hash, name, place) in hashes.collect::<Vec<_>>() {
                add(hash, name, place);
            }
        }
        for (real, name) in &self.packages {
            let failed = |kind| (name.clone(), kind);
            for (member, hash) in input::content_hashes_of_package(real).map_err(failed)? {
                add(hash, ModuleName::from_path(&member), format!("{}!{member}", name.display()));
            }
        }
        Ok(all)
    }
}

/// The modules of a kernel's own that are in a folder which it was built or installed in, sorted, and how many it lists: not
/// all of them have to be installed.
pub(crate) fn modules(folder: &Path) -> Result<(Vec<ModuleFile>, usize), PlaceError> {
    let build = Build::read(folder)?;
    let listed = build.listed.len();
    let alone = build.listed.iter().filter(|stem| build.is_alone(stem));
    let files = alone.flat_map(|stem| input::list::candidates(&build.folder, stem)).filter_map(|path| {
        let meta = path.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(ModuleFile { label: path.display().to_string(), path, size: meta.len() })
    });
    let mut files: Vec<ModuleFile> = files.collect();
    files.sort_by(|a, b| a.label.cmp(&b.label));
    Ok((files, listed))
}

/// A folder's real path: that of the one above it, which is known mostly, if it is no link itself.
fn real_folder(folders: &mut Folders, folder: &Path) -> Option<PathBuf> {
    if let Some(real) = folders.get(folder.as_os_str()) {
        return real.clone();
    }
    let real = match (folder.parent(), folder.file_name()) {
        (Some(above), Some(name)) if folder.symlink_metadata().is_ok_and(|meta| meta.is_dir()) => {
            real_folder(folders, above).map(|above| above.join(name))
        }
        // A bare name's folder is the empty path, which is nothing to ask for.
        _ => Path::new(".").join(folder).canonicalize().ok(),
    };
    folders.insert(folder.as_os_str().to_owned(), real.clone());
    real
}

/// The name that a file's name makes a module's.
fn name_of(path: &Path) -> ModuleName {
    ModuleName::from_path(&path.to_string_lossy())
}

impl Build {
    fn read(folder: &Path) -> Result<Self, PlaceError> {
        // An external build writes a modules.order, too, but knows of nothing that is built in.
        for name in ["modules.order", "modules.builtin"] {
            if !folder.join(name).is_file() {
                return Err(PlaceError::NoKernel(name));
            }
        }
        let lines = input::list::order(&folder.join("modules.order"))?;
        // A line that leads out of the folder lists nothing in it.
        let inside = |line: &&String| Path::new(line).components().all(|part| matches!(part, Component::Normal(_)));
        let listed = lines.iter().filter(inside).map(|line| without_ending(line).to_owned()).collect();
        let real = folder.canonicalize().map_err(InputErrorKind::Io)?;
        Ok(Self { name: folder.to_owned(), folder: real, listed, there: Mutex::default() })
    }

    /// Whether there is not more than one file for a line.
    fn is_alone(&self, stem: &str) -> bool {
        let path = self.folder.join(stem);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match there.get(folder.as_os_str()) {
            Some(files) => files,
            None => there.entry(folder.as_os_str().to_owned()).or_insert_with(|| stems(folder)),
        };
        files.get(name).is_none_or(|count| *count < 2)
    }
}

/// How many files of a folder are the module of each stem.
fn stems(folder: &Path) -> HashMap<OsString, usize> {
    let mut stems = HashMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let stem = name.to_str().and_then(input::list::stem_of);
        if let Some(stem) = stem {
            *stems.entry(stem.into()).or_default() += 1;
        }
    }
    stems
}
