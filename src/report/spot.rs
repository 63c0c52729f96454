// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place that a page of findings can show of a finding.

use super::CheckReport;
use crate::gate::Finding;

/// The folders that paths are told from: a page that shows source code knows it by paths within a repository, while debug info
/// has the paths of the machine that built it.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<String>);

impl Roots {
    /// Absolute paths of folders, the most specific first.
    #[must_use]
    pub fn new(folders: impl IntoIterator<Item = String>) -> Self {
        let folders = folders.into_iter().map(|folder| folder.trim_end_matches('/').to_owned());
        Self(folders.filter(|folder| !folder.is_empty()).collect())
    }

    /// A path within one of the folders; one that is relative is taken to be. Nothing if it is elsewhere.
    fn within(&self, path: &str) -> Option<String> {
        let below = |root: &String| path.strip_prefix(root.as_str())?.strip_prefix('/');
        let path = if path.starts_with('/') { self.0.iter().find_map(below)? } else { path };
        let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        (!names.is_empty() && !names.contains(&"..")).then(|| names.join("/"))
    }

    /// A path that begins at one of the folders or, if it is elsewhere, at the root of its system: never an absolute one.
    #[must_use]
    pub fn relative(&self, path: &str) -> String {
        self.within(path).unwrap_or_else(|| {
            let names = path.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
            names.collect::<Vec<_>>().join("/")
        })
    }
}

/// A file, and a line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) path: String,
    /// From 1; none if the file is the module itself.
    pub(super) line: Option<u32>,
}

impl CheckReport<'_> {
    /// Where a finding is: the first line of source within the repository, from the innermost inlined function outwards; where none
    /// is known, the module.
    pub(super) fn spot(&self, finding: &Finding) -> Spot {
        let frames = finding.locations.iter().flat_map(|location| &location.frames);
        let mut spots = frames.filter_map(|frame| {
            Some(Spot { path: self.roots.within(frame.file.as_deref()?)?, line: Some(frame.line?) })
        });
        spots.next().unwrap_or_else(|| Spot { path: self.roots.relative(&finding.path), line: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_a_root_and_are_never_absolute() {
        let roots = Roots::new(["/build/evdi/".to_owned(), "/build".to_owned(), "/".to_owned()]);
        let within = |path| roots.within(path).unwrap_or_default();
        assert_eq!(within("/build/evdi/module/a.c"), "module/a.c");
        assert_eq!(within("/build/evdi2/a.c"), "evdi2/a.c");
        assert_eq!(within("./drivers//a.c"), "drivers/a.c");
        for elsewhere in ["/buildx/a.c", "/usr/src/a.c", "../a.c", "/build/../etc/a.c", "/build", "/build/", ""] {
            assert_eq!(within(elsewhere), "", "{elsewhere}");
        }
        assert_eq!(roots.relative("/lib/modules/6.1/a.ko"), "lib/modules/6.1/a.ko");
        assert_eq!(roots.relative("../../x/a.ko"), "x/a.ko");
    }
}
