// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tier that can be compiled today: exports made with `export_userspace_gpl.h`, by real kbuild.

use std::path::Path;

use crate::support::lists::{record, userspace};
use crate::support::{check, folder, run, testdata, write};

const SERIES: [&str; 2] = ["6.1", "7.2"];

fn path(series: &str, name: &str) -> String {
    testdata(&format!("{series}/{name}")).display().to_string()
}

/// A registration of `sg_tier_user` for what `sg_tier` exports so.
fn register(folder: &Path) {
    write(folder, "userspaces.toml", userspace("tested", "Tested", &[]));
    let module = format!(
        "[[module]]\nname = \"sg_tier_user\"\nfamilies = [\"native:sg_tier\"]\nsubsystem = \"misc\"\nproof = [\"operator\"]\n\
         [[module.userspace]]\nname = \"tested\"\npart = \"all\"\ncoverage = {}\n",
        record("unproven")
    );
    write(folder, "modules.toml", module);
}

#[test]
fn the_exporter_tells_the_tier_itself() {
    for series in SERIES {
        let exports = run(["classify", "--format", "json", &path(series, "tier/sg_tier.ko")]).json();
        let told: Vec<String> = exports["exports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|export| format!("{} {} {} {}", export["symbol"], export["class"], export["tier"], export["family"]))
            .collect();
        let expected = [
            r#""sg_tier_share" "gpl" "userspace-gpl" "native:sg_tier""#,
            r#""sg_tier_table" "gpl" "userspace-gpl" "native:sg_tier""#,
            r#""sg_tier_version" "plain" "plain" null"#,
        ];
        assert_eq!(told, expected, "{series}");
    }
}

#[test]
fn who_takes_it_has_to_be_registered() {
    let folder = folder();
    let allowlists = folder.path().join("allowlists");
    std::fs::create_dir(&allowlists).unwrap();
    register(&allowlists);
    let registered = ["--add-allowlists", allowlists.to_str().unwrap()];
    for series in SERIES {
        let symvers = path(series, "Module.symvers");
        let [user, exporter, other] =
            ["user", "", "version"].map(|name| path(series, &format!("tier/sg_tier_{name}.ko").replace("_.", ".")));
        // By the exporter's own word, and by that of the Module.symvers that its build wrote.
        let written = run(["classify", "--format", "symvers", &exporter]);
        let claim = write(folder.path(), &format!("{series}.symvers"), written.stdout);
        for told in [&[exporter.as_str()][..], &["--symvers", &claim]] {
            let base = ["--symvers", &symvers, &user, &other];
            let refused = check(&[&base[..], told].concat());
            assert_eq!(refused.status, 1, "{}", refused.all());
            let said = "denied[SG001 unregistered]: module sg_tier_user gets at native:sg_tier and is not registered";
            assert!(refused.stdout.contains(said), "{}", refused.all());
            assert_eq!(refused.stdout.matches("denied[").count(), 1, "{}", refused.all());
            let passed = check(&[&base[..], told, &registered].concat());
            assert_eq!(passed.status, 0, "{}", passed.all());
        }
    }
}

#[test]
fn a_plain_export_is_no_member_of_the_tier() {
    for series in SERIES {
        let run = check(&["--symvers", &path(series, "Module.symvers"), &path(series, "tier/sg_tier_plain.ko")]);
        let said = "denied[SG017 redeclared]: module sg_tier_plain exports as userspace-gpl what every module may have, whatever \
                    its licence: sg_tier_open as EXPORT_SYMBOL, namespace USERSPACE_GPL";
        assert!(run.status == 1 && run.stdout.contains(said), "{}", run.all());
    }
}
