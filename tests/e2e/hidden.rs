// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ways to a family that no import shows, each with a harmless twin (`testdata/src/hidden.tsv`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Run, check, run, testdata};

const SERIES: [&str; 2] = ["6.1", "7.2"];

/// The rules that speak of hidden ways; what is found is also what another rule denies.
const HIDDEN: [&str; 3] = ["SG009", "SG010", "SG013"];

fn module(series: &str, name: &str) -> String {
    format!("testdata/hidden/{series}/{name}.ko")
}

fn check_of(series: &str, modules: &[&str], more: &[&str]) -> Run {
    let symvers = format!("testdata/hidden/{series}/Module.symvers");
    let build = format!("testdata/{series}");
    let paths: Vec<String> = modules.iter().map(|name| module(series, name)).collect();
    let mut args = vec!["--symvers", &symvers, "--kernel-build", &build];
    args.extend(more);
    args.extend(paths.iter().map(String::as_str));
    check(&args)
}

/// All modules of a series, with what has to be said of each.
fn expected(series: &str) -> BTreeMap<String, String> {
    let table = std::fs::read_to_string(testdata("src/hidden.tsv")).unwrap();
    let lines = table.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let all: BTreeMap<String, String> = lines.map(|fields| (fields[0].clone(), fields[1].clone())).collect();
    let built = |name: &String| testdata(&format!("hidden/{series}/{name}.ko")).exists();
    let of_series: BTreeMap<String, String> = all.into_iter().filter(|(name, _)| built(name)).collect();
    // What is built is in the table, too.
    let files = std::fs::read_dir(testdata(&format!("hidden/{series}"))).unwrap().flatten();
    let modules = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "ko"));
    assert_eq!(modules.count(), of_series.len(), "of {series}");
    of_series
}

fn findings(json: &Value) -> impl Iterator<Item = (&str, &str, &str, &Value)> {
    json["findings"].as_array().unwrap().iter().map(|finding| {
        let text = |field: &str| finding[field].as_str().unwrap();
        (text("module"), text("rule"), text("severity"), finding)
    })
}

#[test]
fn every_way_is_found_and_no_twin_is_reported() {
    for series in SERIES {
        let expected = expected(series);
        let names: Vec<&str> = expected.keys().map(String::as_str).collect();
        let json = check_of(series, &names, &["--format", "json"]).json();
        for (name, wanted) in &expected {
            let of_it: Vec<String> = findings(&json)
                .filter(|(module, ..)| module == name)
                .map(|(_, rule, severity, _)| format!("{rule} {severity}"))
                .collect();
            let is_denied = of_it.iter().any(|told| told.ends_with("deny"));
            let is_told = of_it.iter().any(|told| HIDDEN.iter().any(|rule| told.starts_with(rule)));
            match &**wanted {
                "silent" => assert!(of_it.is_empty(), "{series} {name}: {of_it:?}"),
                "warns" => assert!(is_told && !is_denied, "{series} {name}: {of_it:?}"),
                // What only debug info, or its own functions, tell of is no more than a warning.
                "found" => assert!(is_denied || is_told, "{series} {name}: {of_it:?}"),
                other => panic!("{name}: {other:?} says nothing"),
            }
        }
    }
}

#[test]
fn what_is_found_by_name_is_denied_as_an_import_is() {
    for series in SERIES {
        let denied = [
            ("symbol_get", "dma_buf_get"),
            ("symbol_choice", "dma_buf_get"),
            ("symbol_table", "dma_buf_get"),
            ("symbol_wrapper", "dma_buf_export"),
            ("symbol_struct", "dma_buf_get"),
            ("symbol_stored", "dma_buf_get"),
            ("kprobe", "dma_buf_get"),
            ("kprobe_stored", "dma_buf_get"),
            ("kprobe_stack", "dma_buf_get"),
            ("kprobe_array", "dma_buf_get"),
            ("kretprobe", "dma_buf_get"),
            ("kallsyms", "dma_buf_get"),
            ("kallsyms_table", "dma_buf_get"),
            ("ftrace", "dma_buf_get"),
            ("livepatch", "dma_buf_get"),
        ];
        for (way, symbol) in denied {
            let name = format!("sg_hide_{way}");
            let run = check_of(series, &[&name], &["--format", "json"]);
            let json = run.json();
            assert_eq!(run.status, 1, "{series} {name}");
            let own: Vec<&Value> = findings(&json)
                .filter(|(_, rule, severity, _)| (*rule, *severity) == ("SG009", "deny"))
                .map(|(.., finding)| finding)
                .collect();
            assert_eq!(own.len(), 1, "{series} {name}");
            assert_eq!(own[0]["symbols"], serde_json::json!([symbol]), "{series} {name}");
            assert_eq!(own[0]["family"], "dma-buf");
            assert!(own[0]["locations"][0]["function"].is_string(), "{series} {name}: {}", own[0]);
            // The module imports nothing of the family.
            assert!(findings(&json).all(|(_, rule, ..)| rule != "SG001"), "{series} {name}");
            assert_eq!(json["summary"]["direct"], 1, "{series} {name}");
        }
    }
}

#[test]
fn a_pattern_stands_for_what_it_fits() {
    // 6.1 has no fprobes.
    let json = check_of("7.2", &["sg_hide_fprobe", "sg_hide_fprobe_syms"], &["--format", "json"]).json();
    let symbols: Vec<(&str, usize)> = findings(&json)
        .filter(|(_, rule, severity, _)| (*rule, *severity) == ("SG009", "deny"))
        .map(|(module, .., finding)| (module, finding["symbols"].as_array().unwrap().len()))
        .collect();
    // dma_buf_* are all of the acquiring symbols but dma_heap_add.
    assert_eq!(symbols, [("sg_hide_fprobe", 14), ("sg_hide_fprobe_syms", 1)]);
}

#[test]
fn a_registration_satisfies_it_and_a_waiver_covers_it() {
    let folder = crate::support::folder();
    let registered = r#"
[[module]]
name = "sg_hide_symbol_get"
families = ["dma-buf"]
subsystem = "drm"
proof = ["operator"]
[[module.userspace]]
name = "mesa"
part = "all of it"
coverage = { is = "unproven", evidence = "https://example.org", checked = "2026-11-01" }
"#;
    crate::support::write(folder.path(), "modules.toml", registered);
    let add = folder.path().display().to_string();
    let run = check_of("6.1", &["sg_hide_symbol_get"], &["--add-allowlists", &add]);
    assert_eq!(run.status, 0, "{}", run.all());
    let waived = r#"
[[waiver]]
module = "sg_hide_symbol_computed"
rule = "SG009"
key = "untold"
symbols = []
reason = "it was looked at"
owner = "somebody@example.org"
expires = "2027-01-01"
proof = ["operator"]
"#;
    let folder = crate::support::folder();
    crate::support::write(folder.path(), "waivers.toml", waived);
    let add = folder.path().display().to_string();
    let run = check_of("6.1", &["sg_hide_symbol_computed"], &["--add-allowlists", &add]);
    assert!(run.stdout.contains("waived[SG009 dynamic-lookup]"), "{}", run.all());
}

#[test]
fn an_oracle_is_handed_on() {
    for series in SERIES {
        // By itself who imports it imports nothing that is known.
        let alone = check_of(series, &["sg_hide_kallsyms_user"], &["--format", "json"]).json();
        assert_eq!(findings(&alone).filter(|(_, rule, ..)| *rule == "SG009").count(), 0);
        let json = check_of(
            series,
            &["sg_hide_kallsyms_wrapper", "sg_hide_kallsyms_user", "sg_twin_kallsyms_user"],
            &["--format", "json"],
        )
        .json();
        let told: Vec<(&str, &str, &str)> = findings(&json)
            .map(|(module, rule, severity, _)| (module, rule, severity))
            .filter(|(_, rule, _)| *rule == "SG009")
            .collect();
        assert_eq!(
            told,
            [("sg_hide_kallsyms_user", "SG009", "deny"), ("sg_hide_kallsyms_wrapper", "SG009", "warn")],
            "{series}"
        );
    }
}

#[test]
fn a_shim_hands_on_what_it_finds() {
    for series in SERIES {
        let json = check_of(series, &["sg_hide_shim_get", "sg_hide_shim_user"], &["--format", "json"]).json();
        let user: Vec<&Value> = findings(&json)
            .filter(|(module, ..)| *module == "sg_hide_shim_user")
            .map(|(.., finding)| finding)
            .collect();
        assert_eq!(user.len(), 1);
        assert_eq!(user[0]["rule"], "SG002");
        assert_eq!(user[0]["via"], serde_json::json!(["sg_hide_shim_get:sg_hide_get", "dma_buf_get"]));
    }
}

#[test]
fn lines_of_source_are_told_with_what_is_inlined() {
    for series in SERIES {
        let run = check_of(series, &["sg_hide_inline", "sg_hide_private", "sg_hide_private_ops"], &[]);
        insta::assert_snapshot!(format!("lines_{series}"), run.all());
        let run = check_of(series, &["sg_hide_inline"], &["--format", "json"]);
        let json = run.json();
        let (.., finding) = findings(&json).find(|(_, rule, ..)| *rule == "SG001").unwrap();
        let header = &finding["locations"][0];
        assert_eq!(header["function"], "get_inline");
        assert!(header["file"].as_str().unwrap().ends_with("get_inline.h"));
        assert_eq!(header["inlined_into"][0]["function"], "sg_by_header");
        assert_eq!(finding["locations"][1]["function"], "sg_by_call");
        assert!(finding["locations"][1].get("inlined_into").is_none());
    }
    let run = check_of("6.1", &["sg_hide_inline"], &["--profile", "kbuild", "--format", "kbuild"]);
    insta::assert_snapshot!("lines_kbuild", run.all());
}

#[test]
fn inspect_lists_what_is_found() {
    let modules =
        ["sg_hide_symbol_table", "sg_hide_kprobe_param", "sg_hide_modules_list"].map(|name| module("6.1", name));
    let mut args = vec!["inspect", "--today", crate::support::TODAY, "--format", "json"];
    args.extend(modules.iter().map(String::as_str));
    let json = run(&args).json();
    let of = |index: usize| &json["modules"][index];
    assert_eq!(of(0)["name"], "sg_hide_kprobe_param");
    assert_eq!(
        of(0)["lookups"],
        serde_json::json!([{"by": "register_kprobe", "gives": "hook", "names": ["kernel_clone"], "open": true}])
    );
    assert_eq!((&of(1)["walks_modules"], &of(2)["walks_modules"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(of(2)["lookups"][0]["by"], "__symbol_get");
    assert_eq!(of(2)["lookups"][0]["names"].as_array().unwrap().len(), 7);
}

/// What claims to be the kernel's own says nothing where that is proven, and all where it is not.
#[test]
fn a_claim_silences_nothing_that_could_be_proven() {
    let json = check_of("6.1", &["sg_hide_pages"], &["--format", "json"]).json();
    assert_eq!(findings(&json).filter(|(_, rule, ..)| *rule == "SG010").count(), 1);
}
