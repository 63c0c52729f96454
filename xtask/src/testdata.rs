// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the test modules with real kbuild, in a chroot of the suite whose kernel it is, because a suite's
//! kbuild runs with that suite's libc and compiler. Needs root, and debootstrap.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::corpus;
use crate::messages;
use crate::shell::{TaskError, output, repository, text};

/// The suites whose kernels the test modules are built for.
const SUITES: [&str; 2] = ["bookworm", "sid"];

/// One run of make: the modules it makes, and what else make is told.
struct Pass {
    modules: &'static [&'static str],
    options: &'static str,
    /// An object that is built first.
    before: Option<&'static str>,
    /// Where they go, below the folder of their kernel.
    folder: &'static str,
}

const PASSES: [Pass; 5] = [
    Pass {
        modules: &[
            "sg_export",
            "sg_user",
            "sg_get",
            "sg_put",
            "sg_harmless",
            "sg_tags",
            "sg_tags_agree",
            "vmwgfx",
            "habanalabs",
        ],
        options: "",
        before: None,
        folder: "",
    },
    // What gets at a family through the exports of others.
    Pass {
        modules: &[
            "sg_shim",
            "sg_shim_ops",
            "sg_shim_default",
            "sg_shim_user",
            "sg_shim_safe",
            "sg_prime",
            "sg_iio",
            "sg_shim_routes",
        ],
        options: "",
        before: None,
        folder: "reach",
    },
    // Makes modpost only warn of a missing namespace.
    Pass { modules: &["sg_get_nons"], options: "KBUILD_NSDEPS=1", before: None, folder: "" },
    // Makes modpost only warn of what nothing exports.
    Pass { modules: &["sg_undefined"], options: "KBUILD_MODPOST_WARN=1", before: None, folder: "" },
    // Links an object in after modpost.
    Pass {
        modules: &["sg_blob"],
        options: "LDFLAGS_MODULE=/build/sg_blob_inject.o",
        before: Some("sg_blob_inject.o"),
        folder: "",
    },
];

/// Modules of which the object that modpost reads is kept, too: one that exports, and one that imports from a family.
const OBJECTS: [&str; 2] = ["sg_export", "sg_get"];

/// What only a kernel without the check of `MODULE_INFO` (7.x) compiles.
const NUL: Pass = Pass { modules: &["sg_nul"], options: "", before: None, folder: "" };

/// `cargo xtask testdata`
pub fn task(suites: &[String]) -> Result<(), TaskError> {
    let all: Vec<String> = SUITES.iter().map(|suite| (*suite).to_owned()).collect();
    for suite in if suites.is_empty() { &all } else { suites } {
        let root = chroot(suite)?;
        let (release, headers) = headers(&root)?;
        let series: Vec<&str> = release.split('.').take(2).collect();
        let folder = repository().join("testdata").join(series.join("."));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
        let compiler = text("chroot", [root.as_os_str(), "gcc".as_ref(), "-dumpfullversion".as_ref()])?;
        println!("{suite}: {release}, gcc {}", compiler.trim());
        for pass in &PASSES {
            build(&root, &release, pass, &folder.join(pass.folder))?;
        }
        if build(&root, &release, &NUL, &folder).is_err() {
            println!("{suite}: {release} does not compile sg_nul, as it should not");
        }
        sign(&root, &folder)?;
        excerpt(&root.join(headers.trim_start_matches('/')).join("Module.symvers"), &folder)?;
        own(&folder)?;
    }
    messages::write()
}

/// Makes the folder one that a kernel might have been built in, whose own the two are that bear registered names.
fn own(folder: &Path) -> Result<(), TaskError> {
    for (name, text) in [("modules.order", "habanalabs.ko\nvmwgfx.ko\n"), ("modules.builtin", "")] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(TaskError::io(&path))?;
    }
    Ok(())
}

/// A system of the suite with a compiler and kernel headers, made once.
fn chroot(suite: &str) -> Result<PathBuf, TaskError> {
    let root = corpus::home().join("chroot").join(suite);
    let stamp = root.join("symgate-ready");
    if stamp.exists() {
        return Ok(root);
    }
    println!("{suite}: making a chroot in {}", root.display());
    if root.exists() {
        fs::remove_dir_all(&root).map_err(TaskError::io(&root))?;
    }
    fs::create_dir_all(&root).map_err(TaskError::io(&root))?;
    let mirror = apt::mirror()?;
    let packages = "--include=gcc,make,libc6-dev,linux-headers-amd64";
    output(
        "debootstrap",
        ["--variant=minbase".as_ref(), packages.as_ref(), suite.as_ref(), root.as_os_str(), mirror.as_ref()],
    )?;
    fs::write(&stamp, "").map_err(TaskError::io(&stamp))?;
    Ok(root)
}

/// The release whose headers are installed in it, and their folder as seen from inside.
fn headers(root: &Path) -> Result<(String, String), TaskError> {
    let modules = root.join("usr/lib/modules");
    let release = fs::read_dir(&modules)
        .map_err(TaskError::io(&modules))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .max()
        .ok_or_else(|| TaskError::Other(format!("{}: no headers", root.display())))?;
    let headers = format!("/usr/src/linux-headers-{release}");
    Ok((release, headers))
}

fn build(root: &Path, release: &str, pass: &Pass, folder: &Path) -> Result<(), TaskError> {
    let place = root.join("build");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).map_err(TaskError::io(&place))?;
    let sources = repository().join("testdata/src");
    for entry in fs::read_dir(&sources).map_err(TaskError::io(&sources))?.flatten() {
        let to = place.join(entry.file_name());
        fs::copy(entry.path(), &to).map_err(TaskError::io(&to))?;
    }
    let make = format!("make -C /lib/modules/{release}/build M=/build");
    let objects: Vec<String> = pass.modules.iter().map(|module| format!("{module}.o")).collect();
    let mut script = String::from("set -e; export LC_ALL=C KBUILD_BUILD_TIMESTAMP=@0; ");
    if let Some(before) = pass.before {
        script.push_str(&format!("{make} {before}; "));
    }
    script.push_str(&format!("{make} SG='{}' {} modules; ", objects.join(" "), pass.options));
    // A module's facts are all in what is left; the debug info is ten times its size.
    script.push_str("strip --strip-debug /build/*.ko /build/*.o");
    // objtool wants /proc; a mount namespace of its own takes the mount away again.
    let shown = root.display();
    let outer = format!("mount -t proc proc '{shown}/proc' && exec chroot '{shown}' sh -c \"$0\"");
    output("unshare", ["--mount", "sh", "-c", &outer, &script])?;
    fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
    let objects = pass.modules.iter().filter(|module| OBJECTS.contains(module)).map(|module| format!("{module}.o"));
    for name in pass.modules.iter().map(|module| format!("{module}.ko")).chain(objects) {
        let to = folder.join(&name);
        fs::copy(place.join(&name), &to).map_err(TaskError::io(&to))?;
    }
    Ok(())
}

/// Signs a module with the suite's own tool and the key in `testdata/keys`, which is for nothing else.
fn sign(root: &Path, folder: &Path) -> Result<(), TaskError> {
    let signed = folder.join("signed");
    fs::create_dir_all(&signed).map_err(TaskError::io(&signed))?;
    let place = root.join("build");
    for key in ["test.pem", "test.x509"] {
        let to = place.join(key);
        fs::copy(repository().join("testdata/keys").join(key), &to).map_err(TaskError::io(&to))?;
    }
    let plain = place.join("sg_harmless.ko");
    fs::copy(folder.join("sg_harmless.ko"), &plain).map_err(TaskError::io(&plain))?;
    let script = "set -- /usr/lib/linux-kbuild-*/scripts/sign-file; cd /build; \
                  \"$1\" sha256 test.pem test.x509 sg_harmless.ko signed.ko";
    output("chroot", [root.as_os_str(), "sh".as_ref(), "-c".as_ref(), script.as_ref()])?;
    let to = signed.join("sg_harmless.ko");
    fs::copy(place.join("signed.ko"), &to).map_err(TaskError::io(&to))?;
    Ok(())
}

/// The lines of the kernel's `Module.symvers` that the built modules need.
fn excerpt(symvers: &Path, folder: &Path) -> Result<(), TaskError> {
    let whole = fs::read_to_string(symvers).map_err(TaskError::io(symvers))?;
    let built = corpus::module_files(folder);
    let undefined = text(
        "nm",
        ["-u", "-A"].map(std::ffi::OsStr::new).into_iter().chain(built.iter().map(|file| file.as_os_str())),
    )?;
    let wanted: BTreeSet<&str> = undefined.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let lines: String = whole
        .lines()
        .filter(|line| line.split('\t').nth(1).is_some_and(|symbol| wanted.contains(symbol)))
        .map(|line| format!("{line}\n"))
        .collect();
    let to = folder.join("Module.symvers");
    fs::write(&to, lines).map_err(TaskError::io(&to))
}
