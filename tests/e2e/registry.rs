// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allowlists from disk: what they change, and what is said of bad ones.

use std::path::Path;

use crate::support::lists::{record, userspace};
use crate::support::{Run, check, folder, root, write};

/// A registry in which `sg_get` is registered, with a userspace of this kind.
fn registry(folder: &Path, kind: &str, families: &str) {
    let policy = std::fs::read_to_string(root().join("allowlists/policy.toml")).unwrap();
    write(folder, "policy.toml", policy);
    extra(folder, kind, families);
}

fn extra(folder: &Path, kind: &str, families: &str) {
    write(folder, "userspaces.toml", userspace("tested", "Tested", &[("kind", kind), ("packaged", "no")]));
    let module = format!(
        "[[module]]\nname = \"sg-get\"\nfamilies = [{families}]\nsubsystem = \"misc\"\nproof = [\"operator\"]\n\
         [[module.userspace]]\nname = \"tested\"\npart = \"all\"\ncoverage = {}\n",
        record("unproven")
    );
    write(folder, "modules.toml", module);
}

fn check_get(option: &str, folder: &Path) -> Run {
    let symvers = "testdata/6.1/Module.symvers";
    let folder = folder.display().to_string();
    let mut run = check(&[option, &folder, "--symvers", symvers, "testdata/6.1/sg_get.ko"]);
    run.stdout = run.stdout.replace(&folder, "@DIR@");
    run.stderr = run.stderr.replace(&folder, "@DIR@");
    run
}

#[test]
fn a_registry_on_disk_replaces_or_adds() {
    for option in ["--allowlists", "--add-allowlists"] {
        let folder = folder();
        if option == "--allowlists" {
            registry(folder.path(), "production", "\"dma-buf\"");
        } else {
            extra(folder.path(), "production", "\"dma-buf\"");
        }
        let run = check_get(option, folder.path());
        // sg_get is out of tree; approved passes there too.
        assert_eq!(run.status, 0, "{}", run.all());
        assert!(
            run.stdout.contains("pass   sg_get  dma-buf (dma_buf_get, dma_buf_put)  Tested: approved"),
            "{}",
            run.all()
        );
    }
}

#[test]
fn a_standing_that_does_not_do_is_denied_with_the_line_that_decided() {
    let folder = folder();
    registry(folder.path(), "reference", "\"dma-buf\"");
    insta::assert_snapshot!(check_get("--allowlists", folder.path()).all());
}

#[test]
fn a_registration_is_for_the_families_it_names() {
    let folder = folder();
    registry(folder.path(), "production", "\"p2pdma\"");
    insta::assert_snapshot!(check_get("--allowlists", folder.path()).all());
}

#[test]
fn a_waiver_covers_what_it_names_and_no_more() {
    let waiver = |symbols: &str, family: &str, rule: &str| {
        let folder = folder();
        let text = format!(
            "[[waiver]]\nmodule = \"sg_get\"\nrule = \"{rule}\"\nfamily = \"{family}\"\nsymbols = [{symbols}]\n\
             reason = \"test\"\nowner = \"me\"\nexpires = \"2026-12-31\"\nproof = [\"operator\"]\n"
        );
        write(folder.path(), "waivers.toml", text);
        check_get("--add-allowlists", folder.path()).status
    };
    assert_eq!(waiver("\"dma_buf_get\"", "dma-buf", "SG001"), 0);
    assert_eq!(waiver("\"dma_buf_get\", \"dma_buf_fd\"", "dma-buf", "SG001"), 0);
    assert_eq!(waiver("\"dma_buf_fd\"", "dma-buf", "SG001"), 1);
    assert_eq!(waiver("", "dma-buf", "SG001"), 1);
    assert_eq!(waiver("\"dma_buf_get\"", "p2pdma", "SG001"), 1);
    assert_eq!(waiver("\"dma_buf_get\"", "dma-buf", "SG003"), 1);
}

#[test]
fn a_waiver_of_what_is_about_no_symbol_names_its_key() {
    let status = |key: &str| {
        let folder = folder();
        let text = format!(
            "[[waiver]]\nmodule = \"sg_tags\"\nrule = \"SG006\"\n{key}reason = \"test\"\nowner = \"me\"\nexpires = \"2026-12-31\"\nproof = [\"operator\"]\n"
        );
        write(folder.path(), "waivers.toml", text);
        let run = check(&[
            "--deny",
            "SG006",
            "--add-allowlists",
            &folder.path().display().to_string(),
            "testdata/6.1/sg_tags.ko",
        ]);
        run.status
    };
    assert_eq!(status("key = \"disagree\"\n"), 0);
    assert_eq!(status("key = \"nul\"\n"), 1);
    assert_eq!(status("symbols = [\"dma_buf_get\"]\n"), 1);
    // One that names nothing would cover whatever comes.
    assert_eq!(status(""), 2);
}

#[test]
fn a_module_is_registered_once_in_a_folder() {
    let folder = folder();
    registry(folder.path(), "production", "\"dma-buf\"");
    let facade = "[[facade]]\nname = \"sg_get\"\nfamilies = []\nsubsystem = \"core\"\nowes = \"kernel-internal\"\n";
    write(folder.path(), "facades.toml", facade);
    let run = check_get("--allowlists", folder.path());
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(
        run.stderr.contains("modules.toml:2:8: sg_get is registered at @DIR@/facades.toml:2 already"),
        "{}",
        run.all()
    );
}

#[test]
fn all_faults_are_told_at_once_with_their_places() {
    let folder = folder();
    registry(folder.path(), "splendid", "\"dma-buff\"");
    write(
        folder.path(),
        "waivers.toml",
        "[[waiver]]\nmodule = \"*\"\nrule = \"SG999\"\nreason = \" \"\nowner = \"me\"\nexpires = \"soon\"\n",
    );
    let run = check_get("--allowlists", folder.path());
    assert_eq!(run.status, 2);
    insta::assert_snapshot!(run.all());
}

#[test]
fn bad_folders_and_files() {
    let told = |prepare: &dyn Fn(&Path), message: &str| {
        let folder = folder();
        prepare(folder.path());
        let run = check_get("--allowlists", folder.path());
        assert_eq!(run.status, 2, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    };
    told(&|_| {}, "there is no policy.toml in it");
    told(&|at| std::fs::remove_dir(at).unwrap(), "No such file or directory");
    told(&|at| drop(write(at, "policy.toml", "date = 5\n")), "policy.toml:1:8: ");
    told(
        &|at| {
            registry(at, "production", "\"dma-buf\"");
            let made = std::process::Command::new("mkfifo").arg(at.join("waivers.toml")).status();
            assert!(made.is_ok_and(|status| status.success()));
        },
        "waivers.toml: it is no regular file",
    );
    told(&|at| drop(write(at, "policy.toml", "not toml at all")), "policy.toml:1:");
    told(&|at| drop(write(at, "policy.toml", b"\xff\xfe")), "policy.toml: ");
    told(
        &|at| {
            registry(at, "production", "\"dma-buf\"");
            write(at, "module.toml", "");
        },
        "module.toml: no allowlist has this name",
    );
    told(
        &|at| {
            registry(at, "production", "\"dma-buf\"");
            write(at, "facades.toml", "[[facade]]\nname = \"x\"\nfamilies = []\nsubsystem = \"core\"\n");
        },
        "facades.toml:1:1: missing field `owes`",
    );
    told(
        &|at| {
            registry(at, "production", "\"dma-buf\"");
            let twice = std::fs::read_to_string(at.join("modules.toml")).unwrap().repeat(2);
            write(at, "modules.toml", twice);
        },
        "sg_get is registered at @DIR@/modules.toml:2 already",
    );
}

#[test]
fn a_pattern_that_no_library_survives_is_a_fault() {
    let folder = folder();
    let policy = std::fs::read_to_string(root().join("allowlists/policy.toml")).unwrap();
    let told = |pattern: &str, message: &str| {
        let other = policy.replace("\"nvidia_p2p_*\"", &format!("\"{pattern}\""));
        assert_ne!(other, policy);
        write(folder.path(), "policy.toml", other);
        let run = check_get("--allowlists", folder.path());
        assert_eq!(run.status, 2, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    };
    // Brackets in brackets, so deep that the stack ends; and so many of them that no matcher can be built.
    told(&format!("{}a{}", "{".repeat(20_000), "}".repeat(20_000)), "a pattern is longer than any symbol");
    told(&"[!a]".repeat(100_000), "a pattern is longer than any symbol");
    told("a{b", "unclosed alternate group");
}
