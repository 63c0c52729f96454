// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allowlists to try: made up, or the shipped ones with something changed.

use std::path::Path;

use super::{root, write};

/// The axes of a userspace that meets everything.
const GOOD: [(&str, &str); 11] = [
    ("licence", "MIT"),
    ("upstream", "canonical"),
    ("kind", "production"),
    ("compiler", "open"),
    ("firmware", "open"),
    ("documentation", "yes"),
    ("released", "yes"),
    ("packaged", "yes"),
    ("reviewed", "yes"),
    ("tests", "yes"),
    ("activity", "2026-10-01"),
];

/// One recorded axis.
pub(crate) fn record(is: &str) -> String {
    format!("{{ is = \"{is}\", evidence = \"test 1\", checked = \"2026-11-01\" }}")
}

/// A userspace that meets everything but for what is changed.
pub(crate) fn userspace(name: &str, title: &str, changed: &[(&str, &str)]) -> String {
    let mut text = format!("[[userspace]]\nname = \"{name}\"\ntitle = \"{title}\"\nurl = \"https://example.org\"\n");
    for (axis, is) in GOOD {
        let is = changed.iter().find(|(name, _)| *name == axis).map_or(is, |(_, is)| is);
        text.push_str(&format!("{axis} = {}\n", record(is)));
    }
    text
}

/// Copies the shipped allowlists into a folder, with something replaced in one file. Returns the folder.
pub(crate) fn shipped(folder: &Path, file: &str, from: &str, to: &str) -> String {
    for entry in std::fs::read_dir(root().join("allowlists")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(name != file || text.contains(from), "{file} has {from}");
        write(folder, name, if name == file { text.replacen(from, to, 1) } else { text });
    }
    folder.display().to_string()
}
