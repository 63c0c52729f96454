// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debug info that is in a package, as distributions ship that of their kernels: it is read where it passes by, and neither
//! unpacked to disk nor kept.
//!
//! A package is one stream from its start to its end, and that of a kernel takes a minute to unpack. So all modules are looked
//! for at once, and what was not in it is not looked for a second time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::OnceLock;

use super::collect::PackageFile;
use super::debug_file::{DebugDirs, places, usable};
use super::package::{Choice, Member, chosen};
use super::read::{caught, unpacked};
use super::{InputError, door};
use crate::module::{Bytes, build_id_of};

/// A package among the places where debug info is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DebugPackage {
    file: PackageFile,
    /// The names of all files in it, once it was read to its end.
    names: OnceLock<HashSet<String>>,
}

/// By what a module's debug info is told in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedDebugInfo {
    build_id: Box<str>,
    /// Names that its file may have, in whatever folder: only the build-id proves anything.
    names: BTreeSet<String>,
}

impl WantedDebugInfo {
    /// That of a module; none if it has no build-id. `module` may be the name of a package's member.
    #[must_use]
    pub fn of(build_id: Option<&str>, debug_link: Option<&str>, module: &Path) -> Option<Self> {
        let build_id = usable(build_id)?;
        let places = places(build_id, debug_link, Some(module));
        let names = places.iter().filter_map(|place| place.file_name()).map(|name| name.to_string_lossy().into_owned());
        Some(Self { build_id: build_id.into(), names: names.collect() })
    }
}

/// What is still looked for, and what passed by.
struct Left<'w> {
    by_build_id: BTreeMap<&'w str, Vec<usize>>,
    names: HashSet<&'w str>,
    seen: HashSet<String>,
}

impl DebugDirs {
    /// Looks through the packages for the debug info of modules, the first first, and gives the bytes of each with the number
    /// of the module that it is of. What is wrong with a package is told, and ends it.
    pub fn search_packages(
        &self,
        wanted: &BTreeMap<usize, &WantedDebugInfo>,
        found: &mut dyn FnMut(usize, Bytes<'_>),
    ) -> Vec<InputError> {
        let mut by_build_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, wanted) in wanted {
            by_build_id.entry(&wanted.build_id).or_default().push(*number);
        }
        let names = wanted.values().flat_map(|wanted| &wanted.names).map(String::as_str).collect();
        let mut left = Left { by_build_id, names, seen: HashSet::new() };
        let mut errors = Vec::new();
        for package in self.packages() {
            if left.by_build_id.is_empty() {
                break;
            }
            if package.names.get().is_some_and(|names| names.iter().all(|name| !left.names.contains(name.as_str()))) {
                continue;
            }
            let (rest, error) = package.search(left, found);
            left = rest;
            errors.extend(error);
        }
        errors
    }
}

impl DebugPackage {
    pub(super) fn new(file: PackageFile) -> Self {
        Self { file, names: OnceLock::new() }
    }

    /// One pass through a package.
    fn search<'w>(&self, left: Left<'w>, found: &mut dyn FnMut(usize, Bytes<'_>)) -> (Left<'w>, Option<InputError>) {
        let left = RefCell::new(left);
        let choose = |path: &str| {
            let mut left = left.borrow_mut();
            if left.by_build_id.is_empty() {
                return Choice::Stop;
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            if !left.seen.contains(name) {
                left.seen.insert(name.to_owned());
            }
            if left.names.contains(name) { Choice::Take } else { Choice::Pass }
        };
        let mut visit = |member: Member| {
            let Ok(bytes) = member.bytes.and_then(unpacked) else { return };
            let bytes = Bytes::in_memory(&bytes);
            let numbers = build_id_of(bytes).and_then(|id| left.borrow_mut().by_build_id.remove(&*id));
            numbers.into_iter().flatten().for_each(|number| found(number, bytes));
        };
        let read = caught(|| chosen(self.file.format, &mut door::file(&self.file.path)?.0, &choose, &mut visit));
        let mut left = left.into_inner();
        let seen = std::mem::take(&mut left.seen);
        match read {
            // It was left when all was found.
            Err(_) if left.by_build_id.is_empty() => (left, None),
            Err(kind) => (left, Some(InputError::new(&self.file.label, kind))),
            Ok(()) => {
                self.names.get_or_init(|| seen);
                (left, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    const MODULE: &[u8] = include_bytes!("../../testdata/debug/stripped.ko");
    const DEBUG: &[u8] = include_bytes!("../../testdata/debug/only.debug");
    const OTHER: &[u8] = include_bytes!("../../testdata/debug/dwarf4.ko");

    /// A Debian package of these files.
    fn deb(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut data = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            data.append_data(&mut header, name, *bytes).unwrap();
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&data.into_inner().unwrap()).unwrap();
        let data = packed.finish().unwrap();
        let mut archive = b"!<arch>\n".to_vec();
        for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("data.tar.gz", &data)] {
            archive.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, bytes.len()).into_bytes());
            archive.extend(bytes);
            archive.extend((bytes.len() % 2 == 1).then_some(b'\n'));
        }
        archive
    }

    fn wanted(build_id: &str, module: &str) -> WantedDebugInfo {
        WantedDebugInfo::of(Some(build_id), None, Path::new(module)).unwrap()
    }

    /// The modules of which a package has the debug info, and what is wrong with it.
    fn found(dirs: &DebugDirs, wanted: &[WantedDebugInfo]) -> (Vec<usize>, Vec<String>) {
        let mut numbers = Vec::new();
        let errors = dirs.search_packages(&wanted.iter().enumerate().collect(), &mut |number, bytes| {
            assert_eq!(bytes.size(), DEBUG.len() as u64);
            numbers.push(number);
        });
        (numbers, errors.into_iter().map(|error| error.kind.to_string()).collect())
    }

    #[test]
    fn modules_are_found_by_name_and_build_id_wherever_they_are() {
        let id = build_id_of(Bytes::in_memory(MODULE)).unwrap();
        let by_id = format!("./usr/lib/debug/.build-id/{}/{}.debug", &id[..2], &id[2..]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.deb");
        for place in [&by_id, "usr/lib/debug/lib/modules/6.1.0/x/y.ko", "./srv/y.ko.debug"] {
            fs::write(&path, deb(&[("y.ko", OTHER), (place, DEBUG)])).unwrap();
            let (dirs, errors) = DebugDirs::new(std::slice::from_ref(&path));
            assert!(errors.is_empty() && dirs.has_packages());
            let all = [wanted(&id, "/lib/modules/6.1.0/x/y.ko.xz"), wanted("0011", "y.ko"), wanted(&id, "m.deb!y.ko")];
            assert_eq!(found(&dirs, &all), (vec![0, 2], vec![]), "{place}");
            assert_eq!(found(&dirs, &all[1..2]), (vec![], vec![]));
        }
    }

    #[test]
    fn what_a_package_does_not_have_is_not_looked_for_again() {
        let id = build_id_of(Bytes::in_memory(MODULE)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.deb");
        fs::write(&path, deb(&[("lib/other.ko", OTHER), ("lib/y.ko", DEBUG)])).unwrap();
        let (dirs, _) = DebugDirs::new(std::slice::from_ref(&path));
        assert_eq!(found(&dirs, &[wanted(&id, "elsewhere.ko")]), (vec![], vec![]));
        // It is known what it has.
        fs::remove_file(&path).unwrap();
        assert_eq!(found(&dirs, &[wanted("0011", "x.ko")]), (vec![], vec![]));
        let (none, errors) = found(&dirs, &[wanted(&id, "y.ko")]);
        assert_eq!((none, errors.len()), (vec![], 1));
    }

    #[test]
    fn a_broken_package_is_told_unless_all_was_found_before() {
        let id = build_id_of(Bytes::in_memory(MODULE)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.deb");
        let noise: Vec<u8> =
            (0..1_u32 << 16).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        let whole = deb(&[("y.ko", DEBUG), ("noise", &noise)]);
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let (dirs, _) = DebugDirs::new(std::slice::from_ref(&path));
        assert_eq!(found(&dirs, &[wanted(&id, "y.ko")]), (vec![0], vec![]));
        let (numbers, errors) = found(&dirs, &[wanted(&id, "y.ko"), wanted("0011", "z.ko")]);
        assert_eq!((numbers, errors.len()), (vec![0], 1));
        fs::write(&path, b"no package").unwrap();
        let (dirs, errors) = DebugDirs::new(std::slice::from_ref(&path));
        assert!(!dirs.has_packages() && errors.len() == 1);
    }
}
