// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: chores around symgate that need more than a Rust toolchain.

#![forbid(unsafe_code)]

mod apt;
mod archive;
mod audit;
mod bench;
mod containers;
mod corpus;
mod drivers;
mod facades;
mod formats;
mod fuzz;
mod integrations;
mod klp;
mod messages;
mod mutate;
mod oracle;
mod package;
mod seeds;
mod shell;
mod testdata;

use std::process::ExitCode;

type Task = (&'static str, fn(&[String]) -> Result<(), shell::TaskError>, &'static str);

const TASKS: [Task; 17] = [
    ("corpus", corpus::task, "[KERNEL...]  fetch real kernels: 5.10, 6.1, 6.12, newest, or a suite"),
    (
        "oracle",
        oracle::task,
        "[--seed N] [--rounds N] [KERNEL...]  compare symgate with other people's readers over them",
    ),
    (
        "facades",
        facades::task,
        "[--print|--compare] [KERNEL...]  write the tables of exports that lead to a family; or compare two kernels",
    ),
    (
        "archive",
        archive::task,
        "[KERNEL...]  judge an archive's packages of kernels in one run, end it in the middle and go on",
    ),
    ("audit", audit::task, "audit kernels and drivers, and open the pages in a browser (debootstrap, chromium)"),
    (
        "boot",
        audit::boot::task,
        "audit a Debian kernel that runs, in an emulated machine (qemu-system-x86, busybox-static)",
    ),
    ("formats", formats::task, "hold what is written for other tools against their schemas (pip, xmllint)"),
    ("containers", containers::task, "[KERNEL...]  compare packages, images and lists with their trees"),
    (
        "mutate",
        mutate::task,
        "[KERNEL...] [--rounds N] [--seed S]  change modules, and see that none gets past symgate",
    ),
    (
        "testdata",
        testdata::task,
        "[--only FOLDER] [SUITE...]  build the test modules again, or those of a folder (root, debootstrap)",
    ),
    (
        "drivers",
        drivers::task,
        "[--suite SUITE] [DKMS-PACKAGE...]  build drivers of the archive, with debug info (root, debootstrap)",
    ),
    (
        "integrations",
        integrations::task,
        "[--suite SUITE] [NAME...]  try integrations/ in real systems of the suites: kbuild, dkms, debhelper, rpm, tree (root, debootstrap)",
    ),
    (
        "bench",
        bench::task,
        "[KERNEL...|step|growth]   time symgate against depmod over them, or in a module's build, in pairs",
    ),
    ("man", package::man, "DIR  write man pages"),
    ("completions", package::completions, "DIR  write completions for bash, zsh and fish"),
    ("deb", package::deb, "DIR  build a Debian package of symgate"),
    ("fuzz", fuzz::task, "[SECONDS] [TARGET...]  feed each reader what nobody would write"),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let Some((_, task, _)) = TASKS.iter().find(|(task, ..)| *task == name) else {
        println!("usage: cargo xtask TASK");
        for (task, _, help) in TASKS {
            println!("  {task} {help}");
        }
        return ExitCode::from(2);
    };
    match task(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}
