// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changed between two builds of a kernel.

use std::fs;
use std::path::Path;

use tar::EntryType::Regular;

use crate::support::pack::deb;
use crate::support::{Run, command, finish, folder, testdata, write};

/// Two builds: in the new one DMA-BUF's exports are on other terms, and a shim, its user and an importer came.
fn builds(place: &Path) {
    let symvers = fs::read_to_string(testdata("6.1/Module.symvers")).unwrap();
    let changed: Vec<String> = symvers
        .lines()
        .filter(|line| !line.contains("\tdma_buf_put\t"))
        .map(|line| {
            let line = line.replace(
                "\tdma_buf_get\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF",
                "\tdma_buf_get\tvmlinux\tEXPORT_SYMBOL\t",
            );
            line.replace("\t_printk\tvmlinux\tEXPORT_SYMBOL\t", "\t_printk\tvmlinux\tEXPORT_SYMBOL_GPL\t")
        })
        .collect();
    write(place, "old.symvers", &symvers);
    let fresh = "0x00000000\tdma_buf_fresh\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF";
    write(place, "new.symvers", format!("{}\n{fresh}\n", changed.join("\n")));
    let put = |build: &str, modules: &[&str]| {
        for module in modules {
            let name = module.rsplit('/').next().unwrap();
            write(place, &format!("{build}/{name}.ko"), fs::read(testdata(&format!("6.1/{module}.ko"))).unwrap());
        }
    };
    put("old", &["sg_harmless", "vmwgfx", "reach/sg_shim_default"]);
    put("new", &["sg_harmless", "sg_get", "reach/sg_shim", "reach/sg_shim_ops", "reach/sg_shim_default"]);
}

fn diff(place: &Path, args: &[&str]) -> Run {
    finish(command(["diff"].iter().chain(args)).current_dir(place))
}

const SYMVERS: [&str; 6] = ["--old-symvers", "old.symvers", "--new-symvers", "new.symvers", "old", "new"];

#[test]
fn tells_what_came_went_and_changed() {
    let folder = folder();
    builds(folder.path());
    let run = diff(folder.path(), &SYMVERS);
    insta::assert_snapshot!("human", run.all());
    let json = diff(folder.path(), &[&["--format", "json"][..], &SYMVERS].concat());
    json.json();
    insta::assert_snapshot!("json", json.all());
}

#[test]
fn a_change_can_be_told_by_the_exit_status() {
    let folder = folder();
    builds(folder.path());
    let status = |args: &[&str]| diff(folder.path(), &[&["--exit-code"][..], args].concat()).status;
    assert_eq!(status(&SYMVERS), 1);
    assert_eq!(status(&["old.symvers", "old.symvers"]), 0);
    // Another provider of a family's export is a change, whatever its terms.
    let moved = fs::read_to_string(folder.path().join("old.symvers")).unwrap();
    write(folder.path(), "moved.symvers", moved.replace("\tdma_buf_get\tvmlinux\t", "\tdma_buf_get\tdrivers/x/x\t"));
    assert_eq!(status(&["old.symvers", "moved.symvers"]), 1);
    assert_eq!(diff(folder.path(), &SYMVERS).status, 0);
}

#[test]
fn what_is_known_of_one_alone_is_not_compared() {
    let folder = folder();
    builds(folder.path());
    let run = diff(folder.path(), &["--old-symvers", "old.symvers", "old", "new"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("--new-symvers tells it of new"), "{}", run.stderr);
    for nothing in ["none", "old.symvers/x"] {
        assert_eq!(diff(folder.path(), &["old", nothing]).status, 3, "{nothing}");
    }
}

#[test]
fn a_folder_of_packages_is_a_build() {
    let folder = folder();
    builds(folder.path());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    for build in ["old", "new"] {
        let symvers = read(&format!("{build}.symvers"));
        let headers = deb(&[("./usr/src/linux-headers-6.1/Module.symvers", Regular, &symvers)], ".xz");
        write(folder.path(), &format!("{build}.d/linux-headers.deb"), headers);
        let files: Vec<(String, Vec<u8>)> = fs::read_dir(folder.path().join(build))
            .unwrap()
            .flatten()
            .map(|entry| {
                (format!("./lib/modules/6.1/{}", entry.file_name().display()), fs::read(entry.path()).unwrap())
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), Regular, &bytes[..])).collect();
        write(folder.path(), &format!("{build}.d/linux-image.deb"), deb(&files, ".gz"));
    }
    let packed = diff(folder.path(), &["old.d", "new.d"]);
    assert_eq!(packed.all(), diff(folder.path(), &SYMVERS).all());
}
