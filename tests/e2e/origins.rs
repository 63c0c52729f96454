// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where modules were taken from: the caller's word, which only an operator's own registrations and waivers ask for.

use std::path::Path;

use crate::support::ko::Ko;
use crate::support::lists::{record, userspace};
use crate::support::{Run, check, folder, run, testdata, write};

/// A module from elsewhere that gets at DMA-BUF.
fn evdi() -> Vec<u8> {
    Ko::importing("evdi", &["dma_buf_get"]).modinfo("license=GPL|import_ns=DMA_BUF|depends=|").build()
}

/// An operator's folder that registers it with this proof.
fn registering(folder: &Path, proof: &str) -> String {
    write(folder, "operator/userspaces.toml", userspace("libevdi", "libevdi", &[]));
    let module = format!(
        "[[module]]\nname = \"evdi\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\nproof = [{proof}]\n[[module.userspace]]\n\
         name = \"libevdi\"\npart = \"all\"\ncoverage = {}\n",
        record("unproven")
    );
    write(folder, "operator/modules.toml", module);
    folder.join("operator").display().to_string()
}

#[test]
fn a_registration_may_ask_where_a_module_was_taken_from() {
    let folder = folder();
    let lists = registering(folder.path(), "\"origin:dkms/evdi\"");
    let module = write(folder.path(), "evdi.ko", evdi());
    let judged = |more: &[&str]| check(&[&["--add-allowlists", &lists], more, &[module.as_str()]].concat());
    let met = judged(&["--origin", "dkms/evdi"]);
    assert_eq!(met.status, 0, "{}", met.all());
    assert!(!met.stdout.contains("SG004"), "{}", met.all());
    let told = |run: &Run, reason: &str, help: &str| {
        assert_eq!(run.status, 1, "{}", run.all());
        let message = "denied[SG004 identity]: module evdi bears the name of module:evdi, and nothing proves that it is this \
                       one: ";
        assert!(run.stdout.contains(&format!("{message}{reason}\n")), "{}", run.all());
        assert!(run.stdout.contains(&format!("help: {help}")), "{}", run.all());
    };
    told(
        &judged(&[]),
        "nobody said that it was taken from dkms/evdi",
        "if it was taken from there, whoever took it can say so: --origin dkms/evdi",
    );
    let help = "if what is taken from dkms/other may bear this name, too, whoever lets it in can register it with the proof \
                \"origin:dkms/other\"";
    told(&judged(&["--origin", "dkms/other"]), "it was taken from dkms/other, and not from dkms/evdi", help);
    let other_case = judged(&["--origin", "dkms/EVDI"]);
    assert_eq!(other_case.status, 1, "{}", other_case.all());
    // Of several proofs one does.
    let lists = registering(folder.path(), "\"kernel\", \"origin:deb/evdi-dkms\", \"origin:dkms/evdi\"");
    let met = check(&["--add-allowlists", &lists, "--origin", "dkms/evdi", &module]);
    assert_eq!(met.status, 0, "{}", met.all());
    let none = check(&["--add-allowlists", &lists, "--origin", "rpm/evdi", "--kernel-build", "testdata/6.1", &module]);
    let reason = "it is in no place that was named as the kernel's own, and it has no signature; it was taken from rpm/evdi, \
                  and not from deb/evdi-dkms or dkms/evdi\n";
    assert!(none.status == 1 && none.stdout.contains(reason), "{}", none.all());
}

#[test]
fn a_waiver_may_ask_where_a_module_was_taken_from() {
    let folder = folder();
    let place = folder.path();
    let waiver = "[[waiver]]\nmodule = \"evdi\"\nrule = \"SG001\"\nfamily = \"dma-buf\"\nsymbols = [\"dma_buf_get\"]\n\
                  proof = [\"origin:dkms/evdi\"]\nreason = \"x\"\nowner = \"x\"\nexpires = \"2027-03-01\"\n\
                  [[waiver]]\nmodule = \"broken\"\nrule = \"SG013\"\nkey = \"unreadable\"\nproof = [\"origin:dkms/evdi\"]\n\
                  reason = \"x\"\nowner = \"x\"\nexpires = \"2027-03-01\"\n";
    write(place, "add/waivers.toml", waiver);
    let add = place.join("add").display().to_string();
    let judged = |more: &[&str], module: &str| check(&[&["--add-allowlists", &add], more, &[module]].concat());
    let module = write(place, "evdi.ko", evdi());
    let met = judged(&["--origin", "dkms/evdi"], &module);
    assert!(met.status == 0 && met.stdout.contains("waived[SG001"), "{}", met.all());
    for more in [&[][..], &["--origin", "dkms/other"]] {
        let run = judged(more, &module);
        assert!(run.status == 1 && run.stdout.contains("denied[SG001"), "{}", run.all());
    }
    // What can't be read is taken from there, too: the waiver covers the finding, and nothing was read all the same.
    let broken = write(place, "broken.ko", "no module");
    let met = judged(&["--origin", "dkms/evdi"], &broken);
    assert!(met.status == 3 && met.stdout.contains("waived[SG013"), "{}", met.all());
    let run = judged(&["--origin", "dkms/other"], &broken);
    assert!(run.status == 3 && run.stdout.contains("denied[SG013"), "{}", run.all());
}

#[test]
fn what_was_taken_from_elsewhere_is_not_the_kernels_own_by_its_word() {
    let folder = folder();
    // Registered, and approved for the kernel's own only; it says that it is.
    let claims = Ko::importing("vmwgfx", &["dma_buf_get"]).modinfo("license=GPL|intree=Y|depends=|").build();
    let module = write(folder.path(), "vmwgfx.ko", claims);
    let run = check(&["--origin", "dkms/vmwgfx", &module]);
    assert_eq!(run.status, 1, "{}", run.all());
    let reason = "nothing proves that it is this one: it is in no place that was named as the kernel's own";
    assert!(run.stdout.contains(reason) && !run.stdout.contains("nothing was named"), "{}", run.all());
    // What it does with others' private types is looked for, as of any module from elsewhere.
    let mut handles = std::fs::read(testdata("hidden/6.1/sg_hide_private.ko")).unwrap();
    let tag = b"retpoline=Y";
    let at = handles.windows(tag.len()).position(|bytes| bytes == tag).unwrap();
    handles[at..at + tag.len()].copy_from_slice(b"intree=Y\0\0\0");
    let module = write(folder.path(), "sg_hide_private.ko", handles);
    let claimed = check(&[&module]);
    assert!(!claimed.stdout.contains("SG010"), "{}", claimed.all());
    let run = check(&["--origin", "dkms/x", &module]);
    assert!(run.stdout.contains("warning[SG010"), "{}", run.all());
    // What a place of the kernel's own proves is the kernel's own, whoever brought it.
    let run = check(&["--origin", "dkms/x", "--kernel-build", "testdata/6.1", "testdata/6.1/vmwgfx.ko"]);
    assert_eq!(run.status, 0, "{}", run.all());
}

#[test]
fn an_origin_is_one_kind_and_one_name() {
    let told = |args: &[&str], message: &str| {
        let run = check(&[args, &["testdata/6.1/sg_harmless.ko"]].concat());
        assert!(run.status == 2 && run.stderr.contains(message), "{}", run.all());
    };
    for origin in
        ["", "dkms", "dkms/", "/evdi", "dkms/a/b", "DKMS/evdi", "dkms/-x", "dkms/a b", "dkms/\u{1b}[31m", "dkms/é"]
    {
        told(&["--origin", origin], "is no origin; one is KIND/NAME, such as dkms/evdi");
    }
    told(&["--origin", "dkms/a", "--origin", "dkms/b"], "cannot be used multiple times");
    let ok = check(&["--origin", "deb/libfoo2.0++-dkms~x_Y", "testdata/6.1/sg_harmless.ko"]);
    assert_eq!(ok.status, 0, "{}", ok.all());
    let folder = folder();
    let lists = registering(folder.path(), "\"origin:dkms/a b\"");
    told(
        &["--add-allowlists", &lists],
        "modules.toml:5:10: \"dkms/a b\" is no origin; one is KIND/NAME, such as dkms/evdi",
    );
}

#[test]
fn reports_say_the_origin_and_what_it_proves() {
    let folder = folder();
    let lists = registering(folder.path(), "\"origin:dkms/evdi\"");
    let module = write(folder.path(), "evdi.ko", evdi());
    let with = |origin: &str, format: &str| {
        check(&["--add-allowlists", &lists, "--origin", origin, "--format", format, &module])
    };
    let json = with("dkms/evdi", "json").json();
    assert_eq!(json["origin"], "dkms/evdi");
    assert_eq!(json["modules"][0]["proof"], "taken from dkms/evdi, by the caller's word");
    let json = with("dkms/other", "json").json();
    assert_eq!((&json["origin"], &json["modules"][0]["proof"]), (&"dkms/other".into(), &serde_json::Value::Null));
    let human = with("dkms/evdi", "human");
    assert!(
        human.stdout.contains("note: by the caller's word, all this was taken from dkms/evdi\n"),
        "{}",
        human.all()
    );
    let line = with("dkms/other", "kbuild");
    assert!(line.stderr.contains("  symgate: if what is taken from dkms/other may bear this name"), "{}", line.all());
}

#[test]
fn a_registration_by_origin_can_be_begun_and_is_looked_over() {
    let folder = folder();
    let module = write(folder.path(), "evdi.ko", evdi());
    let new = run(["registry", "new", "--origin", "dkms/evdi", &module]);
    assert!(new.status == 0 && new.stdout.contains("\nproof = [\"origin:dkms/evdi\"]\n"), "{}", new.all());
    let new = run(["registry", "new", &module]);
    assert!(new.stdout.contains("\"origin:KIND/NAME\"") && new.stdout.contains("proof = [\"sha256:"), "{}", new.all());
    let init =
        run(["registry", "init", "--origin", "dkms/evdi", "--owner", "me", "--from", &module, "--today", "2026-12-01"]);
    assert!(init.status == 0 && init.stdout.contains("\nproof = [\"origin:dkms/evdi\"]\n"), "{}", init.all());
    write(folder.path(), "waived/waivers.toml", &init.stdout);
    let waived = folder.path().join("waived").display().to_string();
    let status = |origin: &str| check(&["--add-allowlists", &waived, "--origin", origin, &module]).status;
    assert_eq!((status("dkms/evdi"), status("dkms/other")), (0, 1));
    let lint = |proof: &str| {
        let lists = registering(folder.path(), proof);
        run(["registry", "lint", "--today", "2026-12-01", "--add-allowlists", &lists])
    };
    let remark = "any module of this name meets \"operator\": what else its proof asks for asks for nothing";
    assert!(!lint("\"origin:dkms/evdi\"").all().contains(remark));
    assert!(!lint("\"operator\"").all().contains(remark));
    let both = lint("\"operator\", \"origin:dkms/evdi\"");
    assert!(both.all().contains(remark), "{}", both.all());
}
