// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects that modpost has not seen: what a wrapper around modpost can judge.

use crate::support::ko::{Ko, section};
use crate::support::{check, folder, run, testdata, write};

const SERIES: [&str; 2] = ["6.1", "7.2"];

fn path(series: &str, name: &str) -> String {
    testdata(&format!("{series}/{name}")).display().to_string()
}

#[test]
fn objects_export_what_their_modules_do() {
    for series in SERIES {
        let classify = |name: &str| run(["classify", "--format", "json", &path(series, name)]).json();
        let mut finished = classify("sg_export.ko");
        for export in finished["exports"].as_array_mut().unwrap() {
            // CRCs are modpost's to add.
            export["crc"] = "0x00000000".into();
        }
        assert_eq!(classify("sg_export.o"), finished, "{series}");
    }
}

#[test]
fn objects_are_judged() {
    for series in SERIES {
        let symvers = path(series, "Module.symvers");
        let run = check(&["--symvers", &symvers, &path(series, "sg_get.o"), &path(series, "sg_export.o")]);
        insta::assert_snapshot!(format!("object_{}", series.replace('.', "_")), run.all());
    }
}

#[test]
fn a_finished_module_is_one_whatever_it_is_called() {
    let folder = folder();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let inspect = |name: &str| {
        let run = run(["inspect", "--format", "json", &write(folder.path(), name, &module)]);
        run.json()["modules"][0].clone()
    };
    assert_eq!(inspect("sg_get.o")["stage"], "finished");
    assert_eq!(inspect("sg_get.o")["problems"], inspect("sg_get.ko")["problems"]);
    // And an object is no module, whatever it is called.
    let object = std::fs::read(testdata("6.1/sg_get.o")).unwrap();
    let run = check(&[&write(folder.path(), "sg_get.ko", object)]);
    assert!(run.stdout.contains("has no section .gnu.linkonce.this_module"), "{}", run.all());
}

#[test]
fn an_object_that_pretends_to_be_finished() {
    // Read as a module it would hide its marks, and as an object what modpost would have looked at.
    for marks in [".export_symbol", "___ksymtab+dma_buf_get", "___ksymtab_gpl+x"] {
        let mut object = Ko::importing("m", &["__kmalloc"]).object();
        section(&mut object, marks, &[0; 12], 4);
        let folder = folder();
        let module = object.write().unwrap();
        let run = check(&[&write(folder.path(), "m.o", &module)]);
        assert_eq!(run.status, 1, "{}", run.all());
        let message = "denied[SG013 malformed]: module m is an object with exports that modpost has not seen, and has a section \
                       .gnu.linkonce.this_module, which modpost adds\n";
        assert!(run.stdout.contains(message), "{}", run.all());
        // To the loader of a finished module it is a section like any other.
        assert_eq!(check(&[&write(folder.path(), "m.ko", &module)]).status, 0);
    }
}

#[test]
fn marks_that_modpost_refuses() {
    let object = std::fs::read(testdata("7.2/sg_export.o")).unwrap();
    let at = object.windows(4).position(|bytes| bytes == b"GPL\0").unwrap();
    let folder = folder();
    let judged = |name: &str, object: &[u8]| check(&[&write(folder.path(), name, object)]);
    let mut foreign = object.clone();
    foreign[at] = b'L';
    let run = judged("foreign.o", &foreign);
    assert_eq!(run.status, 1, "{}", run.all());
    let reason =
        "has entries in .export_symbol that modpost refuses (1; the first is a licence that is neither empty nor GPL)";
    assert!(run.stdout.contains(reason), "{}", run.all());
    // Without its own label a pointer has that of another.
    let at = object.windows(20).position(|bytes| bytes == b"__export_symbol_sg_g").unwrap();
    let mut renamed = object;
    renamed[at + 2] = b'E';
    let run = judged("renamed.o", &renamed);
    assert!(run.stdout.contains("a label that names something else than its pointer"), "{}", run.all());
}
