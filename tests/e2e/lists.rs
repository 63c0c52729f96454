// SPDX-License-Identifier: MIT OR Apache-2.0
//! `symgate registry`: what the allowlists hold, and what is to be said of them.

use serde_json::Value;

use crate::support::lists::{record, shipped};
use crate::support::{Run, TODAY, check, command, finish, folder, root, run, testdata, validate, write};

fn registry(args: &[&str]) -> Run {
    run(["registry"].iter().chain(args))
}

#[test]
fn every_registration_is_listed() {
    let human = registry(&["list"]);
    assert_eq!(human.status, 0, "{}", human.all());
    let json = registry(&["list", "--format", "json"]).json();
    validate(&json);
    let rows = json["registrations"].as_array().unwrap();
    assert_eq!(human.stdout.lines().count(), rows.len());
    let markdown = registry(&["list", "--format", "markdown"]).stdout;
    assert_eq!(markdown.lines().count(), rows.len() + 2);
    assert!(markdown.lines().all(|line| line.matches('|').count() == 6), "{markdown}");
    let habanalabs = rows.iter().find(|row| row["module"] == "habanalabs").unwrap();
    assert_eq!((&habanalabs["standing"], &habanalabs["proof"][0]), (&"rejected".into(), &"kernel".into()));
    let drm = markdown.lines().find(|line| line.starts_with("| `drm` |")).unwrap();
    assert_eq!(drm, "| `drm` | dma-buf | drm | each of its importers owes its own | - |");
}

#[test]
fn one_is_shown_with_its_evidence() {
    let shown = registry(&["show", "vmwgfx"]).stdout;
    for part in [
        "module:vmwgfx",
        "families     dma-buf",
        "proof        kernel",
        "standing     approved",
        "mesa",
        "checked on 20",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(registry(&["show", "mesa"]).stdout.starts_with("Mesa  https://gitlab.freedesktop.org/mesa/mesa"));
    let unknown = registry(&["show", "nobody"]);
    assert_eq!(unknown.status, 2, "{}", unknown.all());
    assert!(unknown.stderr.contains("no module, class or userspace is recorded by the name \"nobody\""));
}

#[test]
fn what_is_shipped_has_nothing_old_or_dead() {
    let run = registry(&["lint", "--today", "2026-12-01"]);
    // What is rejected is known to be, and waived for a time.
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{}", run.all());
    let later = registry(&["lint", "--today", "2027-12-01"]).stdout;
    assert!(later.contains("the best userspace of habanalabs, "), "{later}");
}

#[test]
fn what_is_old_dead_or_leads_nowhere_is_told_with_its_place() {
    let told = |file: &str, from: &str, to: &str, args: &[&str], message: &str| {
        let folder = folder();
        let path = shipped(folder.path(), file, from, to);
        let run = registry(&[&["lint", "--allowlists", &path][..], args].concat());
        assert_eq!(run.status, 1, "{}", run.all());
        let said = run.stdout.replace(&path, "@DIR@");
        assert!(said.contains(message), "{message}\n{said}");
    };
    let today = ["--today", "2026-12-01"];
    told(
        "userspaces.toml",
        "checked = \"2026-11-01\" }",
        "checked = \"2024-01-01\" }",
        &today,
        "the firmware of mesa was checked 1065 days ago, and the policy asks for 550",
    );
    told(
        "userspaces.toml",
        "checked = \"2026-11-01\" }",
        "checked = \"2027-01-01\" }",
        &today,
        "the firmware of mesa was checked on 2027-01-01, which is to come",
    );
    told(
        "modules.toml",
        "[[module.userspace]]\nname = \"xrt\"",
        "[[module.userspace]]\nname = \"mesa\"",
        &today,
        "no registration names the userspace xrt",
    );
    told(
        "policy.toml",
        "symbols = [\"dma_buf_*\"",
        "symbols = [\"zzz_*\", \"dma_buf_*\"",
        &["--today", "2026-12-01", "--against", "testdata/6.1"],
        "nothing in the tree is of \"zzz_*\"",
    );
    told(
        "userspaces.toml",
        "evidence = \"26.2.6 is in Debian sid\"",
        "evidence = \"everybody knows\"",
        &today,
        "the evidence for the released of mesa names nothing that could be looked at",
    );
    told("waivers.toml", "2027-11-30", "2026-11-30", &today, "the waiver for habanalabs expired on 2026-11-30");
    told("waivers.toml", "2027-11-30", "2036-11-30", &today, "the waiver for habanalabs holds for 3652 more days");
    let tree = testdata("6.1").display().to_string();
    told(
        "modules.toml",
        "name = \"amdgpu\"",
        "name = \"amdgpux\"",
        &[&today[..], &["--against", &tree]].concat(),
        "no module of the tree is named amdgpux",
    );
    // What can't be read is told by all of its faults, as everywhere.
    let folder = folder();
    let path = shipped(folder.path(), "modules.toml", "name = \"amdgpu\"", "nmae = \"amdgpu\"");
    let run = registry(&["lint", "--allowlists", &path]);
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(run.stderr.contains(":1: unknown field `nmae`"), "{}", run.all());
}

#[test]
fn a_project_that_nobody_works_on_stands_in_part_only() {
    let folder = folder();
    let path = shipped(
        folder.path(),
        "userspaces.toml",
        "activity      = { is = \"2026-10-29\"",
        "activity      = { is = \"2020-10-29\"",
    );
    let rows = registry(&["list", "--allowlists", &path, "--format", "json"]).json();
    let vmwgfx =
        rows["registrations"].as_array().unwrap().iter().find(|row| row["module"] == "vmwgfx").unwrap().clone();
    assert_eq!((&vmwgfx["standing"], &vmwgfx["because"][0]), (&"partial".into(), &"activity is 2020-10-29".into()));
}

#[test]
fn a_new_registration_can_be_filled_in() {
    let module = testdata("6.1/sg_get.ko").display().to_string();
    let symvers = testdata("6.1/Module.symvers").display().to_string();
    let new = registry(&["new", &module]);
    assert_eq!(new.status, 0, "{}", new.all());
    let filled = new
        .stdout
        .replace("name = \"\"\npart = \"\"", "name = \"mesa\"\npart = \"all\"")
        .replace("is = \"unknown\", evidence = \"\"", "is = \"unproven\", evidence = \"test\"");
    let folder = folder();
    write(folder.path(), "modules.toml", &filled);
    let judged = |module: &str| {
        check(&["--add-allowlists", &folder.path().display().to_string(), "--symvers", &symvers, module])
    };
    let run = judged(&module);
    assert_eq!(run.status, 0, "{filled}\n{}", run.all());
    // It is for this very file.
    let mut other = std::fs::read(&module).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    let run = judged(&write(folder.path(), "sg_get.ko", other));
    assert!(run.stdout.contains("denied[SG004 identity]"), "{}", run.all());
}

#[test]
fn what_is_known_of_a_module_is_said_and_permits_nothing() {
    let folder = folder();
    let evdi = write(folder.path(), "evdi.ko", crate::support::ko::Ko::importing("evdi", &["dma_buf_get"]).build());
    let run = check(&[&evdi]);
    assert_eq!(run.status, 1, "{}", run.all());
    let known = "help: a module of this name is known (https://github.com/DisplayLink/evdi (2026-02-09), Debian evdi-dkms \
                 1.15.1), and its userspace is partial: ";
    assert!(run.stdout.contains(known), "{}", run.all());
    let bad = shipped(folder.path(), "known.toml", "standing = \"partial\"", "standing = \"fine\"");
    let run = registry(&["lint", "--allowlists", &bad]);
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(run.stderr.contains("\"fine\" is no standing; there are approved, partial"), "{}", run.all());
}

#[test]
fn what_an_operator_locks_stands() {
    let folder = folder();
    let own = shipped(
        &folder.path().join("own"),
        "lock.toml",
        "rules = []\nmodules = []\n",
        "rules = [\"SG001\"]\nmodules = [\"vmwgfx\"]\n",
    );
    let module = testdata("6.1/sg_get.ko").display().to_string();
    let checked = |more: &[&str]| check(&[&["--allowlists", &own, &module][..], more].concat());
    assert_eq!(checked(&[]).status, 1);
    assert_eq!(checked(&["--deny", "SG001"]).status, 1);
    for option in ["--allow", "--warn"] {
        let run = checked(&[option, "SG001"]);
        assert_eq!(run.status, 2, "{}", run.all());
        assert!(run.stderr.contains("SG001 is locked by ") && run.stderr.contains("lock.toml:"), "{}", run.all());
        assert_eq!(checked(&[option, "SG006"]).status, 1);
    }
    let added = |file: &str, text: &str| {
        let add = folder.path().join(file);
        write(&add, file, text);
        checked(&["--add-allowlists", &add.display().to_string()])
    };
    let waiver = |module: &str, rule: &str| {
        format!(
            "[[waiver]]\nmodule = \"{module}\"\nrule = \"{rule}\"\nfamily = \"dma-buf\"\nsymbols = [\"dma_buf_get\"]\n\
             proof = [\"operator\"]\nreason = \"x\"\nowner = \"x\"\nexpires = \"2026-12-31\"\n"
        )
    };
    for (text, status) in
        [(waiver("sg_get", "SG001"), 2), (waiver("vmwgfx", "SG003"), 2), (waiver("sg_get", "SG003"), 1)]
    {
        let run = added("waivers.toml", &text);
        assert_eq!(run.status, status, "{text}\n{}", run.all());
        assert_eq!(run.stderr.contains(" is locked by "), status == 2, "{}", run.all());
    }
    // Where the rule is locked, nobody else decides who is registered; a module is locked by any way to name it.
    let module = |name: &str| format!("[[module]]\nname = \"{name}\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\n");
    for name in ["vmwgfx", "sg_get"] {
        let run = added("modules.toml", &module(name));
        assert!(run.stderr.contains(&format!("the registration of {name} is locked by ")), "{}", run.all());
    }
    // The embedded data has names that a folder can have, too.
    let only = shipped(&folder.path().join("only"), "lock.toml", "modules = []", "modules = [\"sg_get\"]");
    let add = folder.path().join("allowlists");
    write(&add, "modules.toml", module("sg-get"));
    let mut relative = command([
        "check",
        "--allowlists",
        &only,
        "--add-allowlists",
        "allowlists",
        &testdata("6.1/sg_get.ko").display().to_string(),
    ]);
    let run = finish(relative.current_dir(folder.path()));
    assert!(run.stderr.contains("the registration of sg_get is locked by "), "{}", run.all());
    // A locked module is not set free by a class that it could be of, or by a facade.
    let class = format!(
        "[[class]]\nname = \"c\"\ntitle = \"c\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"media\"\nthrough = [\"drm\"]\n\
                 imports = [\"module_layout\"]\n[[class.userspace]]\nname = \"v4l-utils\"\npart = \"x\"\n\
                 coverage = {}\n",
        record("unproven")
    );
    let facade =
        "[[facade]]\nname = \"drm\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"core\"\nowes = \"kernel-internal\"\n";
    for (file, text) in [("modules.toml", &*class), ("facades.toml", facade)] {
        let add = folder.path().join(file.replace('.', "-"));
        write(&add, file, text);
        let run = registry(&["lint", "--allowlists", &only, "--add-allowlists", &add.display().to_string()]);
        assert!(run.status == 2 && run.stderr.contains(" is locked by "), "{}", run.all());
    }
    for bad in ["nvidia*", "", "a b"] {
        let bad = shipped(&folder.path().join("bad"), "lock.toml", "modules = []", &format!("modules = [\"{bad}\"]"));
        let run = registry(&["lint", "--allowlists", &bad]);
        assert!(run.status == 2 && run.stderr.contains("is no module's name"), "{}", run.all());
    }
}

#[test]
fn classes_are_listed_and_shown() {
    let list = registry(&["list"]).stdout;
    assert!(list.lines().any(|line| line.starts_with("class:v4l2 ") && line.contains("v4l-utils")), "{list}");
    let shown = registry(&["show", "v4l2"]);
    assert_eq!(shown.status, 0, "{}", shown.all());
    for said in [
        "class:v4l2",
        "through      v4l2_mem2mem, videobuf2_common, ",
        "members      import video_ioctl2",
        "out of tree  none is a member",
    ] {
        assert!(shown.stdout.contains(said), "{said}\n{}", shown.stdout);
    }
    assert!(registry(&["show", "class:kms"]).stdout.contains("out of tree  none is a member"));
    assert!(registry(&["show", "drm"]).stdout.contains("  by           drm_compat_ioctl, drm_gem_dmabuf_export, "));
    let folder = folder();
    for (from, to, said) in [
        ("imports = [\"video_ioctl2\"]", "", "a class tells its members either by their names or by what they import"),
        ("through = [\"ib_core\", \"ib_uverbs\"]", "through = []", "a class names the facades"),
        ("imports = [\"video_ioctl2\"]", "imports = [\"video_*\"]", "\"video_*\" is no symbol's name"),
        ("imports = [\"video_ioctl2\"]", "imports = []", "nothing is a member of this class"),
        (
            "families = [\"dma-buf\"]\nsubsystem = \"media\"\nthrough",
            "families = []\nsubsystem = \"media\"\nthrough",
            "it is registered for no family",
        ),
        ("subsystem = \"media\"\nthrough", "subsystem = \"core\"\nthrough", "the subsystem core asks for nothing"),
        ("name = \"verbs\"", "name = \"v4l2\"", "v4l2 is registered at "),
    ] {
        let bad = shipped(folder.path(), "modules.toml", from, to);
        let run = registry(&["lint", "--allowlists", &bad]);
        assert!(run.status == 2 && run.stderr.contains(said), "{said}\n{}", run.all());
    }
    let bad = shipped(folder.path(), "modules.toml", "\"ib_uverbs\"]", "\"nobody\"]");
    let run = registry(&["lint", "--today", TODAY, "--allowlists", &bad]);
    assert!(
        run.status == 1 && run.stdout.contains("goes through nobody, which is no registered facade"),
        "{}",
        run.all()
    );
    let bad = shipped(folder.path(), "facades.toml", "exports = [\"drm_gem_fb_begin_cpu_access\"]\n", "");
    let run = registry(&["lint", "--allowlists", &bad]);
    assert!(run.status == 2 && run.stderr.contains("names the exports by which its importers owe"), "{}", run.all());
}

#[test]
fn a_userspace_that_is_named_has_to_be_there() {
    let folder = folder();
    write(folder.path(), "policy.toml", std::fs::read_to_string(root().join("allowlists/policy.toml")).unwrap());
    let module = format!(
        "[[module]]\nname = \"m\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\n[[module.userspace]]\n\
                  name = \"nope\"\npart = \"x\"\n\
                  coverage = {}\n",
        record("unproven")
    );
    write(folder.path(), "modules.toml", module);
    let lint = || registry(&["lint", "--allowlists", &folder.path().display().to_string()]);
    let run = lint();
    assert!(run.status == 2 && run.stderr.contains("there is no userspace \"nope\""), "{}", run.all());
    // Where the userspaces can't be read, that is what is said.
    write(folder.path(), "userspaces.toml", "[[userspace]]\nname = \"nope\"\nfirmwaer = 1\n");
    let run = lint();
    assert!(run.status == 2 && run.stderr.contains("firmwaer") && run.stderr.lines().count() == 1, "{}", run.all());
}

#[test]
fn a_baseline_lets_through_what_is_there_and_nothing_more() {
    let tree = testdata("6.1").display().to_string();
    let symvers = format!("{tree}/Module.symvers");
    let judged = |more: &[&str]| check(&[&["--symvers", &symvers, "--kernel-build", &tree][..], more].concat());
    assert_eq!(judged(&[&tree]).status, 1);
    let args =
        ["init", "--from", &tree, "--owner", "the \"kernel\" team", "--symvers", &symvers, "--today", "2026-12-01"];
    let init = registry(&[&args[..], &["--kernel-build", &tree]].concat());
    assert_eq!(init.status, 0, "{}", init.all());
    let folder = folder();
    write(folder.path(), "waivers.toml", &init.stdout);
    let added = folder.path().display().to_string();
    let run = judged(&["--add-allowlists", &added, &tree]);
    assert_eq!(run.status, 0, "{}\n{}", init.stdout, run.all());
    assert!(run.stdout.contains("by the \"kernel\" team: was there on 2026-12-01: "), "{}", run.all());
    // The same on the last day, and nothing on the next.
    let on = |day: &str| {
        let args =
            ["check", "--today", day, "--symvers", &symvers, "--add-allowlists", &added, "testdata/6.1/sg_get.ko"];
        run_status(&args)
    };
    assert_eq!((on("2027-05-30"), on("2027-05-31")), (0, 1));
    // Another file of the same name, and the same with one symbol more.
    let mut other = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    let run = judged(&["--add-allowlists", &added, &write(folder.path(), "sg_get.ko", other)]);
    assert_eq!(run.status, 1, "{}", run.all());
}

#[test]
fn a_baseline_of_what_is_about_no_symbol_can_be_read() {
    let folder = folder();
    let signed = std::fs::read(testdata("6.1/signed/sg_harmless.ko")).unwrap();
    let mut broken = signed.clone();
    let description = broken.windows(8).position(|window| window == b"license=").unwrap() - 3;
    broken[description] ^= 1;
    let module = write(folder.path(), "sg_harmless.ko", broken);
    let key = testdata("keys/test.x509").display().to_string();
    let trust = ["--trusted-keys", &key, "--verify-signatures"];
    let denied = check(&[&trust[..], &[&module]].concat());
    assert!(denied.status == 1 && denied.stdout.contains("denied[SG014"), "{}", denied.all());
    let init = registry(&[&["init", "--from", &module, "--owner", "me", "--today", "2026-12-01"][..], &trust].concat());
    write(folder.path(), "add/waivers.toml", &init.stdout);
    let add = folder.path().join("add").display().to_string();
    let waived = check(&[&trust[..], &["--add-allowlists", &add, &module]].concat());
    assert_eq!(waived.status, 0, "{}\n{}", init.stdout, waived.all());
    assert_eq!(registry(&["init", "--from", &module, "--owner", " "]).status, 2);
    // Whatever the folder is called that adds.
    std::fs::rename(folder.path().join("add"), folder.path().join("allowlists")).unwrap();
    std::fs::write(
        folder.path().join("allowlists/modules.toml"),
        "[[module]]\nname = \"vmwgfx\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\n",
    )
    .unwrap();
    let mut command = command(["check", "--add-allowlists", "allowlists", &module]);
    let run = finish(command.current_dir(folder.path()));
    assert!(!run.stderr.contains("already"), "{}", run.all());
}

fn run_status(args: &[&str]) -> i32 {
    run(args).status
}

#[test]
fn editors_know_the_files() {
    for name in ["policy", "userspaces", "modules", "facades", "known", "waivers"] {
        let text = std::fs::read_to_string(root().join(format!("allowlists/{name}.toml"))).unwrap();
        let schema = format!("docs/schema/{name}.json");
        assert!(text.contains(&format!("\n#:schema ../{schema}\n")), "{name}");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(root().join(schema)).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let document: Value = toml::from_str(&text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
        // A misspelt field is one for the editor, too.
        let misspelt: Value =
            toml::from_str(&text.replacen("name = ", "nmae = ", 1).replacen("module = ", "modul = ", 1)).unwrap();
        assert!(!validator.is_valid(&misspelt), "{name}");
    }
}

#[test]
fn the_readme_shows_who_is_registered() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = registry(&["list", "--format", "markdown"]).stdout;
    assert!(
        readme.contains(&table),
        "symgate registry list --format markdown prints another table than README.md shows"
    );
}
