// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells the readers of modules apart by their source, so that facts that an older symgate has kept are never taken for what
//! this one would read.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let mut sources = BTreeMap::new();
    for root in ["src/module", "src/exports", "src/input", "src/limits.rs", "src/text.rs", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={root}");
        read(Path::new(root), &mut sources)?;
    }
    // Of a library's new version the program's own source tells nothing.
    if let Ok(lock) = fs::read("Cargo.lock") {
        println!("cargo:rerun-if-changed=Cargo.lock");
        sources.insert(PathBuf::from("Cargo.lock"), lock);
    }
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    println!("cargo:rustc-env=SYMGATE_READERS={:016x}", hasher.finish());
    Ok(())
}

fn read(path: &Path, sources: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            read(&entry?.path(), sources)?;
        }
    } else {
        sources.insert(path.to_owned(), fs::read(path)?);
    }
    Ok(())
}
