// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts that are kept from one run to the next: no verdict is another for it.

use crate::support::elf::Elf;
use crate::support::ko::Ko;
use crate::support::{Run, check, folder, write};

const SYMVERS: &str = "testdata/7.2/Module.symvers";

fn cached(cache: &str, module: &str) -> Run {
    check(&["-v", "--cache", cache, "--symvers", SYMVERS, module])
}

#[test]
fn a_tree_is_judged_the_same_and_read_once() {
    let folder = folder();
    let cache = folder.path().join("cache").display().to_string();
    let tree = ["--symvers", "testdata/6.1/Module.symvers", "--format", "json", "--all", "testdata/6.1"];
    let plain = check(&tree);
    for read in ["26 modules, 26 read, 0 unchanged", "26 modules, "] {
        let run = check(&[&["-v", "--cache", &cache], &tree[..]].concat());
        assert!(run.stdout == plain.stdout && run.status == plain.status && run.stderr.contains(read), "{}", run.all());
    }
}

#[test]
fn tables_that_are_named_like_debug_info_are_told_apart() {
    // Two modules that differ in the names of their symbols alone, in a table of another name.
    let folder = folder();
    let cache = folder.path().join("cache").display().to_string();
    for (import, status) in [("kfree_sensi", 0), ("dma_buf_get", 1)] {
        let mut module = Elf(Ko::importing("m", &[import]).build());
        let mut names = module.bytes(".shstrtab");
        let name = u32::try_from(names.len()).unwrap();
        names.extend_from_slice(b".debug_strtab\0");
        module.replace(".shstrtab", &names);
        module.set32(".strtab", 0, name);
        let module = write(folder.path(), "m.ko", module.0);
        let (plain, kept) = (check(&["--symvers", SYMVERS, &module]), cached(&cache, &module));
        assert_eq!(plain.stdout.contains("SG001"), status == 1, "{}", plain.all());
        assert_eq!(kept.stdout, plain.stdout, "{import}");
    }
}

#[test]
fn a_folder_of_others_is_no_cache() {
    let folder = folder();
    write(folder.path(), "precious", "");
    let run = cached(&folder.path().display().to_string(), "testdata/7.2/sg_harmless.ko");
    assert!(run.status == 2 && run.stderr.contains("it is neither empty nor a cache"), "{}", run.all());
}
