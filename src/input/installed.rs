// SPDX-License-Identifier: MIT OR Apache-2.0
//! The modules of an installed kernel, in a system that need not be the one that runs: a link in it leads where that system would
//! find it.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::collect::{Ending, ModuleFile, module_ending, shown};
use super::door::describe;
use super::{InputError, InputErrorKind};

/// What is installed for one kernel.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// Its folder, `lib/modules/VERSION`.
    pub folder: PathBuf,
    /// Its modules.
    pub modules: Vec<ModuleFile>,
    /// Its image, which has the kernel's own keys in it.
    pub image: Option<PathBuf>,
}

impl Installed {
    /// Finds the modules in a folder, as depmod would: it follows links, but for the two by which they point to their source.
    ///
    /// `called` is how the system itself calls the folder, `resolve` says where a path of the system's really is, `inner` how the
    /// system calls one that is really here. Besides it says what yields nothing.
    #[must_use]
    pub fn find(
        folder: &Path,
        called: &Path,
        resolve: &dyn Fn(&Path) -> Option<PathBuf>,
        inner: &dyn Fn(&Path) -> PathBuf,
    ) -> (Self, Vec<InputError>) {
        let found = Self { folder: folder.to_owned(), ..Self::default() };
        let left = VecDeque::from([(folder.to_owned(), called.to_owned(), 0)]);
        let mut search = Search { found, errors: Vec::new(), seen: HashSet::new(), left, resolve, inner };
        while let Some((real, called, links)) = search.left.pop_front() {
            search.folder(&real, &called, links);
        }
        let Search { mut found, mut errors, .. } = search;
        found.modules.sort_by(|a, b| a.label.cmp(&b.label));
        errors.sort_by(|a, b| a.path.cmp(&b.path));
        (found, errors)
    }
}

struct Search<'s> {
    found: Installed,
    errors: Vec<InputError>,
    /// Folders that were looked at: a link may lead back.
    seen: HashSet<(u64, u64)>,
    /// Folders that are left to be looked at: where they are, how they are called, and over how many links they were come to.
    left: VecDeque<(PathBuf, PathBuf, u32)>,
    resolve: &'s dyn Fn(&Path) -> Option<PathBuf>,
    inner: &'s dyn Fn(&Path) -> PathBuf,
}

impl Search<'_> {
    /// Looks at a folder that is really here and that the system calls so.
    fn folder(&mut self, real: &Path, called: &Path, over: u32) {
        let walk = WalkDir::new(real).follow_links(false).sort_by_file_name().into_iter();
        let (mut links, seen) = (Vec::new(), &mut self.seen);
        let is_new = |entry: &walkdir::DirEntry| {
            !entry.file_type().is_dir() || entry.metadata().map_or(true, |meta| seen.insert((meta.dev(), meta.ino())))
        };
        let entries: Vec<_> = walk.filter_entry(is_new).collect();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(real).to_owned();
                    let error = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links"));
                    let inner = (self.inner)(&path);
                    self.errors.push(InputError::new(shown(&inner), error.into()));
                    continue;
                }
            };
            let called = called.join(entry.path().strip_prefix(real).unwrap_or(entry.path()));
            if !entry.path_is_symlink() {
                self.file(entry.path(), &called);
            } else if !(entry.depth() == 1 && matches!(entry.file_name().to_str(), Some("build" | "source"))) {
                links.push((entry.into_path(), called));
            }
        }
        // What stands in its own place comes before what a link leads to.
        for (link, called) in links {
            match (self.resolve)(&(self.inner)(&link)) {
                Some(real) if real == self.found.folder => {}
                Some(real) if self.found.folder.starts_with(&real) => {
                    let error = InputErrorKind::Unsupported("a link to a folder that holds this one");
                    self.errors.push(InputError::new(shown(&called), error));
                }
                // As many as the kernel follows (`MAXSYMLINKS`).
                Some(real) if real.is_dir() && over >= 40 => {
                    let error = InputErrorKind::Unsupported("a link behind too many others");
                    self.errors.push(InputError::new(shown(&called), error));
                }
                Some(real) if real.is_dir() => self.left.push_back((real, called, over + 1)),
                Some(real) => self.file(&real, &called),
                None if is_module(&called) => {
                    let error = io::Error::new(io::ErrorKind::NotFound, "a link that leads nowhere");
                    self.errors.push(InputError::new(shown(&called), error.into()));
                }
                None => {}
            }
        }
    }

    fn file(&mut self, real: &Path, called: &Path) {
        let label = shown(called);
        let name = called.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let error = match (module_ending(&name), real.symlink_metadata()) {
            (Ending::Other, _) => return,
            (Ending::NotRead(what), _) => InputErrorKind::Unsupported(what),
            (Ending::Module, Err(error)) => error.into(),
            (Ending::Module, Ok(meta)) if meta.is_file() => {
                return self.found.modules.push(ModuleFile { label, path: real.to_owned(), size: meta.len() });
            }
            (Ending::Module, Ok(meta)) if meta.is_dir() => return,
            (Ending::Module, Ok(meta)) => InputErrorKind::NotAFile(describe(meta.file_type())),
        };
        self.errors.push(InputError::new(label, error));
    }
}

fn is_module(path: &Path) -> bool {
    path.file_name().is_some_and(|name| module_ending(&name.to_string_lossy()) != Ending::Other)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_where_the_system_would_find_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let modules = root.join("lib/modules/6.1");
        for path in ["kernel/a.ko.xz", "extra/b.ko", "kernel/c.ko.bz2", "kernel/readme"] {
            let path = modules.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir_all(root.join("lib/modules/6.0/extra/deep")).unwrap();
        fs::write(root.join("lib/modules/6.0/extra/d.ko"), "").unwrap();
        fs::write(root.join("lib/modules/6.0/extra/deep/e.ko"), "").unwrap();
        fs::create_dir_all(modules.join("weak-updates")).unwrap();
        symlink("/lib/modules/6.0/extra/d.ko", modules.join("weak-updates/d.ko")).unwrap();
        symlink("/lib/modules/6.0/extra/deep", modules.join("weak-updates/deep")).unwrap();
        symlink("/lib/modules/6.0/none.ko", modules.join("weak-updates/none.ko")).unwrap();
        symlink("..", modules.join("kernel/up")).unwrap();
        symlink("/", modules.join("build")).unwrap();
        symlink("/", modules.join("kernel/all")).unwrap();
        let resolve = |path: &Path| safe_path::scoped_join(&root, path).ok().filter(|path| path.exists());
        let inner = |path: &Path| Path::new("/").join(path.strip_prefix(&root).unwrap_or(path));
        let (found, errors) = Installed::find(&modules, Path::new("/lib/modules/6.1"), &resolve, &inner);
        let labels: Vec<&str> = found.modules.iter().map(|module| &*module.label).collect();
        let of = |path: &str| format!("/lib/modules/6.1/{path}");
        let wanted = ["extra/b.ko", "kernel/a.ko.xz", "weak-updates/d.ko", "weak-updates/deep/e.ko"].map(of);
        assert_eq!(labels, wanted);
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let none = of("weak-updates/none.ko: a link that leads nowhere");
        let all = of("kernel/all: is a link to a folder that holds this one, which is not read");
        assert_eq!(errors, [all, of("kernel/c.ko.bz2: is packed with bzip2, which is not read"), none]);
    }
}
