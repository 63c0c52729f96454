// SPDX-License-Identifier: MIT OR Apache-2.0
//! What ARCHITECTURE.md promises of the source, checked.

use std::path::{Path, PathBuf};

use crate::support::root;

/// All files that are kept in git, but for what tools wrote.
fn files() -> Vec<PathBuf> {
    let output =
        std::process::Command::new("git").current_dir(root()).args(["ls-files", "-co", "--exclude-standard"]).output();
    let output = output.expect("git is there");
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    let files: Vec<PathBuf> = text.lines().map(PathBuf::from).filter(|file| root().join(file).is_file()).collect();
    assert!(files.len() > 50, "git lists the files");
    files
}

fn read(file: &Path) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(file)).ok()?).ok()
}

#[test]
fn every_source_names_its_licence_and_ends_with_a_newline() {
    let sources = ["rs", "toml", "md", "c", "h", "sh"];
    for file in files() {
        let Some(extension) = file.extension().and_then(|extension| extension.to_str()) else { continue };
        let Some(text) = read(&file) else { continue };
        if sources.contains(&extension) {
            let head: String = text.lines().take(3).collect();
            // What becomes part of a kernel or of a module.
            let is_kernels = file.starts_with("testdata/src") || extension == "h";
            let licence = if is_kernels { "GPL-2.0-only" } else { "MIT OR Apache-2.0" };
            assert!(head.contains(&format!("SPDX-License-Identifier: {licence}")), "{}", file.display());
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{}", file.display());
        }
    }
}

#[test]
fn the_gate_and_the_reports_open_no_file_and_modules_know_no_policy() {
    for file in files() {
        let Some(text) = read(&file) else { continue };
        let within = |folder: &str| file.starts_with(folder);
        if within("src/gate") || within("src/report") {
            for door in ["std::fs", "File::open", "std::env", "std::process"] {
                assert!(!text.contains(door), "{} uses {door}", file.display());
            }
        }
        if within("src/module") || file == Path::new("src/symvers.rs") {
            for later in ["crate::allowlist", "crate::gate", "crate::report", "crate::input", "crate::cli"] {
                assert!(!text.contains(later), "{} uses {later}", file.display());
            }
        }
        if within("src") && !within("src/cli") && file != Path::new("src/main.rs") {
            assert!(!text.contains("crate::cli"), "{} uses the command line", file.display());
        }
    }
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let pages = std::fs::read_dir(root().join("docs/rules")).unwrap();
    let mut pages: Vec<String> =
        pages.map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".md", "")).collect();
    pages.sort();
    let rules: Vec<String> = symgate::gate::rules::ALL.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(pages, rules);
}

#[test]
fn no_archive_host_is_named() {
    for file in files() {
        // Spelt in two halves, so that this file passes too.
        let host = ["deb.debian", ".org"].concat();
        let text = read(&file).unwrap_or_default();
        assert!(!text.contains(&host), "{}", file.display());
    }
}
