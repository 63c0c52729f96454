// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a module's debug info is, if it is in a file of its own: below folders that the caller names, as debuggers look
//! for it, or in packages (`debug_package.rs`).

use std::path::{Component, Path, PathBuf};

use super::collect::{Format, PACKED, PackageFile, format_of, shown};
use super::debug_package::DebugPackage;
use super::read::{caught, read_again};
use super::{InputError, InputErrorKind};
use crate::module::{Bytes, build_id_of};

/// Where modules are below a root folder, or the debug info of those that are there.
pub(super) const ROOTS: [&str; 4] =
    ["lib/modules", "usr/lib/debug/lib/modules", "usr/lib/debug/usr/lib/modules", "usr/lib/modules"];

/// Folders and packages that hold debug info.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebugDirs {
    folders: Vec<PathBuf>,
    packages: Vec<DebugPackage>,
    /// How many were named, whatever they are.
    named: usize,
}

/// A file that holds a module's debug info.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugFile {
    /// Where it is.
    pub path: PathBuf,
}

impl DebugDirs {
    /// Looks in these folders, the first first, and then in those that are packages. What is neither is told.
    #[must_use]
    pub fn new(named: &[PathBuf]) -> (Self, Vec<InputError>) {
        let (mut dirs, mut errors) = (Self { named: named.len(), ..Self::default() }, Vec::new());
        for path in named {
            if path.is_dir() {
                dirs.folders.push(path.clone());
                continue;
            }
            let label = shown(path);
            match caught(|| format_of(path)) {
                Ok(Some(format @ (Format::Deb | Format::Rpm))) => {
                    let path = path.clone();
                    dirs.packages.push(DebugPackage::new(PackageFile { label, path, format }));
                }
                Ok(_) => errors.push(InputError::new(label, InputErrorKind::NotAPackage)),
                Err(kind) => errors.push(InputError::new(label, kind)),
            }
        }
        (dirs, errors)
    }

    /// How many folders and packages were named.
    #[must_use]
    pub fn named(&self) -> usize {
        self.named
    }

    /// Whether there are packages to look through.
    #[must_use]
    pub fn has_packages(&self) -> bool {
        !self.packages.is_empty()
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    pub(super) fn packages(&self) -> &[DebugPackage] {
        &self.packages
    }

    /// The debug info of a module that has this build-id: nothing else tells for sure that a file is the module's. It is
    /// looked for by the build-id, by the module's place below `lib/modules`, by its file's name, and by the name that the
    /// module itself gives (`.gnu_debuglink`).
    ///
    /// `module` is a path on disk; the name of a package's member is none.
    #[must_use]
    pub fn find(&self, build_id: Option<&str>, debug_link: Option<&str>, module: Option<&Path>) -> Option<DebugFile> {
        let build_id = usable(build_id)?;
        let places = places(build_id, debug_link, module);
        let all = self.folders.iter().flat_map(|folder| places.iter().map(|place| folder.join(place)));
        all.map(|path| DebugFile { path }).find(|file| file.has(build_id))
    }
}

impl DebugFile {
    /// Whether it is there, and has this build-id.
    fn has(&self, build_id: &str) -> bool {
        let has = |bytes: Bytes<'_>| build_id_of(bytes).is_some_and(|id| *id == *build_id);
        self.path.is_file() && self.read(has).unwrap_or(false)
    }

    /// Reads its bytes, which are unpacked if need be.
    pub fn read<T>(&self, read: impl FnOnce(Bytes<'_>) -> T) -> Result<T, InputErrorKind> {
        read_again(&self.path, read)
    }
}

/// A build-id, if it is one that a file can be told by.
pub(super) fn usable(build_id: Option<&str>) -> Option<&str> {
    build_id.filter(|id| id.len() > 2 && id.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Where in a folder a module's debug info can be.
pub(super) fn places(build_id: &str, debug_link: Option<&str>, module: Option<&Path>) -> Vec<PathBuf> {
    let (first, rest) = build_id.split_at_checked(2).unwrap_or_default();
    let by_id = format!(".build-id/{first}/{rest}.debug");
    let mut places = vec![PathBuf::from(&by_id), Path::new("usr/lib/debug").join(&by_id)];
    let mut add = |place: &Path| {
        let name = place.as_os_str().to_string_lossy();
        for (debug, packed) in ["", ".debug"].iter().flat_map(|debug| PACKED.iter().map(move |packed| (debug, packed)))
        {
            places.push(PathBuf::from(format!("{name}{debug}{packed}")));
        }
    };
    let module = module.map(unpacked_name);
    if let Some(module) = &module {
        if let Some(below) = below_modules(module) {
            for root in ROOTS {
                add(&Path::new(root).join(&below));
            }
        }
        if let Some(name) = module.file_name() {
            add(Path::new(name));
        }
    }
    // A name, and no path: the module's word leads nowhere else.
    if let Some(link) = debug_link.filter(|link| !link.is_empty() && !link.contains('/') && *link != "..") {
        let below = module.as_deref().and_then(below_modules);
        if let Some(folder) = below.as_deref().and_then(Path::parent) {
            places.push(Path::new("usr/lib/debug/lib/modules").join(folder).join(link));
        }
        places.push(PathBuf::from(link));
        places.push(Path::new(".debug").join(link));
    }
    places
}

/// A module's path, without the ending of its compression.
pub(super) fn unpacked_name(path: &Path) -> PathBuf {
    let packed = path.extension().is_some_and(|ending| PACKED.iter().any(|packed| packed.get(1..) == ending.to_str()));
    if packed { path.with_extension("") } else { path.to_owned() }
}

/// The part of a path behind `lib/modules`, if it has nothing but names.
pub(super) fn below_modules(path: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = path.components().collect();
    let is_modules = |pair: &[Component<'_>]| matches!(pair, [Component::Normal(lib), Component::Normal(modules)] if *lib == "lib" && *modules == "modules");
    let at = parts.windows(2).rposition(is_modules)?;
    let below = parts.get(at + 2..)?;
    let are_names = !below.is_empty() && below.iter().all(|part| matches!(part, Component::Normal(_)));
    are_names.then(|| below.iter().collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::module::debug::{DebugInfo, Shape};

    const MODULE: &[u8] = include_bytes!("../../testdata/debug/stripped.ko");
    const DEBUG: &[u8] = include_bytes!("../../testdata/debug/only.debug");
    const OTHER: &[u8] = include_bytes!("../../testdata/debug/dwarf4.ko");

    #[test]
    fn finds_it_by_build_id_and_by_place_and_takes_no_other() {
        let id = build_id_of(Bytes::in_memory(MODULE)).unwrap();
        let module = Path::new("/lib/modules/6.1.0/kernel/x/stripped.ko.xz");
        let (first, rest) = id.split_at(2);
        let by_id = format!(".build-id/{first}/{rest}.debug");
        for place in [
            by_id.as_str(),
            &format!("usr/lib/debug/{by_id}"),
            "lib/modules/6.1.0/kernel/x/stripped.ko",
            "lib/modules/6.1.0/kernel/x/stripped.ko.debug",
            "usr/lib/debug/lib/modules/6.1.0/kernel/x/stripped.ko.debug.gz",
            "usr/lib/debug/usr/lib/modules/6.1.0/kernel/x/stripped.ko.debug",
            "stripped.ko.debug",
            "link.debug",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let (dirs, errors) = DebugDirs::new(&[folder.path().join("none"), folder.path().to_owned()]);
            assert_eq!(errors.len(), 1);
            let find = || dirs.find(Some(&id), Some("link.debug"), Some(module));
            fs::write(&path, OTHER).unwrap();
            assert_eq!(find(), None, "{place}");
            if path.extension().is_some_and(|ending| ending == "gz") {
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packed.write_all(DEBUG).unwrap();
                fs::write(&path, packed.finish().unwrap()).unwrap();
            } else {
                fs::write(&path, DEBUG).unwrap();
            }
            let found = find().unwrap_or_else(|| panic!("{place}"));
            assert_eq!(found.path, path);
            assert!(
                found
                    .read(|bytes| DebugInfo::load_for(bytes, &Shape::of(Bytes::in_memory(MODULE)).unwrap()).is_ok())
                    .unwrap()
            );
            assert_eq!(dirs.find(None, Some("link.debug"), Some(module)), None);
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let module = Path::new("/lib/modules/../../etc/x.ko");
        let all = places("00ff", Some("../x"), Some(module));
        assert!(all.iter().all(|place| place.components().all(|part| matches!(part, Component::Normal(_)))), "{all:?}");
    }
}
