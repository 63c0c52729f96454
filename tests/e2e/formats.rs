// SPDX-License-Identifier: MIT OR Apache-2.0
//! The formats of other people's tools: SARIF, JUnit, annotations, a summary. Each is compared whole, and follows its schema.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{self, TODAY, command, finish, folder, harmless, run, testdata, write};

/// Modules of all kinds: denied with lines of source and without, warned, waived, harmless; and a file that is none.
const MODULES: [&str; 5] = [
    "hidden/6.1/sg_hide_inline.ko",
    "hidden/6.1/sg_hide_private.ko",
    "6.1/sg_get.ko",
    "6.1/habanalabs.ko",
    "6.1/sg_harmless.ko",
];

fn arguments(format: &str) -> Vec<String> {
    let modules = MODULES.map(|module| format!("testdata/{module}"));
    let options = [
        "check",
        "--format",
        format,
        "--today",
        TODAY,
        "--symvers",
        "testdata/6.1/Module.symvers",
        "--kernel-build",
        "testdata/6.1",
        "--source-root",
        "/build",
        "--warn",
        "SG006",
        "testdata/src/Kbuild",
    ];
    options.map(str::to_owned).into_iter().chain(modules).collect()
}

/// The SARIF of all kinds of findings.
fn sarif() -> Value {
    serde_json::from_str(&run(arguments("sarif")).stdout).expect("SARIF is JSON")
}

/// The schema of SARIF 2.1.0, which a crate brings along.
fn schema() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .current_dir(support::root())
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", "host-tuple"])
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&said.stdout).expect("cargo says what there is");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").expect("the crate is there");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    let schema = manifest.with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(schema).expect("the schema is there");
    // A bracket too many makes no pattern of it.
    serde_json::from_str(&text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$")).expect("it is JSON")
}

#[test]
fn each_format_says_all_of_it() {
    let mut sarif = sarif();
    let whole = &mut sarif["runs"][0];
    let rules = whole["tool"]["driver"]["rules"].take();
    insta::assert_snapshot!("sarif", serde_json::to_string_pretty(&sarif).unwrap());
    assert_eq!(rules.as_array().unwrap().len(), 16);
    for rule in rules.as_array().unwrap() {
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("## What to do"), "{rule}");
    }
    for format in ["junit", "github", "gitlab", "markdown"] {
        insta::assert_snapshot!(format, run(arguments(format)).all());
    }
}

#[test]
fn sarif_follows_its_schema() {
    let sarif = sarif();
    let validator = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    let errors: Vec<String> =
        validator.iter_errors(&sarif).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let read: serde_sarif::sarif::Sarif = serde_json::from_value(sarif.clone()).expect("another reader reads it");
    assert_eq!(read.runs.len(), 1);
    let mut wrong = sarif;
    wrong["runs"][0]["results"][0]["level"] = "denied".into();
    assert!(!validator.is_valid(&wrong), "the schema tells what is wrong");
}

#[test]
fn sarif_is_the_same_on_another_machine() {
    let results = |sarif: &Value| sarif["runs"][0]["results"].as_array().unwrap().clone();
    let here = sarif();
    for result in results(&here) {
        assert_eq!(result["locations"].as_array().unwrap().len(), 1);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap().to_owned();
        assert!(!uri.starts_with('/') && !uri.contains(".."), "{uri}");
    }
    // The same modules in another place, named by absolute paths, seen from elsewhere.
    let there = folder();
    let copied = |name: &str| {
        let bytes = std::fs::read(testdata(name)).unwrap();
        write(there.path(), name.rsplit('/').next().unwrap(), bytes)
    };
    let mut arguments = arguments("sarif");
    arguments.truncate(arguments.len() - MODULES.len());
    for argument in &mut arguments {
        if argument.starts_with("testdata/") {
            *argument = support::root().join(&argument).display().to_string();
        }
    }
    arguments.extend(MODULES.map(copied));
    let elsewhere = folder();
    let said = finish(command(arguments).current_dir(elsewhere.path()));
    let there: Value = serde_json::from_str(&said.stdout).expect("SARIF is JSON");
    let told = |sarif: &Value| -> Vec<(String, String)> {
        let mut told: Vec<_> = results(sarif)
            .iter()
            .map(|result| (result["ruleId"].to_string(), result["partialFingerprints"].to_string()))
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(&here), told(&there));
    for result in results(&there) {
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap().to_owned();
        assert!(!uri.starts_with('/') && !result.to_string().contains("\"/"), "{result}");
    }
}

#[test]
fn what_a_name_says_does_nothing_to_a_page() {
    let folder = folder();
    let name = "a,b:c%0A::error file=x::[y](z) {0} <b> `|` @all.ko";
    let path = write(folder.path(), name, b"\x7fELF, and nothing that could be read");
    let harmless = write(folder.path(), "harmless.ko", harmless());
    let formatted = |format| {
        let args = ["check", "--format", format, "--today", TODAY, &path, &harmless].map(str::to_owned);
        finish(command(args).current_dir(folder.path())).stdout
    };
    for line in formatted("github").lines() {
        assert!(
            line.starts_with("::error file=") || line.starts_with("::notice ") || line.starts_with("::warning "),
            "{line}"
        );
        let (command, _) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
        let (_, properties) = command.split_once(' ').unwrap();
        let mut keys = properties.split(',').map(|property| property.split_once('=').unwrap().0);
        assert!(keys.all(|key| ["file", "title"].contains(&key)), "{line}");
    }
    let markdown = formatted("markdown");
    assert!(markdown.contains("in `` a,b:c"), "{markdown}");
    let sarif: Value = serde_json::from_str(&formatted("sarif")).unwrap();
    let uri = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    assert!(uri.as_str().unwrap().starts_with("a%2Cb%3Ac%250A%3A%3Aerror%20file%3Dx"), "{uri}");
    assert!(!formatted("junit").contains("<b>"));
}

#[test]
fn what_no_finding_speaks_of_is_told_all_the_same() {
    let folder = folder();
    let broken = write(folder.path(), "broken.ko", b"\x7fELF, and nothing that could be read");
    for format in ["junit", "github", "gitlab", "markdown", "sarif"] {
        let args = ["check", "--format", format, "--allow", "SG013", &broken].map(str::to_owned);
        let run = finish(command(args).current_dir(folder.path()));
        assert_eq!(run.status, 3);
        assert!(run.stdout.contains("broken.ko"), "{format}: {}", run.stdout);
        assert!(run.stdout.contains("SG013 is set to allow in this run"), "{format}: {}", run.stdout);
    }
}

#[test]
fn no_name_makes_the_xml_ill_formed() {
    let folder = folder();
    let path = write(folder.path(), "a\u{ffff}\u{ad}b.ko", support::gets());
    let args = ["check", "--format", "junit", "--today", TODAY, &path].map(str::to_owned);
    let said = finish(command(args).current_dir(folder.path())).stdout;
    assert!(said.contains("a\\u{ffff}\\u{ad}b.ko"), "{said}");
}
