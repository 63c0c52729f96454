// SPDX-License-Identifier: MIT OR Apache-2.0
//! What modules get at through the exports of others.

use serde_json::Value;
use tar::EntryType;

use crate::support::ko::{Export, Ko, S390X};
use crate::support::pack::deb;
use crate::support::{Run, bounded, check, folder, testdata, validate, write};

const SERIES: [&str; 2] = ["6.1", "7.2"];

fn module(series: &str, name: &str) -> String {
    format!("testdata/{series}/reach/{name}.ko")
}

fn bytes(series: &str, name: &str) -> Vec<u8> {
    std::fs::read(testdata(&format!("{series}/reach/{name}.ko"))).unwrap()
}

/// A check of test modules of a series, with more arguments.
fn check_of(series: &str, modules: &[&str], more: &[&str]) -> Run {
    let symvers = format!("testdata/{series}/Module.symvers");
    let paths: Vec<String> = modules.iter().map(|name| module(series, name)).collect();
    let mut args = vec!["--symvers", &symvers];
    args.extend(more);
    args.extend(paths.iter().map(String::as_str));
    check(&args)
}

/// The findings of a rule in a report, by module: `MODULE GRADE BASIS WAY`.
fn told(run: &Run, rule: &str) -> Vec<String> {
    let report = run.json();
    validate(&report);
    let findings = report["findings"].as_array().unwrap();
    let of_rule = findings.iter().filter(|finding| finding["rule"] == rule);
    of_rule
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap_or("-").to_owned();
            let via: Vec<&str> = finding["via"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{} {} {} {}", text("module"), text("grade"), text("basis"), via.join(" "))
        })
        .collect()
}

const END: &str = "sg_shim_user table input sg_shim_default:sg_shim_default_ops sg_shim_ops:sg_shim_ops sg_shim_ops:get \
                   sg_shim:sg_shim_get dma_buf_get";

#[test]
fn a_chain_of_four_is_found_at_its_end_with_the_way() {
    for series in SERIES {
        let run =
            check(&["--symvers", &format!("testdata/{series}/Module.symvers"), &format!("testdata/{series}/reach")]);
        insta::assert_snapshot!(format!("chain_{series}"), run.all());
        let chain = ["sg_shim", "sg_shim_ops", "sg_shim_default", "sg_shim_user"];
        let run = check_of(series, &chain, &["--format", "json"]);
        assert_eq!(
            told(&run, "SG002"),
            [
                "sg_shim_default table input sg_shim_ops:sg_shim_ops sg_shim_ops:get sg_shim:sg_shim_get dma_buf_get",
                "sg_shim_ops call input sg_shim:sg_shim_get dma_buf_get",
                END,
            ]
        );
        assert_eq!(run.json()["summary"]["reaching"], 4);
        assert_eq!(run.json()["summary"]["direct"], 1);
        // A part of the chain that is not there ends it.
        let run = check_of(series, &["sg_shim", "sg_shim_default", "sg_shim_user"], &["--format", "json"]);
        assert_eq!(told(&run, "SG002"), [""; 0]);
    }
}

#[test]
fn packages_that_were_built_apart_make_one_chain() {
    let folder = folder();
    for (name, modules) in [("one", ["sg_shim", "sg_shim_ops"]), ("two", ["sg_shim_default", "sg_shim_user"])] {
        let files = modules.map(|module| (format!("lib/modules/x/updates/{module}.ko"), bytes("6.1", module)));
        let files: Vec<_> = files.iter().map(|(path, bytes)| (&**path, EntryType::Regular, &**bytes)).collect();
        write(folder.path(), &format!("{name}.deb"), deb(&files, ".xz"));
    }
    let place = |name: &str| folder.path().join(name).display().to_string();
    let args = ["--format", "json", "--symvers", "testdata/6.1/Module.symvers"];
    for inputs in [[place("one.deb"), place("two.deb")], [place("two.deb"), place("one.deb")]] {
        let run = check(&[&args[..], &inputs.each_ref().map(String::as_str)].concat());
        let told = told(&run, "SG002");
        assert_eq!((told.len(), told.last().map(String::as_str)), (3, Some(END)), "{}", run.all());
    }
}

#[test]
fn what_is_harmless_of_a_shim_is_harmless() {
    for series in SERIES {
        let run = check_of(series, &["sg_shim", "sg_shim_safe"], &["--format", "json"]);
        let report = run.json();
        let mut findings = report["findings"].as_array().unwrap().iter();
        assert!(findings.all(|finding| finding["module"] == "sg_shim"), "{}", run.all());
    }
}

#[test]
fn a_facade_that_is_not_at_hand_is_known_from_real_kernels() {
    let folder = folder();
    for series in SERIES {
        let way = "sg_prime call table drm:drm_gem_prime_fd_to_handle dma_buf_get";
        let run = check_of(series, &["sg_prime", "sg_iio"], &["--format", "json"]);
        assert_eq!((told(&run, "SG002"), run.status), (vec![way.to_owned()], 1), "{}", run.all());
        // Built into the kernel, it is the same facade.
        let symvers = std::fs::read_to_string(testdata(&format!("{series}/Module.symvers"))).unwrap();
        let built_in = symvers.replace("drivers/gpu/drm/drm\t", "vmlinux\t");
        assert_ne!(built_in, symvers);
        let built_in = write(folder.path(), "Module.symvers", built_in);
        let run = check(&["--format", "json", "--symvers", &built_in, &module(series, "sg_prime")]);
        assert_eq!(told(&run, "SG002"), [way]);
        // Where nothing tells who exports it, real kernels do.
        assert_eq!(told(&check(&["--format", "json", &module(series, "sg_prime")]), "SG002"), [way]);
        assert_eq!(check_of(series, &["sg_iio"], &[]).status, 0);
    }
}

#[test]
fn a_name_among_the_inputs_takes_nothing_away() {
    let folder = folder();
    // It calls itself drm, exports what drm does, and leads nowhere.
    let fake = exporting(Ko::importing("drm", &[]).modinfo("license=GPL|intree=Y|"), "drm_gem_prime_fd_to_handle");
    write(folder.path(), "drm.ko", fake.build());
    write(folder.path(), "sg_prime.ko", bytes("6.1", "sg_prime"));
    let tree = folder.path().display().to_string();
    for more in [&[][..], &["--symvers", "testdata/6.1/Module.symvers"], &["--kernel-build", "testdata/6.1"]] {
        let run = check(&[&["--format", "json"], more, &[&tree]].concat());
        assert_eq!(told(&run, "SG002"), ["sg_prime call table drm:drm_gem_prime_fd_to_handle dma_buf_get"]);
    }
}

/// The same module with one export.
fn exporting(module: Ko, name: &'static str) -> Ko {
    Ko { exports: vec![Export { name, gpl: false, namespace: "", crc: 0 }], ..module }
}

#[test]
fn code_that_cannot_be_read_leads_everywhere() {
    let folder = folder();
    let shim = exporting(Ko { machine: S390X, ..Ko::importing("shim", &["dma_buf_get"]) }, "shim_get");
    write(folder.path(), "shim.ko", shim.build());
    write(folder.path(), "user.ko", Ko { machine: S390X, ..Ko::importing("user", &["shim_get"]) }.build());
    let run = check(&["--format", "json", &folder.path().display().to_string()]);
    assert_eq!(told(&run, "SG002"), ["user call input shim:the module dma_buf_get"]);
    assert!(run.stdout.contains("the code of the others can't be read"), "{}", run.all());
}

#[test]
fn the_context_is_followed_and_not_judged() {
    let folder = folder();
    let place = folder.path().display().to_string();
    write(folder.path(), "kernel/sg_shim.ko", bytes("6.1", "sg_shim"));
    write(folder.path(), "updates/sg_shim_ops.ko", bytes("6.1", "sg_shim_ops"));
    write(folder.path(), "modules.order", "kernel/sg_shim.ko\nkernel/absent.ko\n");
    let args = ["--format", "json", "--symvers", "testdata/6.1/Module.symvers", "--context", &place];
    let run = check(&[&args[..], &[&module("6.1", "sg_shim_ops")]].concat());
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("there is no modules.builtin in it"), "{}", run.all());
    write(folder.path(), "modules.builtin", "");
    let run = check(&[&args[..], &[&module("6.1", "sg_shim_ops")]].concat());
    assert_eq!(told(&run, "SG002"), ["sg_shim_ops call context sg_shim:sg_shim_get dma_buf_get"]);
    assert_eq!(run.json()["summary"]["modules"], 1);
    let coverage = run.json()["coverage"].as_array().unwrap().clone();
    let context = coverage.iter().find(|line| line["what"] == "modules of the context").unwrap();
    assert_eq!((context["seen"].as_u64(), context["of"].as_u64()), (Some(1), Some(2)));
    // What somebody else has put there is not the kernel's own.
    let run = check(&[&args[..], &[&module("6.1", "sg_shim_default")]].concat());
    assert_eq!(told(&run, "SG002"), [""; 0]);
}

#[test]
fn a_framebuffers_last_reference_makes_no_way_of_everything() {
    for entry in std::fs::read_dir(testdata("../allowlists/reach")).unwrap() {
        let table = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let exports: Vec<&str> = table.lines().filter_map(|line| line.split('\t').nth(1)).collect();
        assert!(exports.contains(&"drm_gem_prime_fd_to_handle"));
        // drm_edid_* drop a framebuffer, whose end drops a buffer: that only lets go.
        assert!(!exports.iter().any(|export| export.starts_with("drm_edid_")));
    }
}

#[test]
fn another_providers_symbol_is_not_to_be_declared_again() {
    let folder = folder();
    let looser = exporting(Ko::importing("own", &[]), "dma_buf_get");
    write(folder.path(), "own.ko", looser.build());
    let harmless = exporting(Ko::importing("other", &[]), "param_ops_int");
    write(folder.path(), "other.ko", harmless.build());
    let tree = folder.path().display().to_string();
    let run = check(&["--symvers", "testdata/6.1/Module.symvers", &tree]);
    assert_eq!(run.status, 1, "{}", run.all());
    let said = "denied[SG017 redeclared]: module own exports what is known otherwise: dma_buf_get as EXPORT_SYMBOL (from \
                vmlinux, EXPORT_SYMBOL_GPL, namespace DMA_BUF)";
    assert!(run.stdout.contains(said), "{}", run.all());
    let said = "warning[SG017 redeclared]: module other exports what is known otherwise: param_ops_int as EXPORT_SYMBOL (from \
                vmlinux, EXPORT_SYMBOL)";
    assert!(run.stdout.contains(said), "{}", run.all());
    let quiet =
        check(&["--profile", "kbuild", "--symvers", "testdata/6.1/Module.symvers", &format!("{tree}/other.ko")]);
    assert!(!quiet.stdout.contains("SG017"), "{}", quiet.all());
}

#[test]
fn who_is_first_hides_nobody() {
    let folder = folder();
    // It sorts before the shim, and offers the same by name.
    write(folder.path(), "aa_decoy.ko", exporting(Ko::importing("aa_decoy", &[]), "sg_shim_get").build());
    for name in ["sg_shim", "sg_shim_ops"] {
        write(folder.path(), &format!("{name}.ko"), bytes("6.1", name));
    }
    let way = "sg_shim_ops call input sg_shim:sg_shim_get dma_buf_get";
    let kernels = ["--format", "json", "--symvers", "testdata/6.1/Module.symvers"];
    let tree = folder.path().display().to_string();
    assert_eq!(told(&check(&[&kernels[..], &[&tree]].concat()), "SG002"), [way]);
    // Neither does a claim beside the kernel's own word.
    let claim = write(folder.path(), "claim", "0x00000000\tsg_shim_get\textra/harmless\tEXPORT_SYMBOL\t\n");
    let shims = [module("6.1", "sg_shim"), module("6.1", "sg_shim_ops")];
    let shims = shims.each_ref().map(String::as_str);
    assert_eq!(told(&check(&[&kernels[..], &["--symvers", &claim], &shims].concat()), "SG002"), [way]);
    assert_eq!(told(&check(&[&["--format", "json", &claim], &shims[..]].concat()), "SG002"), [way]);
}

#[test]
fn a_shim_that_is_there_twice_is_told() {
    let folder = folder();
    for place in ["one", "two"] {
        write(folder.path(), &format!("{place}/sg_shim.ko"), bytes("6.1", "sg_shim"));
    }
    let run = check(&["--symvers", "testdata/6.1/Module.symvers", &folder.path().display().to_string()]);
    assert!(run.stdout.contains("is among the inputs more than once"), "{}", run.all());
}

/// What `explain` says of a way to a symbol.
fn explained(args: &[&str]) -> Run {
    let symvers = ["explain", "--symvers", "testdata/6.1/Module.symvers"];
    bounded([&symvers[..], args].concat())
}

#[test]
fn the_way_is_explained_and_drawn() {
    let (user, tree) = (module("6.1", "sg_shim_user"), "testdata/6.1/reach");
    let said = explained(&[&user, "dma_buf_get", tree]);
    assert_eq!(said.status, 0, "{}", said.all());
    insta::assert_snapshot!("explain_way", said.all());
    let drawn = explained(&["--format", "svg", &user, "dma_buf_get", tree]);
    insta::assert_snapshot!("explain_svg", drawn.all());
    // To any symbol, itself and not at all.
    let said = explained(&[&module("6.1", "sg_prime"), "dma_buf_get"]);
    assert!(said.stdout.contains("leads to dma_buf_get (call, table)"), "{}", said.all());
    assert_eq!(explained(&[&user, "sg_shim_default_ops"]).stdout, "sg_shim_user imports sg_shim_default_ops itself\n");
    assert_eq!(explained(&[&user, "kfree", tree]).stdout, "no way is known from sg_shim_user to kfree\n");
    // What is no module is told, and so is one without a symbol.
    assert_eq!(explained(&["README.md", "kfree"]).status, 3);
    let said = explained(&[&user]);
    assert!(said.status == 2 && said.stderr.contains("of a module, say which symbol, too"), "{}", said.all());
}
