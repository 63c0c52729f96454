// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debug info that is elsewhere than in the module: in `.dwo` files, and in packages.

use std::fs;

use tar::EntryType;

use crate::support::pack::{deb, rpm};
use crate::support::{Run, bounded, check, folder, testdata, write};

/// What is said of a call where all is known.
const INLINED: &str = "at dma_buf_get: kernel_probe() at /src/debug/kernel/include/linux/dma-buf.h:17, inlined into sg_probe() at /src/debug/sg_debug.c:31\n";

/// The same where the `.dwo` file is missing, and where there is no debug info.
const LINE: &str = "at dma_buf_get: sg_probe() at /src/debug/kernel/include/linux/dma-buf.h:17\n";
const FUNCTION: &str = "at dma_buf_get: sg_probe\n";

fn data(name: &str) -> Vec<u8> {
    fs::read(testdata("debug").join(name)).expect("it ships")
}

fn told(run: &Run, what: &str) {
    assert!(run.stdout.contains(what), "{what}: {}", run.all());
}

#[test]
fn dwo_files_are_found_beside_the_module_and_below_folders() {
    for series in ["split4", "split5"] {
        let (home, build) = (folder(), folder());
        let module = write(home.path(), "split.ko", data(&format!("{series}.ko")));
        let alone = check(&[&module]);
        told(&alone, LINE);
        told(
            &alone,
            "not seen: modules with findings of which it is known what is inlined there: 0 of 1: split: the debug info of 1 source \
             files is in .dwo files that are not found; --debug-dir names folders with more",
        );
        write(build.path(), "debug/split/sg_debug.dwo", data(&format!("{series}.dwo")));
        let build = build.path().display().to_string();
        let found = check(&[&module, "--debug-dir", &build]);
        told(&found, INLINED);
        assert!(!found.stdout.contains(".dwo files"), "{}", found.all());
        for (place, what) in [("split/sg_debug.dwo", "dwo"), ("split.ko.dwp", "dwp"), ("split.dwp", "dwp")] {
            let path = write(home.path(), place, data(&format!("{series}.{what}")));
            told(&check(&[&module]), INLINED);
            fs::remove_file(path).expect("it was just written");
        }
        // Another's, and one that is cut short, are as good as none.
        let other = if series == "split4" { "split5.dwo" } else { "split4.dwo" };
        for bytes in [data(other), data(&format!("{series}.dwo"))[..1500].to_vec(), b"\x7fELF".to_vec(), Vec::new()] {
            write(home.path(), "split/sg_debug.dwo", bytes);
            told(&check(&[&module]), LINE);
        }
    }
}

#[test]
fn packages_of_debug_info_are_searched() {
    let home = folder();
    let module = write(home.path(), "stripped.ko", data("stripped.ko"));
    told(&check(&[&module]), FUNCTION);
    let (debug, other) = (data("only.debug"), data("dwarf4.ko"));
    let place = "./usr/lib/debug/lib/modules/6.1/stripped.ko.debug";
    let mut packages = Vec::new();
    for ending in ["", ".xz", ".zst", ".gz"] {
        let of_deb = [("./stripped.ko", EntryType::Regular, &other[..]), (place, EntryType::Regular, &debug)];
        packages.push(write(home.path(), &format!("p{ending}.deb"), deb(&of_deb, ending)));
        let of_rpm = [("./stripped.ko", 0o100_644, &other[..]), (place, 0o100_644, &debug)];
        packages.push(write(home.path(), &format!("p{ending}.rpm"), rpm(&of_rpm, ending)));
    }
    for package in &packages {
        told(&check(&[&module, "--debug-dir", package]), INLINED);
    }
    // Of a module that is in a package itself the name is known, too.
    let of_module = deb(&[("./lib/modules/6.1/stripped.ko", EntryType::Regular, &data("stripped.ko"))], ".xz");
    let of_module = write(home.path(), "m.deb", of_module);
    told(&check(&[&of_module, "--debug-dir", &packages[0]]), INLINED);
    // What is not there, or no package, or broken, is told.
    let broken = fs::read(&packages[0]).expect("it was just written");
    let broken = write(home.path(), "broken.deb", &broken[..broken.len() / 3]);
    for (path, reason) in
        [("/nowhere", "No such file"), (&module, "is neither a folder nor a package"), (&broken, "broken package: ")]
    {
        let run = bounded(["check", &module, "--debug-dir", path]);
        told(&run, FUNCTION);
        told(&run, "not seen: folders and packages of debug info: 0 of 1: ");
        told(&run, reason);
        assert_eq!(run.status, 1, "{}", run.all());
    }
}

#[test]
fn types_are_told_by_a_package_too() {
    let home = folder();
    let whole = fs::read(testdata("hidden/6.1/sg_hide_private.ko")).expect("it ships");
    let mut stripped = whole.clone();
    // Sections of another name are none of debug info.
    for at in 0..stripped.len() {
        if stripped[at..].starts_with(b".debug_") {
            stripped[at + 1] = b'x';
        }
    }
    let module = write(home.path(), "sg_hide_private.ko", stripped);
    let package = deb(&[("usr/lib/debug/sg_hide_private.ko", EntryType::Regular, &whole)], ".xz");
    let package = write(home.path(), "p.deb", package);
    let says = |run: &Run| run.stdout.contains("SG010 private-use");
    assert!(!says(&check(&[&module])));
    let run = check(&[&module, "--debug-dir", &package]);
    assert!(says(&run), "{}", run.all());
}
