// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a system says of its kernel and of its packages: parts between NULs, each of which becomes a file of it.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use symgate::allowlist::{Allowlists, Origin};
use symgate::audit::{Audit, Root, Running};
use symgate::gate::rules;
use symgate::input::Inputs;
use symgate::trust::Named;

/// The files, in the order of the parts.
const FILES: [&str; 9] = [
    "proc/modules",
    "proc/sys/kernel/tainted",
    "sys/module/sg_get/taint",
    "sys/module/sg_get/srcversion",
    "var/lib/dpkg/info/a.list",
    "var/lib/dpkg/status",
    "lib/modules/6.1/modules.order",
    "lib/modules/6.1/modules.builtin",
    "boot/config-6.1",
];

static ALLOWLISTS: LazyLock<Allowlists> =
    LazyLock::new(|| Allowlists::load(&Origin::default(), &rules::ids()).expect("those that ship"));

/// A system of one module that is from elsewhere, in memory where that can be.
static SYSTEM: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let above = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = above.join(format!("symgate-fuzz-{}", std::process::id()));
    let module = include_bytes!("../../testdata/6.1/sg_get.ko");
    for (path, content) in [
        ("lib/modules/6.1/updates/sg_get.ko", &module[..]),
        ("proc/sys/kernel/osrelease", b"6.1\n"),
        ("sys/module/sg_get/initstate", b"live\n"),
    ] {
        write(&folder, path, content);
    }
    folder
});

fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
    fs::write(path, content).expect("files can be written");
}

libfuzzer_sys::fuzz_target!(|parts: &[u8]| {
    let folder = SYSTEM.as_path();
    let mut parts = parts.split(|byte| *byte == 0);
    for file in FILES {
        write(folder, file, parts.next().unwrap_or_default());
    }
    // The rest is a build-id's note, which has NULs in it.
    let note = parts.collect::<Vec<_>>().join(&0);
    write(folder, "sys/module/sg_get/notes/.note.gnu.build-id", &note);
    let root = Root::new(folder).expect("it is there");
    let running = Running::read(&root).expect("there is a list");
    assert!(running.modules.contains_key("sg_get"));
    let audit =
        Audit::of_system(folder, &[], &Inputs { to_judge: true, ..Inputs::default() }, &Named::default(), &ALLOWLISTS);
    let audit = audit.expect("there is a module");
    let about = &audit.kernels[0].about[0];
    assert!(about.loaded.is_some(), "sysfs says that it is loaded");
    let signs: Vec<&str> = about.signs.iter().map(|sign| sign.id()).collect();
    assert!(signs.contains(&"place") && signs.contains(&"no-intree"), "{signs:?}");
});
