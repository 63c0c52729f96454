// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of a system: of the one that runs, or of one that lies in a folder, where links lead within that folder and never
//! to what the auditor's own system has in their place.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::input::{InputErrorKind, door};
use crate::limits;

/// A system's root.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
}

impl Root {
    /// The system in a folder; `/` is the one that runs.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        // What is no folder has no entries.
        fs::read_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Whether it is the system that runs symgate.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.folder == Path::new("/")
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a path of the system's is really, if it is there.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        safe_path::scoped_join(&self.folder, path).ok().filter(|real| real.symlink_metadata().is_ok())
    }

    /// The same path as the system itself calls it.
    #[must_use]
    pub fn inner(&self, real: &Path) -> PathBuf {
        real.strip_prefix(&self.folder).map_or_else(|_| real.to_owned(), |inner| Path::new("/").join(inner))
    }

    /// The content of a file, if it is there.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>, InputErrorKind> {
        let Some(real) = self.resolve(path) else { return Ok(None) };
        let mut bytes = Vec::new();
        door::file(&real)?.0.take(limits::SYSTEM_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limits::SYSTEM_FILE_BYTES {
            return Err(InputErrorKind::TooLarge { len: bytes.len() as u64, limit: limits::SYSTEM_FILE_BYTES });
        }
        Ok(Some(bytes))
    }

    /// The first bytes of a file, as text. What a kernel makes up when it is asked is not read: to read it may do something.
    pub(super) fn start(&self, path: impl AsRef<Path>, bytes: u64) -> Option<String> {
        let real = self.resolve(path)?;
        let inner = self.inner(&real);
        if ["/proc", "/sys", "/dev"].iter().any(|folder| inner.starts_with(folder)) {
            return None;
        }
        let mut start = Vec::new();
        door::file(&real).ok()?.0.take(bytes).read_to_end(&mut start).ok()?;
        Some(String::from_utf8_lossy(&start).into_owned())
    }

    /// The first of these paths at which there is a file.
    pub(super) fn file(&self, paths: &[String]) -> Option<PathBuf> {
        paths.iter().filter_map(|path| self.resolve(path)).find(|real| real.is_file())
    }

    /// The same as text, where it is there and can be read; what is no UTF-8 in it is replaced.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        Some(String::from_utf8_lossy(&self.read(path).ok()??).into_owned())
    }

    /// The names in a folder, sorted; none if it is not there.
    pub(super) fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = self.resolve(folder).and_then(|real| fs::read_dir(real).ok());
        let names =
            entries.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// The versions of the kernels whose modules are installed, each by the name of its own folder, to which links may lead.
    #[must_use]
    pub fn kernels(&self) -> Vec<String> {
        let names = TREES.iter().flat_map(|tree| self.names(tree));
        let mut versions: Vec<String> =
            names.filter(|name| !self.folders(name).is_empty()).map(|name| self.own_name(&name)).collect();
        versions.sort();
        versions.dedup();
        let mut seen = HashSet::new();
        versions.retain(|version| self.folders(version).first().is_some_and(|folder| seen.insert(folder.clone())));
        versions
    }

    /// The name by which a kernel's modules are installed, where this one is that of a link to it in the same place.
    #[must_use]
    pub fn own_name(&self, version: &str) -> String {
        let mut name = version.to_owned();
        for _ in 0..LINKS {
            match TREES.iter().find_map(|tree| self.links_to(&self.resolve(tree)?, &name)) {
                Some(next) => name = next,
                None => break,
            }
        }
        name
    }

    /// The name of what a link in a folder leads to, if that is in the same folder.
    fn links_to(&self, folder: &Path, name: &str) -> Option<String> {
        let target = fs::read_link(folder.join(name)).ok()?;
        let above = target.parent().unwrap_or(Path::new(""));
        let is_beside = if above.is_absolute() {
            self.resolve(above).as_deref() == Some(folder)
        } else {
            matches!(above.to_str(), Some("" | "."))
        };
        Some(target.file_name().filter(|_| is_beside)?.to_str()?.to_owned())
    }

    /// The folders of a kernel's modules, each once: mostly there is one.
    #[must_use]
    pub fn folders(&self, version: &str) -> Vec<PathBuf> {
        // Who is asked for `..` or `a/b` has no such kernel.
        if version.contains('/') || matches!(version, "" | "." | "..") {
            return Vec::new();
        }
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in TREES.iter().filter_map(|tree| self.resolve(Path::new(tree).join(version))) {
            if folder.is_dir() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }
}

/// Links that are followed from one name of a kernel to the next.
const LINKS: usize = 8;

/// Where modules are installed: the second where the first is no link to it, the others by NixOS.
const TREES: [&str; 4] = [
    "lib/modules",
    "usr/lib/modules",
    "run/booted-system/kernel-modules/lib/modules",
    "run/current-system/kernel-modules/lib/modules",
];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_within() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        fs::create_dir_all(root.folder().join("usr/lib/modules/6.1")).unwrap();
        fs::create_dir_all(root.folder().join("etc")).unwrap();
        fs::write(root.folder().join("etc/hostname"), "inner").unwrap();
        symlink("/usr/lib", root.folder().join("lib")).unwrap();
        symlink("/etc/hostname", root.folder().join("a")).unwrap();
        symlink("../../../../../etc/hostname", root.folder().join("b")).unwrap();
        assert_eq!(root.kernels(), ["6.1"]);
        assert_eq!(root.folders("6.1"), [root.folder().join("usr/lib/modules/6.1")]);
        symlink("6.1", root.folder().join("usr/lib/modules/0")).unwrap();
        assert_eq!((root.kernels(), root.own_name("0")), (vec!["6.1".to_owned()], "6.1".to_owned()));
        assert_eq!(root.text("a").as_deref(), Some("inner"));
        assert_eq!(root.text("/b").as_deref(), Some("inner"));
        assert_eq!(root.inner(&root.folder().join("etc/x")), Path::new("/etc/x"));
        assert!(root.resolve("none").is_none() && root.folders("6.2").is_empty());
        assert!(Root::new(&root.folder().join("etc/hostname")).is_err());
        assert!(matches!(root.read("etc"), Err(InputErrorKind::NotAFile(_))));
    }
}
