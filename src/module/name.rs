// SPDX-License-Identifier: MIT OR Apache-2.0
//! Module names, compared as the kernel compares them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A module's name with every `-` turned into `_`.
///
/// kbuild does the same when it names `KBUILD_MODNAME` (`scripts/Makefile.lib:name-fix-token`, 7.2), and the
/// loader takes the two for one (`kernel/module/main.c:mod_strncmp`, 7.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleName(Arc<str>);

impl ModuleName {
    /// Normalises a name as it stands in a file.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.replace('-', "_").into())
    }

    /// The name of the module that a path is of: `drivers/gpu/drm/foo-bar.ko.xz` is `foo_bar`, and so is
    /// `initrd.img!foo-bar.ko`. kbuild turns a comma into `_`, too, but to the loader the two are not one.
    #[must_use]
    pub fn from_path(path: &str) -> Self {
        let file = path.rsplit(['/', '!']).next().unwrap_or(path);
        Self::new(&without_ending(file).replace(',', "_"))
    }

    /// The normalised name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A module's path without `.ko` or `.o`, and without what a packer put behind that.
#[must_use]
pub fn without_ending(path: &str) -> &str {
    const PACKERS: [&str; 7] = [".xz", ".zst", ".gz", ".bz2", ".lzma", ".lz4", ".lzo"];
    let unpacked = PACKERS.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path);
    unpacked.strip_suffix(".ko").or_else(|| path.strip_suffix(".o")).unwrap_or(path)
}

/// A module's path as `Module.symvers` has it: without `.ko` and what follows, and without the `kernel/`
/// that `modules_install` puts before it.
#[must_use]
pub fn provider_path(label: &str) -> &str {
    let stem = without_ending(label);
    let installed = stem.find("lib/modules/").and_then(|at| stem.get(at..)?.split_once("/kernel/"));
    match (installed, stem.strip_prefix("kernel/")) {
        (Some((_, path)), _) | (None, Some(path)) => path,
        (None, None) => stem,
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ModuleName, provider_path};

    #[test]
    fn dash_is_underscore() {
        assert_eq!(ModuleName::new("virtio-gpu"), ModuleName::new("virtio_gpu"));
        assert_eq!(ModuleName::from_path("a/b/snd-foo.ko.xz").as_str(), "snd_foo");
        assert_eq!(ModuleName::from_path("drivers/gpu/drm/drm").as_str(), "drm");
        assert_eq!(ModuleName::from_path("foo.o").as_str(), "foo");
        assert_eq!(ModuleName::from_path("drivers/firmware/thead,th1520-aon").as_str(), "thead_th1520_aon");
        assert_eq!(ModuleName::from_path("a.kore.ko.zst").as_str(), "a.kore");
        assert_eq!(ModuleName::from_path("a.xz").as_str(), "a.xz");
    }

    #[test]
    fn provider_paths_are_those_of_the_build() {
        assert_eq!(provider_path("kernel/drivers/gpu/drm/drm.ko.xz"), "drivers/gpu/drm/drm");
        assert_eq!(provider_path("usr/lib/modules/6.1/kernel/fs/a.ko"), "fs/a");
        assert_eq!(provider_path("updates/dkms/x.ko"), "updates/dkms/x");
        assert_eq!(provider_path("/tmp/y/foo.ko"), "/tmp/y/foo");
    }
}
