// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel image that is installed beside modules: on a system, or in an unpacked root, the two were installed together, and
//! the image holds the certificate of the key that signed the modules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The images of the kernels whose installed modules these inputs are, or are among.
///
/// Each with the folder of the modules that it speaks for: an image proves no other kernel's. Of several for one kernel the
/// one in `boot` counts, which a package manager put there, whatever it holds: anybody's package can put a file of such a name
/// beside its modules.
pub(super) fn images(inputs: &[PathBuf]) -> Vec<(PathBuf, PathBuf)> {
    let mut folders = BTreeSet::new();
    for input in inputs {
        match installed(input) {
            Some(folder) => drop(folders.insert(folder)),
            None => folders.extend(roots(input)),
        }
    }
    let image_of = |folder: PathBuf| Some((images_of(&folder).into_iter().find(|image| image.is_file())?, folder));
    folders.into_iter().filter_map(image_of).collect()
}

/// The folder `lib/modules/VERSION` that a path is or is in.
fn installed(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let is_one = |folder: &&Path| {
        let above = folder.parent();
        above.is_some_and(|above| above.ends_with("lib/modules")) && folder.is_dir()
    };
    real.ancestors().find(is_one).map(Path::to_owned)
}

/// The folders `lib/modules/VERSION` of a root.
fn roots(root: &Path) -> Vec<PathBuf> {
    let modules = if root.ends_with("lib/modules") {
        vec![root.to_owned()]
    } else {
        ["lib/modules", "usr/lib/modules"].map(|modules| root.join(modules)).to_vec()
    };
    let entries = modules.iter().filter_map(|modules| fs::read_dir(modules).ok()).flatten().flatten();
    entries.filter_map(|entry| entry.path().canonicalize().ok()).filter(|folder| folder.is_dir()).collect()
}

/// Where the image of an installed kernel may be: in `boot`, where most put it, or with its modules, where systemd and newer
/// packages have it (`kernel-install(8)`).
fn images_of(folder: &Path) -> Vec<PathBuf> {
    let mut images = Vec::new();
    let version = folder.file_name().and_then(|version| version.to_str());
    let root = folder.ancestors().nth(3);
    if let (Some(version), Some(root)) = (version, root) {
        let root = if root.ends_with("usr") { root.parent().unwrap_or(root) } else { root };
        images.extend(["vmlinuz", "vmlinux"].map(|name| root.join("boot").join(format!("{name}-{version}"))));
    }
    images.extend(["vmlinuz", "vmlinux"].map(|name| folder.join(name)));
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_images_from_the_folder_a_file_and_the_root() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let write = |name: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"").unwrap();
            path
        };
        let module = write("usr/lib/modules/6.1/kernel/a.ko");
        let folder = root.join("usr/lib/modules/6.1");
        let with_modules = write("usr/lib/modules/6.1/vmlinuz");
        assert_eq!(images(std::slice::from_ref(&root)), [(with_modules, folder.clone())]);
        let image = write("boot/vmlinuz-6.1");
        write("boot/vmlinuz-6.2");
        for input in [root.clone(), root.join("usr/lib/modules"), folder.clone(), module] {
            assert_eq!(images(&[input]), [(image.clone(), folder.clone())]);
        }
        assert!(images(&[root.join("boot")]).is_empty());
    }
}
