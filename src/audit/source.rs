// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the licence of a module is by its source, as far as its debug info names files that are on the system: their
//! `SPDX-License-Identifier` (`Documentation/process/license-rules.rst`, 7.2). It is what the files say, and no judgement of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::owner::Owner;
use super::root::Root;
use crate::check::Sources;
use crate::limits;

/// What a module's files of source say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceLicences {
    /// How many files were compiled.
    pub files: usize,
    /// How many of them are at hand.
    pub at_hand: usize,
    /// What they say, each with how many say it.
    pub licences: BTreeMap<String, usize>,
    /// How many functions the module has.
    pub functions: usize,
    /// The functions that were linked in without debug info, sorted.
    pub without: Vec<String>,
}

/// Where a file says its licence: in its first or second line, behind the first of which a script's may stand.
const LINES: usize = 5;

/// Functions that are named before the rest is only counted.
const NAMED: usize = 8;

/// Files that are looked for. The largest modules have some hundred.
const FILES: usize = 4096;

/// Bytes of a file that are read: these lines fit into them.
const START_BYTES: u64 = 4096;

/// Folders of a path that are tried as the one that DKMS copied.
const FOLDERS: usize = 16;

/// Longest licence that is told, in bytes.
const LICENCE_BYTES: usize = 100;

impl SourceLicences {
    /// Looks for the files on a system, if there is one.
    pub(super) fn of(sources: &Sources, root: Option<&Root>, owner: &Owner) -> Self {
        let Sources { files, functions, without } = sources;
        let mut told = Self { files: files.len(), functions: *functions, without: without.clone(), ..Self::default() };
        for file in files.iter().take(FILES) {
            let Some(text) = root.and_then(|root| find(root, file, owner)) else { continue };
            told.at_hand += 1;
            let says = licence(&text).unwrap_or("none is named").to_owned();
            *told.licences.entry(says).or_default() += 1;
        }
        told
    }
}

/// The text of a file as the compiler was told it: there, or in the source that DKMS copied to build it.
fn find(root: &Root, file: &str, owner: &Owner) -> Option<String> {
    if let Owner::Dkms { name, version, .. } = owner {
        let source = PathBuf::from(format!("usr/src/{name}-{version}"));
        let parts: Vec<_> = Path::new(file).components().collect();
        for start in parts.len().saturating_sub(FOLDERS).max(1)..parts.len() {
            let rest: PathBuf = parts.iter().skip(start).collect();
            if let Some(text) = root.start(source.join(rest), START_BYTES) {
                return Some(text);
            }
        }
    }
    Path::new(file).is_absolute().then(|| root.start(file, START_BYTES)).flatten()
}

/// What a file says.
fn licence(text: &str) -> Option<&str> {
    let said = text.lines().take(LINES).find_map(|line| line.split_once("SPDX-License-Identifier:"));
    let said = said.filter(|(_, licence)| licence.len() <= LICENCE_BYTES);
    said.map(|(_, licence)| licence.trim().trim_end_matches("*/").trim_end_matches("-->").trim())
}

/// `GPL-2.0-only in 3 files, none is named in 1 (4 of 5 files at hand); 2 of 40 functions have no debug info: blob_a, blob_b`
impl fmt::Display for SourceLicences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: Vec<String> = self.licences.iter().map(|(licence, count)| format!("{licence} in {count}")).collect();
        let said = if said.is_empty() { "unknown".to_owned() } else { said.join(", ") };
        write!(f, "{said} ({} of {} files at hand)", self.at_hand, self.files)?;
        if self.without.is_empty() {
            return Ok(());
        }
        let named: Vec<&str> = self.without.iter().take(NAMED).map(String::as_str).collect();
        let more = self.without.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        // So many are looked at.
        let first = if self.functions == limits::SITES { "the first " } else { "" };
        let (without, functions) = (self.without.len(), self.functions);
        write!(f, "; {without} of {first}{functions} functions were linked in without debug info")?;
        write!(f, ": {}{more}", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_found_where_dkms_took_them_from() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("usr/src/x-1/sub/a.c", "// SPDX-License-Identifier: GPL-2.0-only\n"),
            ("usr/src/x-1/b.c", "/* SPDX-License-Identifier: MIT */\n"),
            ("home/c.c", "int c;\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::new(folder.path()).unwrap();
        let build = |file: &str| format!("/var/lib/dkms/x/1/build/{file}");
        let files = vec!["/home/c.c".to_owned(), build("b.c"), build("none.c"), build("sub/a.c")];
        let sources = Sources { files, functions: 3, without: vec!["blob".to_owned()] };
        let owner = Owner::Dkms { name: "x".to_owned(), version: "1".to_owned(), package: None };
        let told = SourceLicences::of(&sources, Some(&root), &owner);
        assert_eq!(
            told.to_string(),
            "GPL-2.0-only in 1, MIT in 1, none is named in 1 (3 of 4 files at hand); 1 of 3 functions were linked in \
             without debug info: blob"
        );
        let nowhere = SourceLicences::of(&sources, None, &owner);
        assert!(nowhere.to_string().starts_with("unknown (0 of 4 files at hand)"));
    }
}
