// SPDX-License-Identifier: MIT OR Apache-2.0
//! The paths of source files, as somebody would look for them.

use gimli::LineProgramHeader;

use super::units::{Slice, Unit};
use crate::limits;

/// The path of a file of a unit, by its number in the table of lines; none if there is no such file.
pub(super) fn of_file<'s>(unit: &Unit<'s>, header: &LineProgramHeader<Slice<'s>>, file: u64) -> Option<String> {
    // A unit in a `.dwo` file has its table of lines in the main file.
    let unit = unit.main();
    let file = header.file(file)?;
    let folder = unit.inner.comp_dir.map(|folder| folder.slice()).unwrap_or_default();
    let name = unit.string(&file.path_name(), limits::DEBUG_PATH_BYTES)?;
    // The first folder is that of the compilation, which is known already.
    let below = match (file.directory_index(), folder) {
        (0, [_, ..]) => None,
        _ => file.directory(header).and_then(|folder| unit.string(&folder, limits::DEBUG_PATH_BYTES)),
    };
    Some(joined(&[folder, below.unwrap_or_default(), name]))
}

/// The path of a unit's own source file.
pub(super) fn of_unit(unit: &Unit<'_>) -> Option<String> {
    let folder = unit.inner.comp_dir.map(|folder| folder.slice()).unwrap_or_default();
    Some(joined(&[folder, unit.root.name?]))
}

/// The path of the `.dwo` file with a unit's debug info, if that is elsewhere.
pub(super) fn of_dwo(unit: &Unit<'_>) -> Option<String> {
    let folder = unit.inner.comp_dir.map(|folder| folder.slice()).unwrap_or_default();
    let name = unit.root.dwo_name.filter(|name| !name.is_empty())?;
    Some(joined(&[folder, name]))
}

/// Joins the parts of a path, and takes out what leads nowhere: `.`, and `..` with what it leads out of.
fn joined(parts: &[&[u8]]) -> String {
    let start = parts.iter().rposition(|part| part.starts_with(b"/"));
    let mut path: Vec<&[u8]> = Vec::new();
    for name in parts.iter().skip(start.unwrap_or(0)).flat_map(|part| part.split(|byte| *byte == b'/')) {
        match name {
            b"" | b"." => {}
            // At the root it leads to the root.
            b".." if path.is_empty() && start.is_some() => {}
            b".." if path.last().is_some_and(|last| *last != b"..") => drop(path.pop()),
            name => path.push(name),
        }
    }
    let path = String::from_utf8_lossy(&path.join(&b'/')).into_owned();
    if start.is_some() { format!("/{path}") } else { path }
}

/// Whether a path lies below a folder; the folder of no name is above all paths that are relative.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    match folder {
        "" => !path.starts_with('/'),
        "/" => path.starts_with('/'),
        _ => path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
    }
}

/// The folder of a path.
pub(super) fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(end) => path.get(..end).unwrap_or_default(),
        None => "",
    }
}

/// The last part of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_made_plain() {
        let of = |parts: &[&str]| joined(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
        assert_eq!(of(&["/usr/src/linux", "./include/linux", "dma-buf.h"]), "/usr/src/linux/include/linux/dma-buf.h");
        assert_eq!(of(&["/usr/src/linux", "/root/x", "a.c"]), "/root/x/a.c");
        assert_eq!(of(&["/usr/src/linux", "", "/root/x//a.c"]), "/root/x/a.c");
        assert_eq!(of(&["debian/build/b", "../../../include", "a.h"]), "include/a.h");
        assert_eq!(of(&["a", "../../..", "b.h"]), "../../b.h");
        assert_eq!(of(&["/a", "../../..", "b.h"]), "/b.h");
        assert_eq!(of(&["", "", "b.c"]), "b.c");
    }

    #[test]
    fn below_is_told_by_whole_names() {
        assert!(is_below("/a/b/c.h", "/a/b") && is_below("/c.h", "/") && is_below("c.h", "") && !is_below("/c.h", ""));
        assert!(!is_below("/a/bc/d.h", "/a/b") && !is_below("/a/b", "/a/b"));
        assert_eq!((folder("/a/b.c"), folder("/b.c"), folder("b.c")), ("/a", "/", ""));
    }
}
