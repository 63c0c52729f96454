// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of inputs: `@FILE`, with a path on each line, and `modules.order`, which kbuild writes beside the modules
//! that it built and installs (`scripts/Makefile.modinst`, 7.2).

use std::io::Read;
use std::path::{Path, PathBuf};

use super::InputErrorKind;
use super::collect::PACKED;
use super::door;
use crate::limits;

/// The paths of an `@FILE`, as they stand there: relative to where the caller is.
pub fn paths(list: &mut dyn Read) -> Result<Vec<PathBuf>, InputErrorKind> {
    Ok(lines(list)?.into_iter().map(PathBuf::from).collect())
}

/// The modules of a `modules.order` in this folder; `is_there` says whether a path leads to something.
///
/// A build's own has `.ko` up to 6.1 and `.o` later; what counts is the finished module. An installed one has `.ko`
/// where the module itself may be packed.
pub fn modules(
    order: &mut dyn Read,
    folder: &Path,
    is_there: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, InputErrorKind> {
    let find = |line: String| {
        let stem = line.strip_suffix(".o").or_else(|| line.strip_suffix(".ko"));
        let stem = stem.ok_or_else(|| InputErrorKind::List(format!("{line:?} is neither a .ko nor a .o")))?;
        let there: Vec<PathBuf> = candidates(folder, stem).filter(|path| is_there(path)).collect();
        if there.is_empty() {
            return Err(InputErrorKind::List(format!("it lists {line:?}, but there is no {stem}.ko")));
        }
        // Which of several is loaded is depmod's choice.
        Ok(there)
    };
    let found: Vec<Vec<PathBuf>> = lines(order)?.into_iter().map(find).collect::<Result<_, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The lines of the `modules.order` at a path.
pub(crate) fn order(path: &Path) -> Result<Vec<String>, InputErrorKind> {
    lines(&mut door::file(path)?.0)
}

/// Where the module of a stem may be.
pub(crate) fn candidates(folder: &Path, stem: &str) -> impl Iterator<Item = PathBuf> {
    PACKED.iter().map(move |ending| folder.join(format!("{stem}.ko{ending}")))
}

/// The stem of a file's name that [`candidates`] has.
pub(crate) fn stem_of(name: &str) -> Option<&str> {
    PACKED.iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix(".ko"))
}

fn lines(list: &mut dyn Read) -> Result<Vec<String>, InputErrorKind> {
    let mut text = String::new();
    list.take(limits::LIST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limits::LIST_BYTES {
        return Err(InputErrorKind::TooLarge { len: text.len() as u64, limit: limits::LIST_BYTES });
    }
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
