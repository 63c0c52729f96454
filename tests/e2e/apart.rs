// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many inputs in one run, each judged apart; and references that are taken from packages.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tar::EntryType::Regular;

use crate::support::pack::{deb, rpm};
use crate::support::{Run, TODAY, command, finish, folder, testdata, validate, write};

/// The kernel that the test modules of 6.1 were built for.
fn version() -> String {
    let facts = finish(&mut command(["inspect", "--format", "json", "testdata/6.1/sg_get.ko"])).json();
    let text = facts.to_string();
    let (_, behind) = text.split_once("6.1.0-").expect("the modules say what they are for");
    format!("6.1.0-{}", behind.split([' ', '"', '/']).next().unwrap())
}

fn module(name: &str) -> Vec<u8> {
    fs::read(testdata(&format!("6.1/{name}.ko"))).unwrap()
}

/// An archive: a kernel's packages, and others.
fn archive(place: &Path) -> Vec<String> {
    let version = version();
    let symvers = fs::read(testdata("6.1/Module.symvers")).unwrap();
    let headers = format!("./usr/src/linux-headers-{version}/Module.symvers");
    let path = |name: &str| format!("./lib/modules/{version}/{name}.ko");
    let pack = |files: &[(&str, &[u8])]| {
        let files: Vec<_> = files.iter().map(|(name, bytes)| (*name, Regular, *bytes)).collect();
        deb(&files, ".xz")
    };
    let kernel = [module("vmwgfx"), module("sg_harmless")];
    write(place, &format!("kernels/linux-headers-{version}_1_amd64.deb"), pack(&[(&headers, &symvers)]));
    let (vmwgfx, harmless) = (path("kernel/vmwgfx"), path("kernel/sg_harmless"));
    let image = pack(&[(&vmwgfx, &kernel[0]), (&harmless, &kernel[1])]);
    let get = path("updates/sg_get");
    vec![
        write(place, &format!("kernels/linux-image-{version}_1_amd64.deb"), image),
        write(place, "out/a-sg-modules_1_amd64.deb", pack(&[(&get, &module("sg_get"))])),
        write(place, "out/b-sg-dkms_1_all.deb", pack(&[("./usr/src/sg-1/sg_get.c", b"/* */")])),
        write(
            place,
            "out/c-harmless.rpm",
            rpm(&[(&path("extra/sg_harmless"), 0o100_644, &module("sg_harmless"))], ".gz"),
        ),
    ]
}

fn apart(place: &Path, more: &[&str]) -> Run {
    let kernels = place.join("kernels").display().to_string();
    let args = ["check", "--format", "ndjson", "--today", TODAY, "--kernels", &kernels];
    finish(command(args.iter().chain(more)).current_dir(place))
}

/// The lines, each as its schema has it.
fn lines(text: &str) -> Vec<Value> {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    for line in &lines {
        validate(line);
        if let Some(report) = line.get("report") {
            validate(report);
        }
    }
    lines
}

#[test]
fn each_input_is_a_line() {
    let folder = folder();
    let inputs = archive(folder.path());
    write(folder.path(), "out/d-broken.deb", b"!<arch>\nno package");
    let run = apart(folder.path(), &["kernels", "out"]);
    let told: Vec<String> = lines(&run.stdout)
        .iter()
        .map(|line| format!("{} {}", line["input"]["path"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
        .collect();
    let version = version();
    assert_eq!(
        told,
        [
            format!("kernels/linux-headers-{version}_1_amd64.deb nothing-to-judge"),
            format!("kernels/linux-image-{version}_1_amd64.deb clean"),
            "out/a-sg-modules_1_amd64.deb denied".to_owned(),
            "out/b-sg-dkms_1_all.deb nothing-to-judge".to_owned(),
            "out/c-harmless.rpm clean".to_owned(),
            "out/d-broken.deb no-facts".to_owned(),
        ]
    );
    assert_eq!(run.status, 3);
    // A kernel's own package proves what is in it, and its headers tell what it exports.
    let lines = lines(&run.stdout);
    let vmwgfx = &lines[1]["report"]["modules"][0];
    assert_eq!((vmwgfx["name"].as_str(), vmwgfx["verdict"].as_str()), (Some("vmwgfx"), Some("pass")));
    assert!(vmwgfx["proof"].as_str().unwrap().contains("linux-image-"), "{vmwgfx}");
    assert_eq!(lines[2]["kernels"], serde_json::json!([version]));
    assert_eq!(lines[2]["report"]["modules"][0]["imports"][0]["namespace"], "DMA_BUF");
    // A list names them just as well.
    let list = write(folder.path(), "list", inputs[1..3].join("\n"));
    let listed = apart(folder.path(), &[&format!("@{list}")]);
    assert_eq!((listed.stdout.lines().count(), listed.status), (2, 1));
}

#[test]
fn a_run_goes_on_where_it_was_ended() {
    let folder = folder();
    let inputs = archive(folder.path());
    let results = folder.path().join("results.ndjson");
    let on = |more: &[&str]| {
        let always = ["--resume", "-o", "results.ndjson", "kernels", "out"];
        let run = apart(folder.path(), &[&always[..], more].concat());
        (run.status, run.stderr, fs::read_to_string(&results).unwrap())
    };
    let (status, said, whole) = on(&[]);
    assert_eq!((status, said.as_str(), lines(&whole).len()), (1, "", 5));
    // Ended in the middle of the third line.
    let third = whole.match_indices('\n').nth(1).unwrap().0 + 100;
    fs::write(&results, &whole[..third]).unwrap();
    let (status, said, again) = on(&[]);
    assert_eq!((status, &again), (1, &whole));
    assert!(said.contains("or broken: 1") && said.contains("2 of 5 inputs were judged before"), "{said}");
    let (status, said, again) = on(&[]);
    assert_eq!((status, &again), (1, &whole), "what was judged before counts for the exit status, too");
    assert!(said.contains("5 of 5 inputs"), "{said}");
    // Another content is another input, and another day another judgement.
    fs::write(&inputs[1], deb(&[("./lib/modules/x/sg_harmless.ko", Regular, &module("sg_harmless"))], ".gz")).unwrap();
    let (status, _, changed) = on(&[]);
    assert_eq!(status, 0);
    assert_eq!((lines(&changed).len(), &lines(&changed)[4]["outcome"]), (5, &"clean".into()));
    let (_, said, _) = on(&["--warn", "SG010"]);
    assert!(said.contains("or broken: 5") && !said.contains("judged before"), "{said}");
}

#[test]
fn a_package_with_modules_of_two_kernels_does_not_pass() {
    let folder = folder();
    archive(folder.path());
    let one = format!("./lib/modules/{}/a.ko", version());
    let files = [
        (one.as_str(), Regular, &module("sg_harmless")[..]),
        ("./lib/modules/7.2/b.ko", Regular, &fs::read(testdata("7.2/sg_harmless.ko")).unwrap()[..]),
    ];
    let mixed = write(folder.path(), "mixed.deb", deb(&files, ".gz"));
    let run = apart(folder.path(), &[&mixed]);
    assert_eq!(run.status, 3);
    let error = lines(&run.stdout)[0]["report"]["errors"][0]["message"].to_string();
    assert!(error.contains("modules of several kernels"), "{error}");
}

#[test]
fn what_is_for_many_inputs_is_refused_elsewhere() {
    for more in [&["--resume"][..], &["--resume", "-o", "x"], &["--kernels", "."]] {
        let run = finish(&mut command(["check", "testdata/6.1/sg_get.ko"].iter().chain(more)));
        assert_eq!(run.status, 2, "{}", run.all());
    }
    for more in [&["--list-denied", "x"][..], &["--allow-empty"], &["--verbose"]] {
        let args = ["check", "--format", "ndjson", "testdata/6.1/sg_get.ko"];
        assert_eq!(finish(&mut command(args.iter().chain(more))).status, 2, "{more:?}");
    }
}

#[test]
fn all_of_a_folder_is_judged() {
    let folder = folder();
    archive(folder.path());
    write(folder.path(), "out/loose.ko", module("sg_get"));
    fs::rename(folder.path().join("out/a-sg-modules_1_amd64.deb"), folder.path().join("out/a.udeb")).unwrap();
    let run = finish(command(["check", "--format", "ndjson", "--today", TODAY, "out"]).current_dir(folder.path()));
    let outcome = |line: &Value| (line["input"]["path"].as_str().unwrap().to_owned(), line["outcome"].to_string());
    let told: Vec<_> = lines(&run.stdout).iter().map(outcome).collect();
    let expected = [
        ("out/a.udeb", "\"denied\""),
        ("out/b-sg-dkms_1_all.deb", "\"nothing-to-judge\""),
        ("out/c-harmless.rpm", "\"clean\""),
        ("out", "\"denied\""),
    ];
    assert_eq!(told, expected.map(|(path, outcome)| (path.to_owned(), outcome.to_owned())));
    assert_eq!(run.status, 1);
}

#[test]
fn where_nothing_is_judged_nothing_passes() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    write(folder.path(), "list", "");
    fs::copy(testdata("6.1/Module.symvers"), folder.path().join("Module.symvers")).unwrap();
    for input in ["empty", "@list", "Module.symvers", "none"] {
        let run = finish(command(["check", "--format", "ndjson", input]).current_dir(folder.path()));
        assert_eq!(run.status, 3, "{input}: {}", run.all());
        assert!(lines(&run.stdout).iter().all(|line| line["outcome"] == "no-facts"), "{}", run.stdout);
    }
}

#[test]
fn the_kernel_is_the_one_that_the_modules_say() {
    let folder = folder();
    archive(folder.path());
    let outcome = |name: &str, path: &str| {
        let package = deb(&[(path, Regular, &module("sg_get"))], ".gz");
        let run = apart(folder.path(), &[&write(folder.path(), name, package)]);
        (lines(&run.stdout)[0]["outcome"].as_str().unwrap().to_owned(), run.status)
    };
    // Whatever folder it lies in.
    for path in ["./lib/modules/7.2/a.ko", "./opt/a.ko"] {
        assert_eq!(outcome("any.deb", path), ("denied".to_owned(), 1), "{path}");
    }
    fs::remove_dir_all(folder.path().join("kernels")).unwrap();
    fs::create_dir(folder.path().join("kernels")).unwrap();
    assert_eq!(outcome("unknown.deb", "./opt/a.ko"), ("no-facts".to_owned(), 3), "no kernel's packages are there");
}

#[test]
fn what_is_no_kernels_package_proves_nothing() {
    let folder = folder();
    archive(folder.path());
    let version = version();
    let image = folder.path().join(format!("kernels/linux-image-{version}_1_amd64.deb"));
    fs::rename(image, folder.path().join(format!("kernels/vendor-gpu-{version}_1_amd64.deb"))).unwrap();
    let run = apart(folder.path(), &["kernels"]);
    let outcomes: Vec<String> = lines(&run.stdout).iter().map(|line| line["outcome"].to_string()).collect();
    assert_eq!(outcomes, ["\"nothing-to-judge\"", "\"denied\""]);
}

#[test]
fn a_run_is_gone_on_with_only_if_all_is_the_same() {
    let folder = folder();
    let inputs = archive(folder.path());
    let on =
        |more: &[&str]| apart(folder.path(), &[&["--resume", "-o", "r.ndjson", "kernels", "out"][..], more].concat());
    assert_eq!(on(&[]).status, 1);
    assert!(on(&["--cross-check"]).stderr.contains("or broken: 5"));
    // Of the same length, and another content.
    let headers = folder.path().join(format!("kernels/linux-headers-{}_1_amd64.deb", version()));
    let mut bytes = fs::read(&headers).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&headers, bytes).unwrap();
    assert!(on(&["--cross-check"]).stderr.contains("or broken: 5"));
    assert_eq!(on(&["--kernel-build", "kernels"]).status, 2, "what is in a folder nobody can tell");
    // Nobody's file is written over.
    let input = fs::read(&inputs[1]).unwrap();
    for resume in [&["--resume"][..], &[]] {
        let args = [&["-o", &inputs[1], "out"][..], resume].concat();
        assert_eq!(apart(folder.path(), &args).status, 2);
        assert_eq!(fs::read(&inputs[1]).unwrap(), input);
    }
    write(folder.path(), "letter", "Dear kernel,\n");
    let run = apart(folder.path(), &["--resume", "-o", "letter", "out"]);
    assert!(run.status == 2 && run.stderr.contains("no file of results"), "{}", run.all());
}

#[test]
fn a_package_tells_what_a_kernel_exports() {
    let folder = folder();
    let symvers = fs::read(testdata("6.1/Module.symvers")).unwrap();
    let said = |reference: &str| {
        let args = [
            "check",
            "--today",
            TODAY,
            "--symvers",
            reference,
            "testdata/6.1/sg_get.ko",
            "testdata/6.1/sg_harmless.ko",
        ];
        finish(&mut command(args))
    };
    let plain = said("testdata/6.1/Module.symvers");
    let in_deb = deb(&[("./usr/src/linux-headers-6.1/Module.symvers", Regular, &symvers)], ".xz");
    let packed = crate::support::pack::pack(&symvers, ".xz");
    let in_rpm = rpm(&[("./lib/modules/6.1/symvers.xz", 0o100_644, &packed)], ".gz");
    for package in [write(folder.path(), "headers.deb", in_deb), write(folder.path(), "core.rpm", in_rpm)] {
        assert_eq!(said(&package).all(), plain.all(), "{package}");
    }
    let refused = |name: &str, files: &[(&str, &[u8])]| {
        let files: Vec<_> = files.iter().map(|(name, bytes)| (*name, Regular, *bytes)).collect();
        let run = said(&write(folder.path(), name, deb(&files, ".gz")));
        assert_eq!(run.status, 3, "{}", run.all());
        run.stderr
    };
    assert!(refused("none.deb", &[("./a", b"x")]).contains("has no Module.symvers in it, and no kernel image"));
    let two = refused("two.deb", &[("./a/Module.symvers", &symvers), ("./b/Module.symvers", b"")]);
    assert!(two.contains("has more than one Module.symvers in it (a/Module.symvers, b/Module.symvers)"), "{two}");
    assert!(refused("broken.deb", &[("./a/Module.symvers", b"x")]).contains("line 1, column 1"));
    assert!(refused("image.deb", &[("./boot/vmlinuz-6.1", b"\x7fELF")]).contains("image.deb"));
}
