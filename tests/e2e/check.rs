// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate check` on modules that real kbuild made.

use serde_json::Value;

use crate::support::{check, command, finish, folder, testdata, write};

const SERIES: [&str; 2] = ["6.1", "7.2"];

fn check_series(series: &str, more: &[&str]) -> crate::support::Run {
    let symvers = format!("testdata/{series}/Module.symvers");
    let modules = format!("testdata/{series}");
    check(&[&["--symvers", &symvers, "--kernel-build", &modules, &modules], more].concat())
}

#[test]
fn human() {
    for series in SERIES {
        insta::assert_snapshot!(format!("human_{series}"), check_series(series, &[]).all());
    }
}

#[test]
fn kbuild() {
    for series in SERIES {
        let run = check_series(series, &["--profile", "kbuild", "--format", "kbuild"]);
        insta::assert_snapshot!(format!("kbuild_{series}"), run.all());
    }
}

#[test]
fn json() {
    for series in SERIES {
        let run = check_series(series, &["--format", "json"]);
        run.json();
        insta::assert_snapshot!(format!("json_{series}"), run.all());
    }
}

#[test]
fn json_of_everything_follows_the_schema() {
    let json = check_series("6.1", &["--format", "json", "--all"]).json();
    assert_eq!(json["modules"].as_array().unwrap().len(), 26);
}

/// The rules broken by one module, with the severities.
fn broken(json: &Value, module: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = json["findings"].as_array().unwrap().iter().filter(|finding| finding["module"] == module);
    findings.map(|finding| (text(&finding["rule"]), text(&finding["severity"]))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(rule, severity)| ((*rule).to_owned(), (*severity).to_owned())).collect()
}

#[test]
fn every_module_breaks_the_rules_it_was_made_to_break() {
    for series in SERIES {
        let json = check_series(series, &["--format", "json"]).json();
        assert_eq!(broken(&json, "sg_get"), pairs(&[("SG001", "deny")]));
        assert_eq!(broken(&json, "sg_get_nons"), pairs(&[("SG001", "deny"), ("SG007", "deny")]));
        let mut blob = vec![("SG001", "deny"), ("SG005", "deny"), ("SG007", "deny")];
        // With versions, what modpost did not see has none; Debian's 7.2 is built without.
        blob.extend((series == "6.1").then_some(("SG013", "deny")));
        assert_eq!(broken(&json, "sg_blob"), pairs(&blob));
        assert_eq!(broken(&json, "sg_tags"), pairs(&[("SG006", "warn")]));
        assert_eq!(broken(&json, "sg_undefined"), pairs(&[("SG012", "warn")]));
        assert_eq!(broken(&json, "habanalabs"), pairs(&[("SG003", "deny")]));
        for harmless in ["sg_export", "sg_user", "sg_put", "sg_harmless", "sg_tags_agree", "vmwgfx"] {
            assert_eq!(broken(&json, harmless), [], "{series} {harmless}");
        }
    }
    let json = check_series("6.1", &["--format", "json"]).json();
    assert_eq!(broken(&json, "sg_nul"), pairs(&[("SG006", "warn")]));
}

#[test]
fn what_modpost_says_is_not_said_again_in_a_build() {
    let json = check_series("6.1", &["--format", "json", "--profile", "kbuild"]).json();
    for quiet in ["sg_tags", "sg_undefined", "sg_nul"] {
        assert_eq!(broken(&json, quiet), [], "{quiet}");
    }
    assert_eq!(broken(&json, "sg_blob").len(), 4);
}

#[test]
fn a_build_that_is_well_says_nothing() {
    let symvers = "testdata/6.1/Module.symvers";
    let run = check(&[
        "--profile",
        "kbuild",
        "--format",
        "kbuild",
        "--symvers",
        symvers,
        "testdata/6.1/sg_export.ko",
        "testdata/6.1/sg_user.ko",
    ]);
    assert_eq!(run.all(), "exit status: 0\n----- stdout\n----- stderr\n");
}

#[test]
fn without_symvers_what_is_unknown_is_said_once() {
    insta::assert_snapshot!(check(&["testdata/6.1/sg_get.ko", "testdata/6.1/sg_harmless.ko"]).all());
}

#[test]
fn a_symvers_may_stand_among_the_inputs() {
    let among = check(&["testdata/6.1/Module.symvers", "testdata/6.1/sg_get.ko"]);
    let option = check(&["--symvers", "testdata/6.1/Module.symvers", "testdata/6.1/sg_get.ko"]);
    // It says so, because nobody named it as one.
    let note = "note: testdata/6.1/Module.symvers is read as a Module.symvers\n";
    assert!(among.stdout.contains(note), "{}", among.all());
    assert_eq!(among.all().replace(note, ""), option.all());
}

#[test]
fn overrides_are_listed() {
    let run = check(&[
        "--warn",
        "SG001",
        "--allow",
        "license",
        "--symvers",
        "testdata/6.1/Module.symvers",
        "testdata/6.1/sg_get.ko",
    ]);
    insta::assert_snapshot!(run.all());
    let both = check(&["--warn", "SG001", "--deny", "SG001", "testdata/6.1/sg_get.ko"]);
    assert_eq!(both.status, 2, "{}", both.all());
    assert_eq!(check(&["--deny", "SG999", "testdata/6.1/sg_get.ko"]).status, 2);
}

#[test]
fn crcs_are_compared() {
    let symvers = std::fs::read_to_string(testdata("6.1/Module.symvers")).unwrap();
    let folder = folder();
    let other = write(folder.path(), "other", symvers.replace("0xe44737bb\tdma_buf_get", "0x00000001\tdma_buf_get"));
    let json = check(&["--format", "json", "--symvers", &other, "testdata/6.1/sg_get.ko"]).json();
    assert_eq!(broken(&json, "sg_get"), pairs(&[("SG001", "deny"), ("SG011", "deny")]));
    let none = write(folder.path(), "none", symvers.replace("0xe44737bb\tdma_buf_get", "0x00000000\tdma_buf_get"));
    let json = check(&["--format", "json", "--symvers", &none, "testdata/6.1/sg_get.ko"]).json();
    assert_eq!(broken(&json, "sg_get"), pairs(&[("SG001", "deny")]));
}

#[test]
fn lists_of_modules_are_kept() {
    let symvers = std::fs::read_to_string(testdata("6.1/Module.symvers")).unwrap();
    let folder = folder();
    let listed = |list: &str| {
        let line = format!("_printk\tvmlinux\tEXPORT_SYMBOL\tmodule:{list}");
        let file = write(folder.path(), "symvers", symvers.replace("_printk\tvmlinux\tEXPORT_SYMBOL\t", &line));
        broken(&check(&["--format", "json", "--symvers", &file, "testdata/6.1/sg_harmless.ko"]).json(), "sg_harmless")
    };
    assert_eq!(listed("kvm,sg-harm*"), []);
    assert_eq!(listed("kvm"), pairs(&[("SG007", "warn")]));
}

#[test]
fn native_exports_make_a_family_of_their_own() {
    let folder = folder();
    let symvers = std::fs::read_to_string(testdata("6.1/Module.symvers")).unwrap();
    for native in
        ["_printk\tvmlinux\tEXPORT_SYMBOL_USERSPACE_GPL\t", "_printk\tvmlinux\tEXPORT_SYMBOL_GPL\tUSERSPACE_GPL"]
    {
        let file = write(folder.path(), "symvers", symvers.replace("_printk\tvmlinux\tEXPORT_SYMBOL\t", native));
        let json = check(&["--format", "json", "--symvers", &file, "testdata/6.1/sg_harmless.ko"]).json();
        assert_eq!(json["modules"][0]["imports"][0]["family"], "native:vmlinux");
        assert_eq!(json["modules"][0]["imports"][0]["tier"], "userspace-gpl");
        assert_eq!(broken(&json, "sg_harmless").first(), pairs(&[("SG001", "deny")]).first());
    }
}

#[test]
fn a_member_that_the_policy_does_not_know_is_told() {
    let folder = folder();
    let symvers = std::fs::read_to_string(testdata("6.1/Module.symvers")).unwrap();
    let line = "_printk\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF";
    let file = write(folder.path(), "symvers", symvers.replace("_printk\tvmlinux\tEXPORT_SYMBOL\t", line));
    let run = check(&["--profile", "kbuild", "--format", "kbuild", "--symvers", &file, "testdata/6.1/sg_harmless.ko"]);
    assert!(run.stderr.contains("were taken to give no access: _printk"), "{}", run.all());
}

#[test]
fn a_provider_goes_by_its_own_name() {
    let folder = folder();
    let renamed = write(folder.path(), "renamed-current.ko", std::fs::read(testdata("6.1/sg_export.ko")).unwrap());
    let json = check(&["--format", "json", "--all", &renamed, "testdata/6.1/sg_user.ko"]).json();
    let imports = json["modules"].as_array().unwrap().iter().find(|module| module["name"] == "sg_user").unwrap();
    assert!(imports["imports"].to_string().contains("\"provider\":\"sg_export\""), "{imports}");
}

#[test]
fn a_provider_bears_one_name_in_tables_and_by_itself() {
    let folder = folder();
    // kbuild writes neither `,` nor `-` into a module's name: `thead,th1520-aon.ko` of 7.2 is `thead_th1520_aon`.
    let symvers = write(folder.path(), "symvers", "0x00000000\tsg_plain\tdrivers/sg,ex-port\tEXPORT_SYMBOL\t\n");
    let json = check(&["--format", "json", "--all", "--symvers", &symvers, "testdata/6.1/sg_user.ko"]).json();
    let imports = json["modules"][0]["imports"].as_array().unwrap();
    let import = imports.iter().find(|import| import["symbol"] == "sg_plain").expect("sg_user imports sg_plain");
    assert_eq!(import["provider"], "sg_ex_port");
}

#[test]
fn several_symvers_need_a_reference() {
    let [a, b] = ["testdata/6.1/Module.symvers", "testdata/7.2/Module.symvers"];
    let module = "testdata/6.1/sg_get.ko";
    let run = check(&[a, b, module]);
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(
        run.stderr.contains("2 inputs are a Module.symvers or a kernel image; name the kernel's own with --symvers"),
        "{}",
        run.all()
    );
    assert_eq!(check(&["--symvers", a, b, module]).all(), check(&["--symvers", a, module, b]).all());
}

#[test]
fn overrides_hold_for_files_that_cannot_be_read() {
    let folder = folder();
    let broken = write(folder.path(), "m.ko", "no ELF");
    assert!(check(&[&broken]).stdout.contains("SG013"));
    let run = check(&["--allow", "SG013", &broken]);
    // It still yielded no facts.
    assert_eq!(run.status, 3);
    assert!(!run.stdout.contains("[SG013"), "{}", run.all());
}

#[test]
fn ids_of_findings_are_unique() {
    let folder = folder();
    for tree in ["a", "b"] {
        write(folder.path(), &format!("{tree}/sg_get.ko"), std::fs::read(testdata("6.1/sg_get.ko")).unwrap());
    }
    let json = check(&["--format", "json", &folder.path().display().to_string()]).json();
    let ids: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["SG001:sg_get:dma-buf", "SG001:sg_get:dma-buf#2"]);
}

#[test]
fn the_day_decides() {
    let symvers = "testdata/6.1/Module.symvers";
    let status = |variables: &[(&str, &str)], today: &[&str]| {
        let module = "testdata/6.1/habanalabs.ko";
        let args = [&["check", "--symvers", symvers, "--kernel-build", "testdata/6.1"], today, &[module]].concat();
        finish(command(args).envs(variables.iter().copied())).status
    };
    assert_eq!(status(&[], &["--today", "2027-11-30"]), 0);
    assert_eq!(status(&[], &["--today", "2027-12-01"]), 1);
    // 2027-12-01 and 2001-09-09: an old changelog revives no waiver, and makes none expire.
    assert_eq!(status(&[("SOURCE_DATE_EPOCH", "1827619200")], &[]), 1);
    assert_eq!(status(&[("SOURCE_DATE_EPOCH", "1000000000")], &[]), 0);
    assert_eq!(status(&[("SOURCE_DATE_EPOCH", "yesterday")], &[]), 2);
    assert_eq!(status(&[], &["--today", "tomorrow"]), 2);
    let args = ["check", "--today", "2027-12-01", "--symvers", symvers, "--kernel-build", "testdata/6.1"];
    let expired = finish(&mut command(args.iter().chain(&["testdata/6.1/habanalabs.ko"])));
    let said = "warning[SG015 allowlist]: module habanalabs had a waiver for SG003, which expired on 2027-11-30";
    assert!(expired.stdout.contains(said), "{}", expired.stdout);
    assert!(expired.stdout.contains("decided by allowlists/waivers.toml:9"), "{}", expired.stdout);
    assert!(!expired.stdout.contains("judged by old evidence"), "{}", expired.stdout);
    // What was looked at in November 2026 is old in June 2028; nobody who builds a module can help that.
    let old = |profile: &str| {
        let args = ["check", "--today", "2028-06-01", "--symvers", symvers, "--kernel-build", "testdata/6.1"];
        finish(&mut command(args.iter().chain(&["--profile", profile, "testdata/6.1/vmwgfx.ko"])))
    };
    for profile in ["distro", "audit"] {
        let run = old(profile);
        let said = "warning[SG015 allowlist]: module vmwgfx was judged by old evidence on Mesa (licence, upstream, ";
        assert!(run.status == 0 && run.stdout.contains(said), "{}", run.all());
        assert!(run.stdout.contains("warn   vmwgfx"), "{}", run.all());
    }
    assert!(!old("kbuild").stdout.contains("warning["), "{}", old("kbuild").all());
}

#[test]
fn a_report_can_go_to_a_file() {
    let folder = folder();
    let file = folder.path().join("report.json");
    let module = "testdata/6.1/sg_get.ko";
    let run = check(&["--format", "json", "-o", file.to_str().unwrap(), module]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    assert_eq!(std::fs::read_to_string(file).unwrap(), check(&["--format", "json", module]).stdout);
}
