// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which source files are a module's own, and not the kernel's that it includes.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::budget::{Budget, Meter};
use super::units::Kind;
use super::{DebugError, DebugInfo, paths};
use crate::limits;

/// A header that each file of a kernel and of its modules includes, and nobody else has: what is above it is the kernel's
/// source.
const MARK: &str = "include/uapi/asm-generic/int-ll64.h";

/// What tells a module's own files.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// The files that were compiled.
    compiled: BTreeSet<String>,
    /// The folder that they are all in, if it is not that of everything.
    folder: Option<String>,
    /// The folders of kernels' sources, each with a slash at its end.
    kernels: BTreeSet<String>,
}

impl Own {
    /// Reads the names of all units' files.
    pub(super) fn of(info: &DebugInfo<'_>, budget: &Budget) -> Result<Self, DebugError> {
        let units: Vec<usize> = (0..info.units.listed.len()).collect();
        let read = units.into_par_iter().map(|index| {
            let names = of_unit(info, index, &budget.meter());
            // One that is broken is told elsewhere.
            names.or_else(|error| error.unless_fatal().map(|()| (None, BTreeSet::new())))
        });
        let read: Vec<(Option<String>, BTreeSet<String>)> = read.collect::<Result<_, _>>()?;
        budget.check()?;
        let mut own = Self::default();
        for (compiled, kernels) in read {
            own.compiled.extend(compiled);
            own.kernels.extend(kernels);
        }
        own.folder = common(&own.compiled);
        Ok(own)
    }

    /// The files that were compiled, sorted.
    pub(super) fn compiled(self) -> Vec<String> {
        self.compiled.into_iter().collect()
    }

    /// Whether a file is the module's own: compiled, or included and no header, or a header that lies in the folder of what
    /// is compiled and is not the kernel's.
    pub(super) fn is_own(&self, path: &str) -> bool {
        let is_header = path.strip_suffix(".h").is_some();
        // `<built-in>`
        if self.compiled.contains(path) || (!is_header && !path.ends_with('>')) {
            return true;
        }
        let is_in_folder = self.folder.as_ref().is_some_and(|folder| paths::is_below(path, folder));
        is_in_folder && !self.is_of_kernel(path)
    }

    /// Whether a path is that of a header of the kernel.
    fn is_of_kernel(&self, path: &str) -> bool {
        self.kernels.iter().any(|kernel| {
            let Some(rest) = path.strip_prefix(kernel.as_str()) else { return false };
            let mut names = rest.split('/');
            match names.next() {
                Some("include") => true,
                Some("arch") => names.nth(1) == Some("include"),
                _ => false,
            }
        })
    }
}

/// Whether a file that was compiled is what the build adds to each module: `x.mod.c`, `scripts/module-common.c`.
pub(super) fn is_of_build(path: &str) -> bool {
    path.ends_with(".mod.c") || path.ends_with("scripts/module-common.c")
}

/// The file that a unit was compiled of, and the kernels whose headers it includes.
fn of_unit(
    info: &DebugInfo<'_>,
    index: usize,
    meter: &Meter<'_>,
) -> Result<(Option<String>, BTreeSet<String>), DebugError> {
    let mut kernels = BTreeSet::new();
    if !info.units.listed.get(index).is_some_and(|unit| matches!(unit.kind, Kind::Compiled | Kind::Skeleton)) {
        return Ok((None, kernels));
    }
    let unit = info.open(index, meter)?;
    let compiled = paths::of_unit(&unit).filter(|path| !is_of_build(path));
    let Some(lines) = unit.lines(meter)? else { return Ok((compiled, kernels)) };
    let header = lines.header();
    let name = paths::name(MARK).as_bytes();
    for (index, file) in (0..).zip(header.file_names()) {
        let path = unit.main().string(&file.path_name(), limits::DEBUG_PATH_BYTES);
        if !path.is_some_and(|path| path.ends_with(name)) {
            continue;
        }
        let index = if header.version() >= 5 { index } else { index + 1 };
        let path = paths::of_file(&unit, header, index);
        kernels.extend(path.and_then(|path| Some(path.strip_suffix(MARK)?.to_owned())));
    }
    Ok((compiled, kernels))
}

/// The folder that all files are in; none if that is the root, or there is none.
fn common(files: &BTreeSet<String>) -> Option<String> {
    // Of sorted paths, the first and the last have the least in common.
    let mut folder = paths::folder(files.first()?);
    let last = files.last()?;
    while !paths::is_below(last, folder) {
        if folder.is_empty() || folder == "/" {
            return None;
        }
        folder = paths::folder(folder);
    }
    (!folder.is_empty() && folder != "/").then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(compiled: &[&str], kernel: &str) -> Own {
        let compiled: BTreeSet<String> = compiled.iter().map(|path| (*path).to_owned()).collect();
        let folder = common(&compiled);
        Own { compiled, folder, kernels: BTreeSet::from([kernel.to_owned()]) }
    }

    #[test]
    fn headers_are_own_where_the_sources_are() {
        let own = own(&["/src/x/a/one.c", "/src/x/b/two.c"], "/usr/src/linux/");
        for path in ["/src/x/a/one.c", "/src/x/c/x.h", "/src/y/list.inc"] {
            assert!(own.is_own(path), "{path}");
        }
        for path in ["/src/y/y.h", "/usr/src/linux/include/linux/dma-buf.h", "<built-in>", "/src/x.h"] {
            assert!(!own.is_own(path), "{path}");
        }
    }

    #[test]
    fn a_kernels_headers_are_not_own_though_the_sources_are_below_it() {
        let own = own(&["/linux/drivers/a.c", "/linux/lib/b.c"], "/linux/");
        assert!(own.is_own("/linux/drivers/a.h"));
        for path in ["/linux/include/linux/dma-buf.h", "/linux/arch/x86/include/asm/io.h"] {
            assert!(!own.is_own(path), "{path}");
        }
    }

    #[test]
    fn files_of_no_common_folder_have_none() {
        let common = |paths: &[&str]| common(&paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(common(&["/a/b.c", "/c/d.c"]), None);
        assert_eq!(common(&["a/b.c", "c/d.c"]), None);
        assert_eq!(common(&["/a/b.c", "c/d.c"]), None);
        assert_eq!(common(&["/a/b.c"]).as_deref(), Some("/a"));
        assert_eq!(common(&["a/b/c.c", "a/bc/d.c"]).as_deref(), Some("a"));
    }
}
