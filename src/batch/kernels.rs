// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packages of kernels: for each module package those of its kernel are found by the kernel's version.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::input::{self, InputError};

/// Packages of kernels: who names a folder of them says that what is in them is the kernels' own.
///
/// Of a package in there that is none by its name nothing is believed.
#[derive(Debug, Default)]
pub struct Kernels {
    packages: Vec<PathBuf>,
    found: HashMap<String, Kernel>,
}

/// What is known of one kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Its version, as in `lib/modules/VERSION`.
    pub version: String,
    /// The package that tells what it exports.
    pub exports: Option<PathBuf>,
    /// All of its packages.
    pub packages: Vec<PathBuf>,
}

impl Kernels {
    /// Those in these folders.
    pub fn read(folders: &[PathBuf]) -> Result<Self, InputError> {
        let mut packages = Vec::new();
        for folder in folders {
            packages.extend(super::packages_of(folder)?);
        }
        Ok(Self { packages, found: HashMap::new() })
    }

    /// All packages.
    #[must_use]
    pub fn packages(&self) -> &[PathBuf] {
        &self.packages
    }

    /// The package that tells what a kernel exports, if there is one.
    #[must_use]
    pub fn exports(&self) -> Option<&Path> {
        self.packages.iter().find(|package| input::tells_exports(package, None)).map(PathBuf::as_path)
    }

    /// The kernel that the first module of a package says it is for, if there is a module in it.
    pub fn of_package(&mut self, package: &Path) -> Option<&Kernel> {
        if self.packages.is_empty() {
            return None;
        }
        let version = input::kernel_version_of(package)?;
        if !self.found.contains_key(&version) {
            let kernel = self.find(&version);
            self.found.insert(version.clone(), kernel);
        }
        self.found.get(&version)
    }

    fn find(&self, version: &str) -> Kernel {
        let packages: Vec<PathBuf> = self.packages.iter().filter(|package| is_of(package, version)).cloned().collect();
        let exports = packages.iter().find(|package| input::tells_exports(package, Some(version))).cloned();
        Kernel { version: version.to_owned(), exports, packages }
    }
}

/// Whether a package is one of a kernel of this version, by the name of its file: `linux-headers-VERSION_1.0_amd64.deb`,
/// `kernel-devel-VERSION.rpm`.
fn is_of(package: &Path, version: &str) -> bool {
    /// What stands before it in the names of Debian's packages.
    const DEBS: [&str; 7] = ["image", "image-unsigned", "modules", "modules-extra", "binary", "base", "headers"];
    /// What may stand behind it; with anything else it is part of a longer version, such as that of another flavour.
    const BEHIND: [&str; 5] = ["_", ".deb", ".rpm", "-unsigned_", "-signed_"];
    let name = package.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = percent_decode_str(&name).decode_utf8_lossy();
    let is_kernels = |before: &str| {
        let deb = before.strip_prefix("linux-").and_then(|rest| rest.strip_suffix('-'));
        deb.is_some_and(|kind| DEBS.contains(&kind))
            || before.strip_prefix("kernel-").is_some_and(|rest| rest.is_empty() || rest.ends_with('-'))
    };
    name.match_indices(version).any(|(at, _)| {
        let (before, behind) = (name.get(..at).unwrap_or_default(), name.get(at + version.len()..).unwrap_or_default());
        is_kernels(before) && BEHIND.iter().any(|ending| behind.starts_with(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernels_packages_bear_its_version() {
        let is = |name: &str, version| is_of(Path::new(name), version);
        assert!(is("pool/linux-headers-6.1.0-57-amd64_6.1.170-1_amd64.deb", "6.1.0-57-amd64"));
        assert!(is("linux-image-7.2.13%2bdeb14-amd64_7.2.13-1_amd64.deb", "7.2.13+deb14-amd64"));
        assert!(is("linux-image-6.1.0-57-amd64-unsigned_1_amd64.deb", "6.1.0-57-amd64"));
        assert!(is("kernel-devel-6.12.0-55.el10.x86_64.rpm", "6.12.0-55.el10.x86_64"));
        for (other, version) in [
            ("linux-headers-16.1.0-57-amd64_1.deb", "6.1.0-57-amd64"),
            ("linux-headers-6.6.1.0-57-amd64_1.deb", "6.1.0-57-amd64"),
            ("linux-headers-6.1.0-57-amd64v3_1.deb", "6.1.0-57-amd64"),
            ("linux-headers-6.1.0-57-rt-amd64_1.deb", "6.1.0-57-amd64"),
            ("linux-headers-6.1.0-57-686-pae_1.deb", "6.1.0-57-686"),
            ("linux-modules-nvidia-535-6.1.0-57-amd64_1.deb", "6.1.0-57-amd64"),
            ("vendor-gpu-6.1.0-57-amd64_1.deb", "6.1.0-57-amd64"),
            ("linux-image-6.1.0-57-amd64-dbg_1.deb", "6.1.0-57-amd64"),
            ("linux-headers-6.1.0-57-common_1.deb", "6.1.0-57-amd64"),
        ] {
            assert!(!is(other, version), "{other}");
        }
    }
}
