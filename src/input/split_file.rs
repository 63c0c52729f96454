// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the `.dwo` files are that a module's debug info lacks, or the package (`.dwp`) that was made of them: below folders
//! that the caller names, and in the module's own folder, where whoever built it has them.
//!
//! The paths in debug info are the module's word. They lead below these folders and nowhere else: whatever is above, or leads
//! up, is taken off.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::debug_file::{DebugDirs, ROOTS, below_modules, unpacked_name};
use super::read::read_again;
use crate::limits;
use crate::module::Bytes;
use crate::module::debug::DebugInfo;

/// Names of a recorded path that a place can begin with: the last ones. Those of a kernel have some fifteen.
const NAMES: usize = 64;

/// Looks for what debug info lacks.
struct Search<'s, 'd> {
    info: &'s mut DebugInfo<'d>,
    /// Files that were read, and need not be again.
    tried: BTreeSet<PathBuf>,
    /// Bytes of files that may still be looked at.
    left: u64,
}

impl DebugDirs {
    /// Gives debug info what is in `.dwo` files, or in a package of them: all, or what tells of these places in code, section
    /// and offset each. What is not found is missing, and what is found and is another's or broken, too.
    ///
    /// `module` is a path on disk, if the module has one.
    pub fn complete(&self, info: &mut DebugInfo<'_>, sites: Option<&[(u32, u64)]>, module: Option<&Path>) {
        // What can't be told here can't be read either, and is told there.
        let Ok(missing) = info.missing_files(sites) else { return };
        if missing.is_empty() {
            return;
        }
        let module = module.map(unpacked_name);
        let own = module.as_deref().and_then(Path::parent);
        let own = own.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let mut search = Search { info, tried: BTreeSet::new(), left: limits::DEBUG_BYTES };
        if let Some(module) = &module {
            let places = packages(module);
            let named = self.folders().flat_map(|folder| places.iter().map(|place| folder.join(place)));
            named.for_each(|path| search.take(&path));
            for name in places.iter().filter(|place| place.components().count() == 1) {
                search.take_own(own, name);
            }
        }
        for file in &missing {
            for place in places(&file.path) {
                if !search.info.lacks(file) {
                    break;
                }
                self.folders().for_each(|folder| search.take(&folder.join(&place)));
                search.take_own(own, &place);
            }
        }
    }
}

impl Search<'_, '_> {
    /// Takes what a file has, if it is there.
    fn take(&mut self, path: &Path) {
        if self.left == 0 || !path.is_file() || !self.tried.insert(path.to_owned()) {
            return;
        }
        let join = |bytes: Bytes<'_>| {
            self.left = self.left.saturating_sub(bytes.size());
            self.info.join(bytes)
        };
        // What can't be read, or is broken, is still missing.
        let _ = read_again(path, join);
    }

    /// The same in the module's own folder, which nobody vouches for: no link leads out of it.
    fn take_own(&mut self, folder: Option<&Path>, place: &Path) {
        let Some(folder) = folder else { return };
        let path = folder.join(place);
        let (real, home) = (path.canonicalize(), folder.canonicalize());
        if let (Ok(real), Ok(home)) = (real, home)
            && real.starts_with(home)
        {
            self.take(&path);
        }
    }
}

/// Where in a folder the package of a module's `.dwo` files can be: beside where its debug info can be, under its name with
/// another ending, or with one more.
fn packages(module: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut add = |path: &Path| {
        places.push(path.with_extension("ko.dwp"));
        places.push(path.with_extension("dwp"));
        places.push(path.with_extension("ko.debug.dwp"));
    };
    if let Some(below) = below_modules(module) {
        for root in ROOTS {
            add(&Path::new(root).join(&below));
        }
    }
    if let Some(name) = module.file_name() {
        add(Path::new(name));
    }
    places
}

/// Where in a folder a file of a recorded path can be: below it by the whole of the path, then by less and less of its end.
fn places(recorded: &str) -> impl Iterator<Item = PathBuf> {
    let names: Vec<_> = Path::new(recorded).components().collect();
    // A path that leads up has names behind that only.
    let end = names.len() - names.iter().rposition(|name| !matches!(name, Component::Normal(_))).map_or(0, |at| at + 1);
    let end = end.min(NAMES);
    (1..=end).rev().map(move |count| names.iter().skip(names.len() - count).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::module::debug::Missing;

    const MODULE: &[u8] = include_bytes!("../../testdata/debug/split5.ko");
    const DWO: &[u8] = include_bytes!("../../testdata/debug/split5.dwo");
    const OF_BUILD: &[u8] = include_bytes!("../../testdata/debug/split5.mod.dwo");
    const PACKAGE: &[u8] = include_bytes!("../../testdata/debug/split5.dwp");
    const OTHER: &[u8] = include_bytes!("../../testdata/debug/split4.dwo");

    /// How many `.dwo` files are missing when these folders were looked through.
    fn missing(folders: &[&Path], module: Option<&Path>) -> usize {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        let mut info = DebugInfo::load(Bytes::in_memory(MODULE)).unwrap();
        DebugDirs::new(&folders).0.complete(&mut info, None, module);
        match info.missing().as_slice() {
            [] => 0,
            [Missing::Split(units)] => *units,
            other => panic!("{other:?}"),
        }
    }

    fn write(folder: &Path, place: &str, bytes: &[u8]) {
        let path = folder.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn files_are_found_by_less_and_less_of_their_path() {
        // The module says /src/debug/split/sg_debug.dwo.
        for place in ["src/debug/split", "debug/split", "split", "."] {
            let folder = tempfile::tempdir().unwrap();
            let (root, module) = (folder.path(), folder.path().join("x.ko"));
            write(root, &format!("{place}/sg_debug.dwo"), OTHER);
            assert_eq!(missing(&[root], None), 2);
            write(root, &format!("{place}/sg_debug.dwo"), DWO);
            assert_eq!(missing(&[root], None), 1);
            assert_eq!(missing(&[], Some(&module)), 1);
            write(root, &format!("{place}/sg_debug.mod.dwo"), OF_BUILD);
            assert_eq!(missing(&[Path::new("/nowhere"), root], None), 0);
            assert_eq!(missing(&[], None), 2);
        }
    }

    #[test]
    fn one_that_is_anothers_does_not_hide_the_right_one() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "src/debug/split/sg_debug.dwo", OTHER);
        write(folder.path(), "split/sg_debug.dwo", &DWO[..1000]);
        write(folder.path(), "sg_debug.dwo", DWO);
        assert_eq!(missing(&[folder.path()], None), 1);
    }

    #[test]
    fn a_package_is_found_beside_the_module_or_where_its_debug_info_would_be() {
        let module = Path::new("/nowhere/lib/modules/6.1.0/kernel/x/y.ko.xz");
        for place in [
            "usr/lib/debug/lib/modules/6.1.0/kernel/x/y.ko.dwp",
            "lib/modules/6.1.0/kernel/x/y.dwp",
            "y.ko.dwp",
            "y.ko.debug.dwp",
            "y.dwp",
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), place, PACKAGE);
            assert_eq!(missing(&[folder.path()], Some(module)), 0, "{place}");
            assert_eq!(missing(&[folder.path()], None), 2);
            let is_beside = !place.contains('/');
            let beside = missing(&[], Some(&folder.path().join("y.ko")));
            assert_eq!(beside, if is_beside { 0 } else { 2 }, "{place}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_folders() {
        for recorded in ["/a/b.dwo", "../../a/b.dwo", "a/b.dwo", "../a/../b.dwo", "..", "/", "", "/.."] {
            for place in places(recorded) {
                assert!(place.components().all(|part| matches!(part, Component::Normal(_))), "{recorded}: {place:?}");
            }
        }
        let all: Vec<PathBuf> = places("/a/b/c.dwo").collect();
        assert_eq!(all, [Path::new("a/b/c.dwo"), Path::new("b/c.dwo"), Path::new("c.dwo")]);
        assert_eq!(places("../../c.dwo").collect::<Vec<_>>(), [Path::new("c.dwo")]);
        assert_eq!(places(&"a/".repeat(4096)).count(), NAMES);
        // Nor does a link in the module's own folder, unlike one in a folder that was named.
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(elsewhere.path(), "sg_debug.dwo", DWO);
        symlink(elsewhere.path().join("sg_debug.dwo"), folder.path().join("sg_debug.dwo")).unwrap();
        assert_eq!(missing(&[], Some(&folder.path().join("x.ko"))), 2);
        assert_eq!(missing(&[folder.path()], None), 1);
    }
}
