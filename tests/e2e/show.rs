// SPDX-License-Identifier: MIT OR Apache-2.0
//! `classify`, `inspect`, `explain`, and what the program says of itself.

use crate::support::{run, testdata};

#[test]
fn classify_human() {
    insta::assert_snapshot!(run(["classify", "testdata/7.2/sg_export.ko", "testdata/6.1/Module.symvers"]).all());
}

#[test]
fn classify_json() {
    let run = run(["classify", "--format", "json", "testdata/6.1/sg_export.ko", "testdata/6.1/Module.symvers"]);
    run.json();
    insta::assert_snapshot!(run.all());
}

#[test]
fn classify_writes_what_it_reads() {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(Into::into).collect();
        lines.sort();
        lines
    };
    let path = "testdata/6.1/Module.symvers";
    let written = run(["classify", "--format", "symvers", path]).stdout;
    assert_eq!(sorted(&written), sorted(&std::fs::read_to_string(testdata("6.1/Module.symvers")).unwrap()));
}

#[test]
fn inspect_human() {
    let symvers = "--symvers=testdata/6.1/Module.symvers";
    insta::assert_snapshot!(run(["inspect", symvers, "testdata/6.1/sg_get.ko", "testdata/6.1/sg_export.ko"]).all());
}

#[test]
fn inspect_json() {
    let run = run(["inspect", "--format", "json", "--symvers=testdata/7.2/Module.symvers", "testdata/7.2/sg_get.ko"]);
    run.json();
    insta::assert_snapshot!(run.all());
}

#[test]
fn explain_lists_and_shows_rules() {
    insta::assert_snapshot!(run(["explain"]).all());
    let page = run(["explain", "unregistered"]);
    let file = std::fs::read_to_string(testdata("../docs/rules/SG001.md")).unwrap();
    assert_eq!(page.stdout, file.split_once("-->\n").unwrap().1);
    assert!(page.stdout.starts_with("# SG001: unregistered\n"));
    assert_eq!(run(["explain", "SG999"]).status, 2);
}

#[test]
fn help_teaches() {
    for command in ["check", "classify", "inspect", "explain"] {
        insta::assert_snapshot!(format!("help_{command}"), run([command, "--help"]).all());
    }
    insta::assert_snapshot!("help", run(["--help"]).all());
    assert_eq!(run([] as [&str; 0]).status, 2);
    assert_eq!(run(["check"]).status, 2);
}
