// SPDX-License-Identifier: MIT OR Apache-2.0
//! What maintainers ask of an open userspace, as far as a machine can check it: data that is spoiled in one place makes
//! the standing another.

use serde_json::Value;

use crate::support::lists::{record, shipped, userspace};
use crate::support::{folder, root, run, write};

/// How a module of a subsystem stands by the shipped policy, if its userspace, or its coverage, meets everything but for
/// what is changed; and why.
fn standing(subsystem: &str, name: &str, changed: &[(&str, &str)]) -> (String, String) {
    let folder = folder();
    let policy = std::fs::read_to_string(root().join("allowlists/policy.toml")).unwrap();
    write(folder.path(), "policy.toml", policy);
    write(folder.path(), "userspaces.toml", userspace(name, "T", changed));
    let coverage = changed.iter().find(|(axis, _)| *axis == "coverage").map_or("unproven", |(_, is)| is);
    let module = format!(
        "[[module]]\nname = \"m\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"{subsystem}\"\n[[module.userspace]]\n\
         name = \"{name}\"\npart = \"all\"\ncoverage = {}\n",
        record(coverage)
    );
    write(folder.path(), "modules.toml", module);
    let run = run(["registry", "list", "--format", "json", "--allowlists", &folder.path().display().to_string()]);
    assert_eq!(run.status, 0, "{}", run.all());
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = &json["registrations"][0];
    (row["standing"].as_str().unwrap().to_owned(), row["because"].to_string())
}

const ALL: &[&str] = &["drm", "accel", "rdma", "media", "iio", "vfio", "fwctl", "misc"];

#[test]
fn what_meets_everything_is_approved_everywhere() {
    for subsystem in ALL {
        assert_eq!(standing(subsystem, "rdma-core", &[]), ("approved".to_owned(), "[]".to_owned()), "{subsystem}");
    }
}

#[test]
fn each_criterion_decides_where_it_is_asked_for() {
    const ALL_BUT_MEDIA: &[&str] = &["drm", "accel", "rdma", "iio", "vfio", "fwctl", "misc"];
    const PROGRAMMABLE: &[&str] = &["drm", "accel"];
    for (axis, is, outcome, asked_by) in [
        // 2: a free licence; what the lists alone do not decide is decided in the policy.
        ("licence", "CC-BY-ND-4.0", "rejected", ALL),
        ("licence", "BSD-3-Clause-Clear", "approved", ALL),
        ("licence", "GPL-2.0-only OR Linux-OpenIB", "approved", ALL),
        // 3: the real thing, no toy.
        ("kind", "test", "rejected", ALL_BUT_MEDIA),
        ("kind", "reference", "rejected", ALL_BUT_MEDIA),
        // 4: not outdated, not archived.
        ("activity", "archived", "rejected", PROGRAMMABLE),
        ("activity", "2021-01-01", "partial", PROGRAMMABLE),
        // 6: the canonical upstream, no fork.
        ("upstream", "fork", "rejected", ALL_BUT_MEDIA),
        ("upstream", "vendor", "partial", ALL_BUT_MEDIA),
        // 7: merged before released is a state of its own.
        ("released", "merged", "partial", ALL_BUT_MEDIA),
        ("released", "pending", "pending", ALL_BUT_MEDIA),
        ("released", "no", "rejected", ALL_BUT_MEDIA),
        // 8: all of the interface; nobody proves it, which is no fault.
        ("coverage", "part", "partial", ALL),
        ("coverage", "none", "rejected", ALL),
        ("coverage", "unknown", "unknown", ALL),
        // 9 and 10: the low level is enough, but for what is programmed the compiler has to be open, too.
        ("compiler", "closed", "rejected", PROGRAMMABLE),
        ("firmware", "closed", "approved", ALL),
        // 11: packaged, where the subsystem asks for it.
        ("packaged", "no", "rejected", &["rdma"]),
        // Media asks for a documented interface and no userspace of its own.
        ("documentation", "no", "rejected", &["media"]),
        // 14: tests, where the subsystem asks for them.
        ("tests", "no", "rejected", &["media"]),
        ("tests", "part", "partial", &["media"]),
    ] {
        for subsystem in ALL {
            let expected = if asked_by.contains(subsystem) { outcome } else { "approved" };
            let (found, because) = standing(subsystem, "rdma-core", &[(axis, is)]);
            assert_eq!(found, expected, "{axis} {is} in {subsystem}: {because}");
        }
    }
}

#[test]
fn a_subsystem_can_have_one_project_for_all() {
    let (found, because) = standing("rdma", "somebodys-own", &[]);
    assert_eq!(found, "partial");
    assert!(because.contains("it is not the subsystem's own project (rdma-core)"), "{because}");
    assert_eq!(standing("drm", "somebodys-own", &[]).0, "approved");
}

#[test]
fn accel_asks_for_what_drm_asks() {
    let policy: Value =
        toml::from_str(&std::fs::read_to_string(root().join("allowlists/policy.toml")).unwrap()).unwrap();
    let asks = |name: &str| {
        let subsystems = policy["subsystem"].as_array().unwrap();
        subsystems.iter().find(|subsystem| subsystem["name"] == name).unwrap()["asks"].clone()
    };
    assert_eq!(asks("accel"), asks("drm"));
}

#[test]
fn an_address_and_evidence_have_to_be_there() {
    let folder = folder();
    let told = |from: &str, to: &str, message: &str| {
        let spoiled = shipped(folder.path(), "userspaces.toml", from, to);
        let run = run(["registry", "lint", "--allowlists", &spoiled]);
        assert_eq!(run.status, 2, "{}", run.all());
        assert!(run.stderr.contains(message), "{message}\n{}", run.all());
    };
    told("url = \"https://gitlab.freedesktop.org/mesa/mesa\"", "url = \"mesa\"", "\"mesa\" is no address");
    told("licence       = { is = \"MIT\"", "licence       = { is = \"open\"", "\"open\" is no SPDX expression");
    told(
        "evidence = \"Documentation/gpu/drm-uapi.rst:97-101 (7.2) names Mesa as the example of a userspace project\"",
        "evidence = \"\"",
        "the upstream has no evidence",
    );
    told("checked = \"2026-11-01\"", "checked = \"lately\"", "\"lately\" is not a day");
}
