// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the test modules with real kbuild, in a chroot of the suite whose kernel it is, because a suite's
//! kbuild runs with that suite's libc and compiler. Needs root, and debootstrap.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::corpus;
use crate::klp;
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
    /// Where they go, below the folder of their kernel; those of `HIDDEN` have one of their own.
    folder: &'static str,
}

const PASSES: [Pass; 8] = [
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
    // The tier, as a header of ours makes it.
    Pass {
        modules: &["sg_tier", "sg_tier_user", "sg_tier_plain", "sg_tier_version"],
        options: "",
        before: None,
        folder: "tier",
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
    // What gets at a family by ways that no import shows, and what only looks like it (`src/hidden.tsv`).
    Pass {
        modules: &[
            "sg_hide_symbol_get",
            "sg_twin_symbol_get",
            "sg_hide_symbol_choice",
            "sg_twin_symbol_choice",
            "sg_hide_symbol_table",
            "sg_twin_symbol_table",
            "sg_hide_symbol_wrapper",
            "sg_twin_symbol_wrapper",
            "sg_hide_symbol_struct",
            "sg_twin_symbol_struct",
            "sg_hide_symbol_stored",
            "sg_twin_symbol_stored",
            "sg_hide_symbol_stack",
            "sg_hide_symbol_computed",
            "sg_hide_symbol_xor",
            "sg_hide_symbol_param",
            "sg_hide_symbol_param_default",
            "sg_hide_shim_get",
            "sg_hide_shim_user",
            "sg_twin_shim_get",
            "sg_twin_shim_user",
            "sg_hide_kprobe",
            "sg_hide_kprobe_stored",
            "sg_hide_kprobe_stack",
            "sg_hide_kretprobe",
            "sg_hide_kprobe_array",
            "sg_twin_kprobe",
            "sg_hide_kprobe_param",
            "sg_hide_kprobe_addr",
            "sg_hide_kallsyms",
            "sg_hide_kallsyms_table",
            "sg_hide_kallsyms_wrapper",
            "sg_hide_kallsyms_user",
            "sg_twin_kallsyms_user",
            "sg_twin_kallsyms",
            "sg_hide_ftrace",
            "sg_twin_ftrace",
            "sg_hide_fprobe",
            "sg_twin_fprobe",
            "sg_hide_fprobe_syms",
            "sg_twin_fprobe_syms",
            "sg_hide_livepatch",
            "sg_twin_livepatch",
            "sg_hide_modules_list",
            "sg_twin_modules_list",
            "sg_hide_sprint",
            "sg_hide_private",
            "sg_twin_private",
            "sg_hide_private_ops",
            "sg_hide_pages",
            "sg_hide_pages_generic",
            "sg_hide_copy",
            "sg_twin_copy",
            "sg_hide_inline",
            "sg_hide_setter",
            "sg_twin_setter",
            "sg_hide_setter_stack",
            "sg_hide_tail_call",
            "sg_hide_bad_byte",
            "sg_hide_section",
            "sg_hide_memcpy",
            "sg_hide_kprobe_other",
            "sg_hide_string_end",
            "sg_hide_hop_one",
            "sg_hide_hop_two",
            "sg_hide_hop_three",
            "sg_hide_switched",
            "sg_hide_replaced",
            "sg_hide_narrow",
            "sg_twin_narrow",
            "sg_hide_handed",
            "sg_hide_kprobe_modules",
            "sg_hide_kprobe_part",
            "sg_hide_hook",
            "sg_hide_pages_found",
            "sg_twin_own_type",
        ],
        options: "",
        before: None,
        folder: HIDDEN,
    },
    // Makes modpost only warn of what live patching resolves.
    Pass { modules: &KLP, options: "KBUILD_MODPOST_WARN=1", before: None, folder: HIDDEN },
];

/// Modules that are made what only live patching loads, after kbuild.
const KLP: [&str; 2] = ["sg_hide_klp_rela", "sg_twin_klp_rela"];

/// Modules that keep their debug info: what they show is in it.
const DEBUG: [&str; 4] = ["sg_hide_private", "sg_twin_private", "sg_hide_private_ops", "sg_hide_inline"];

/// Modules that a series can't have: Debian's 6.1 is without `CONFIG_FPROBE`.
const LEFT_OUT: [(&str, &[&str]); 1] =
    [("6.1", &["sg_hide_fprobe", "sg_twin_fprobe", "sg_hide_fprobe_syms", "sg_twin_fprobe_syms"])];

/// Modules of which the object that modpost reads is kept, too: one that exports, and one that imports from a family.
const OBJECTS: [&str; 2] = ["sg_export", "sg_get"];

/// What only a kernel without the check of `MODULE_INFO` (7.x) compiles.
const NUL: Pass = Pass { modules: &["sg_nul"], options: "", before: None, folder: "" };

/// The folder of modules that get at something by ways that no import shows, and of their harmless twins: apart from the others,
/// of which a kernel's own build is made.
const HIDDEN: &str = "hidden";

/// What modules ask the kernel for by name, and import nowhere.
const ASKED_FOR: [&str; 6] = [
    "ktime_get_boot_fast_ns",
    "ktime_get_coarse_with_offset",
    "ktime_get_raw",
    "ktime_get_real_seconds",
    "ktime_get_resolution_ns",
    "ktime_get_seconds",
];

/// `cargo xtask testdata`: all, or only what goes to one folder, so that the bytes of the others stay as they are.
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let (only, suites) = match args {
        [flag, folder, suites @ ..] if flag == "--only" => (Some(folder.as_str()), suites),
        suites => (None, suites),
    };
    if let Some(only) = only
        && (only.is_empty() || !PASSES.iter().any(|pass| pass.folder == only))
    {
        return Err(TaskError::Other(format!("no modules go to a folder {only}")));
    }
    let all: Vec<String> = SUITES.iter().map(|suite| (*suite).to_owned()).collect();
    for suite in if suites.is_empty() { &all } else { suites } {
        let root = chroot(suite)?;
        let (release, headers) = headers(&root)?;
        let series = series(&release);
        let testdata = repository().join("testdata");
        let (folder, hidden) = (testdata.join(&series), testdata.join(HIDDEN).join(&series));
        let place = |name: &str| if name == HIDDEN { hidden.clone() } else { folder.join(name) };
        for name in only.map_or(vec!["", HIDDEN], |only| vec![only]) {
            let _ = fs::remove_dir_all(place(name));
        }
        for folder in [&folder, &hidden] {
            fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
        }
        let compiler = text("chroot", [root.as_os_str(), "gcc".as_ref(), "-dumpfullversion".as_ref()])?;
        println!("{suite}: {release}, gcc {}", compiler.trim());
        for pass in PASSES.iter().filter(|pass| only.is_none_or(|only| pass.folder == only)) {
            build(&root, &release, pass, &place(pass.folder))?;
        }
        if only.is_none() {
            if build(&root, &release, &NUL, &folder).is_err() {
                println!("{suite}: {release} does not compile sg_nul, as it should not");
            }
            sign(&root, &folder)?;
            own(&folder)?;
        }
        let symvers = root.join(headers.trim_start_matches('/')).join("Module.symvers");
        excerpt(&symvers, &folder, &[])?;
        excerpt(&symvers, &hidden, &ASKED_FOR)?;
    }
    if only.is_none() { messages::write() } else { Ok(()) }
}

/// `6.1` of `6.1.0-50-amd64`.
pub fn series(release: &str) -> String {
    release.split('.').take(2).collect::<Vec<_>>().join(".")
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
pub fn chroot(suite: &str) -> Result<PathBuf, TaskError> {
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
pub fn headers(root: &Path) -> Result<(String, String), TaskError> {
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
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    for entry in fs::read_dir(&sources).map_err(TaskError::io(&sources))?.flatten().filter(is_file) {
        let to = place.join(entry.file_name());
        fs::copy(entry.path(), &to).map_err(TaskError::io(&to))?;
    }
    let header = repository().join("integrations/kbuild/include/export_userspace_gpl.h");
    fs::copy(&header, place.join("export_userspace_gpl.h")).map_err(TaskError::io(&header))?;
    let make = format!("make -C /lib/modules/{release}/build M=/build");
    let series = series(release);
    let is_left_out = |module: &&&str| LEFT_OUT.iter().any(|(of, left)| *of == series && left.contains(*module));
    let modules: Vec<&str> = pass.modules.iter().filter(|module| !is_left_out(module)).copied().collect();
    let objects: Vec<String> = modules.iter().map(|module| format!("{module}.o")).collect();
    let mut script = String::from("set -e; export LC_ALL=C KBUILD_BUILD_TIMESTAMP=@0; ");
    if let Some(before) = pass.before {
        script.push_str(&format!("{make} {before}; "));
    }
    script.push_str(&format!("{make} SG='{}' {} modules; ", objects.join(" "), pass.options));
    // A module's facts are all in what is left; the debug info is ten times its size.
    script.push_str(&format!(
        "cd /build; for file in *.ko *.o; do case ' {} ' in \
         *\" ${{file%.*}} \"*) objcopy --compress-debug-sections=zlib --remove-section=.BTF --remove-section=.BTF.base \"$file\";; \
         *) strip --strip-debug \"$file\";; esac; done",
        DEBUG.join(" ")
    ));
    inside(root, &script)?;
    fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
    let objects = modules.iter().filter(|module| OBJECTS.contains(module)).map(|module| format!("{module}.o"));
    for name in modules.iter().map(|module| format!("{module}.ko")).chain(objects) {
        let to = folder.join(&name);
        fs::copy(place.join(&name), &to).map_err(TaskError::io(&to))?;
    }
    for module in modules.iter().filter(|module| KLP.contains(module)) {
        klp::make(&folder.join(format!("{module}.ko")))?;
    }
    Ok(())
}

/// Runs a script in a chroot.
pub fn inside(root: &Path, script: &str) -> Result<Vec<u8>, TaskError> {
    // objtool wants /proc; a mount namespace of its own takes the mount away again.
    let shown = root.display();
    let outer = format!("mount -t proc proc '{shown}/proc' && exec chroot '{shown}' sh -c \"$0\"");
    output("unshare", ["--mount", "sh", "-c", &outer, script])
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

/// The lines of the kernel's `Module.symvers` that the built modules need, and what they ask for by name.
fn excerpt(symvers: &Path, folder: &Path, asked_for: &[&'static str]) -> Result<(), TaskError> {
    let whole = fs::read_to_string(symvers).map_err(TaskError::io(symvers))?;
    let built = corpus::module_files(folder);
    let undefined = text(
        "nm",
        ["-u", "-A"].map(std::ffi::OsStr::new).into_iter().chain(built.iter().map(|file| file.as_os_str())),
    )?;
    let imported = undefined.lines().filter_map(|line| line.split_whitespace().last());
    let wanted: BTreeSet<&str> = imported.chain(asked_for.iter().copied()).collect();
    let lines: String = whole
        .lines()
        .filter(|line| line.split('\t').nth(1).is_some_and(|symbol| wanted.contains(symbol)))
        .map(|line| format!("{line}\n"))
        .collect();
    let to = folder.join("Module.symvers");
    fs::write(&to, lines).map_err(TaskError::io(&to))
}
