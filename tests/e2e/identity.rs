// SPDX-License-Identifier: MIT OR Apache-2.0
//! A registered name is a claim; a place that the caller named, a content, or a trusted key proves it.
//!
//! `vmwgfx` is registered and approved, `habanalabs` is registered, rejected and waived.

use std::path::Path;

use object::elf;
use serde_json::Value;
use tar::EntryType;

use crate::support::ko::Ko;
use crate::support::pack::{deb, pack};
use crate::support::vmlinux::bz_image;
use crate::support::{Run, check, folder, run, testdata, write};

const PROFILES: [&str; 3] = ["kbuild", "distro", "audit"];

/// The module that is registered as approved.
fn real() -> Vec<u8> {
    std::fs::read(testdata("6.1/vmwgfx.ko")).unwrap()
}

/// One of somebody else's that bears its name, and says that it is the kernel's own.
fn forged() -> Vec<u8> {
    Ko::importing("vmwgfx", &["dma_buf_get"]).modinfo("license=GPL|intree=Y|import_ns=DMA_BUF|depends=|").build()
}

/// What a message makes of a module (`scripts/sign-file`).
fn signed(module: &[u8], message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [module, message, &[0, 0, 2, 0, 0, 0, 0, 0], &len, b"~Module signature appended~\n"].concat()
}

fn message(name: &str) -> Vec<u8> {
    std::fs::read(testdata(&format!("signatures/{name}.p7s"))).unwrap()
}

fn key(name: &str) -> String {
    testdata(&format!("keys/{name}.x509")).display().to_string()
}

/// A folder as a kernel's build or installation leaves it, with this list and these modules.
fn kernel(folder: &Path, order: &str, modules: &[(&str, &[u8])]) -> String {
    write(folder, "modules.order", order);
    write(folder, "modules.builtin", "");
    for (name, bytes) in modules {
        write(folder, name, bytes);
    }
    folder.display().to_string()
}

/// SG004 denies it, for this reason.
fn denied(args: &[&str], reason: &str) {
    for profile in PROFILES {
        let run = check(&[args, &["--profile", profile]].concat());
        assert_eq!(run.status, 1, "{}", run.all());
        let message = "denied[SG004 identity]: module vmwgfx bears the name of module:vmwgfx, and nothing proves that it is \
                       this one: ";
        assert!(run.stdout.contains(&format!("{message}{reason}")), "{reason}\n{}", run.all());
        assert!(run.stdout.contains("deny   vmwgfx  dma-buf"), "{}", run.all());
    }
}

/// It passes, and the report says by which proof.
fn proven(args: &[&str], proof: &str) {
    for profile in PROFILES {
        let run = check(&[args, &["--profile", profile, "--format", "json"]].concat());
        assert_eq!(run.status, 0, "{}", run.all());
        let json = run.json();
        let module = json["modules"].as_array().unwrap().iter().find(|module| module["name"] == "vmwgfx").unwrap();
        let said = module["proof"].as_str().unwrap_or_default();
        assert!(said.contains(proof), "{proof}: {}", run.all());
    }
}

const UNSIGNED: &str = "it is in no place that was named as the kernel's own, and it has no signature\n";

#[test]
fn nothing_named_is_said_once() {
    let modules = ["testdata/6.1/habanalabs.ko", "testdata/6.1/vmwgfx.ko"];
    let run = check(&modules);
    assert_eq!(run.status, 1);
    let message = "denied[SG004 identity]: 2 modules bear registered names, and nothing was named as the kernel's own that \
                   could prove one: habanalabs, vmwgfx\n  help: name it: --kernel-build";
    assert!(run.stdout.starts_with(message), "{}", run.all());
    assert_eq!(run.stdout.matches("SG004").count(), 1, "{}", run.all());
    let kbuild = check(&[&modules[..], &["--format", "kbuild"]].concat());
    assert_eq!(kbuild.stderr.matches("[SG004]").count(), 1, "{}", kbuild.all());
    let json = check(&[&modules[..], &["--format", "json"]].concat()).json();
    let ids: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["SG004:habanalabs:nothing-named", "SG004:vmwgfx:nothing-named"]);
}

#[test]
fn a_place_of_the_kernels_own() {
    let folder = folder();
    let place = folder.path();
    let order = "drivers/gpu/drm/vmwgfx.o\n";
    let tree = kernel(&place.join("linux"), order, &[("drivers/gpu/drm/vmwgfx.ko", &real())]);
    let module = format!("{tree}/drivers/gpu/drm/vmwgfx.ko");
    let build = ["--kernel-build", &tree];
    proven(&[&build[..], &[&module]].concat(), "linux, by its modules.order");
    proven(&[&build[..], &[&tree]].concat(), "linux, by its modules.order");
    // Installed, packed, and by another name of the folder.
    let installed = kernel(
        &place.join("lib/modules/6.1"),
        "kernel/drivers/gpu/drm/vmwgfx.ko\n",
        &[("kernel/drivers/gpu/drm/vmwgfx.ko.zst", &pack(&real(), ".zst"))],
    );
    std::os::unix::fs::symlink(&installed, place.join("link")).unwrap();
    proven(&["--kernel-build", &place.join("link").display().to_string(), &installed], "link, by its modules.order");
    // Elsewhere, but the same file; and changed by one bit in nothing that decides.
    let elsewhere = write(place, "elsewhere/vmwgfx.ko.xz", pack(&real(), ".xz"));
    proven(&[&build[..], &[&elsewhere]].concat(), "the same file as");
    let mut changed = real();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    denied(&[&build[..], &[&write(place, "elsewhere/vmwgfx.ko", changed)]].concat(), UNSIGNED);
}

#[test]
fn a_place_of_somebody_elses() {
    let folder = folder();
    let place = folder.path();
    let order = "drivers/gpu/drm/vmwgfx.o\n";
    let tree = kernel(&place.join("linux"), order, &[("drivers/gpu/drm/vmwgfx.ko", &real())]);
    let build = ["--kernel-build", &tree];
    // Under the kernel's folder, but not in its list.
    for name in ["updates/dkms/vmwgfx.ko", "extra/vmwgfx.ko", "drivers/gpu/drm/x/vmwgfx.ko", "vmwgfx.ko"] {
        denied(&[&build[..], &[&write(&place.join("linux"), name, forged())]].concat(), UNSIGNED);
    }
    // A build of one's own with a list of its own, in the kernel's place of it.
    let own = kernel(&place.join("vendor"), order, &[("drivers/gpu/drm/vmwgfx.ko", &forged())]);
    denied(&[&build[..], &[&own]].concat(), UNSIGNED);
    denied(&[&build[..], &[&format!("{own}/modules.order")]].concat(), UNSIGNED);
    let nothing = check(&[&own]);
    assert_eq!(nothing.status, 1, "{}", nothing.all());
    assert!(nothing.stdout.contains("nothing was named as the kernel's own"), "{}", nothing.all());
    // And in a package of one's own.
    let path = "lib/modules/6.1/kernel/drivers/gpu/drm/vmwgfx.ko";
    let package = write(place, "vendor.deb", deb(&[(path, EntryType::Regular, &forged())], ".xz"));
    denied(&[&build[..], &[&package]].concat(), UNSIGNED);
}

#[test]
fn a_place_is_that_of_one_name() {
    let folder = folder();
    let place = folder.path();
    let order = "drivers/net/dummy.o\ndrivers/gpu/drm/vmwgfx.o\n";
    // Under another module's line, and beside the listed file.
    let tree = kernel(&place.join("a"), order, &[("drivers/net/dummy.ko", &forged())]);
    denied(&["--kernel-build", &tree, &format!("{tree}/drivers/net/dummy.ko")], UNSIGNED);
    let packed = pack(&forged(), ".xz");
    let beside = [("drivers/gpu/drm/vmwgfx.ko", &real()[..]), ("drivers/gpu/drm/vmwgfx.ko.xz", &packed)];
    let tree = kernel(&place.join("b"), order, &beside);
    denied(&["--kernel-build", &tree, &format!("{tree}/drivers/gpu/drm/vmwgfx.ko.xz")], UNSIGNED);
    denied(&["--kernel-build", &tree, &format!("{tree}/drivers/gpu/drm/vmwgfx.ko")], UNSIGNED);
    let elsewhere = write(place, "elsewhere/vmwgfx.ko", forged());
    denied(&["--kernel-build", &tree, &elsewhere], UNSIGNED);
    // The same content under two names proves the one that it bears, whoever comes first.
    let twice = [("kernel/a/vmwgfx.ko", &real()[..]), ("kernel/b/other.ko", &real())];
    let tree = kernel(&place.join("c"), "kernel/a/vmwgfx.ko\nkernel/b/other.ko\n", &twice);
    let copy = write(place, "out/vmwgfx.ko", real());
    for _ in 0..8 {
        proven(&["--kernel-build", &tree, &copy], "the same file as");
    }
    let package =
        write(place, "k.deb", deb(&[("./lib/modules/6.1/kernel/dummy.ko", EntryType::Regular, &forged())], ".xz"));
    denied(&["--kernel-package", &package, &package], UNSIGNED);
}

#[test]
fn a_borrowed_name_gets_nobody_through() {
    let folder = folder();
    let place = folder.path();
    for name in ["habanalabs", "amdgpu", "xe", "i915", "mlx5_ib"] {
        let tags = "license=GPL|intree=Y|import_ns=DMA_BUF|import_ns=PCI_P2PDMA|depends=|";
        let theirs = Ko::importing(name, &["dma_buf_get"]).modinfo(tags).build();
        let path = format!("drivers/gpu/drm/{name}.ko");
        let order = format!("drivers/gpu/drm/{name}.o\n");
        // Its own build lists it, the kernel's lists one of the name.
        let own = kernel(&place.join(format!("{name}/vendor")), &order, &[(&path, &theirs)]);
        let linux = kernel(&place.join(format!("{name}/linux")), &order, &[(&path, &real())]);
        let module = format!("{own}/{path}");
        for profile in PROFILES {
            for named in [&[][..], &["--kernel-build", &linux], &["--trusted-keys", &key("test")]] {
                for input in [&module, &own] {
                    let args = [&["--profile", profile, "--format", "json"][..], named, &[input]].concat();
                    let run = check(&args);
                    assert_eq!(run.status, 1, "{name} {args:?}\n{}", run.all());
                    let json = run.json();
                    let rules: Vec<_> = json["findings"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
                    assert!(rules.contains(&&Value::from("SG004")), "{name} {args:?} {rules:?}");
                    assert_eq!(json["modules"][0]["verdict"], "deny");
                }
            }
        }
    }
}

#[test]
fn a_package_of_the_kernels_own() {
    let folder = folder();
    let path = "./lib/modules/6.1/kernel/drivers/gpu/drm/vmwgfx.ko.xz";
    let package = deb(&[(path, EntryType::Regular, &pack(&real(), ".xz"))], ".zst");
    let package = write(folder.path(), "linux-image.deb", package);
    let named = ["--kernel-package", &package];
    proven(&[&named[..], &[&package]].concat(), "in ");
    proven(&[&named[..], &["testdata/6.1/vmwgfx.ko"]].concat(), "the same file as");
    denied(&[&named[..], &[&write(folder.path(), "vmwgfx.ko", forged())]].concat(), UNSIGNED);
}

#[test]
fn keys_of_the_kernels_own() {
    let folder = folder();
    let place = folder.path();
    let named = |name: &str| match name.split('-').next() {
        Some("rsa") => key("test"),
        Some(curve) => key(curve),
        None => unreachable!(),
    };
    let mut count = 0;
    for entry in std::fs::read_dir(testdata("signatures")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        let message = message(&name);
        let module = write(place, &format!("{name}/vmwgfx.ko"), signed(&real(), &message));
        proven(&["--trusted-keys", &named(&name), &module], "signed by CN=symgate test key");
        // Another key, other bytes, and another message by the same key.
        let other = if name.starts_with("p256") { key("p384") } else { key("p256") };
        denied(
            &["--trusted-keys", &other, &module],
            "it is in no place that was named as the kernel's own, and none of the trusted keys signed it",
        );
        let forged = write(place, "forged/vmwgfx.ko", signed(&forged(), &message));
        let broken = "it is in no place that was named as the kernel's own, and CN=symgate test key";
        denied(&["--trusted-keys", &named(&name), &forged], broken);
        let run = check(&["--trusted-keys", &named(&name), &forged]);
        assert!(
            run.stdout.contains("denied[SG014 signature]: module vmwgfx has no signature that can be trusted"),
            "{}",
            run.all()
        );
        count += 1;
    }
    assert_eq!(count, 17);
    denied(&["--trusted-keys", &key("test"), "testdata/6.1/vmwgfx.ko"], UNSIGNED);
}

#[test]
fn any_byte_that_is_changed_breaks_a_signature() {
    let folder = folder();
    let whole = signed(&real(), &message("rsa-sha256"));
    let elf = real().len();
    for at in (0..elf).step_by(997).chain([elf - 1, elf + 400]) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let run = check(&["--trusted-keys", &key("test"), &write(folder.path(), "vmwgfx.ko", &changed)]);
        assert!(run.status == 1 || run.status == 3, "{at}: {}", run.all());
        assert!(run.stdout.contains("denied[SG"), "{at}: {}", run.all());
    }
}

/// The certificates as a kernel's `certs/system_certificates.S` puts them.
fn image_with(certificates: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = certificates.iter().flat_map(|name| std::fs::read(key(name)).unwrap()).collect();
    let mut image = vec![0; 4096];
    image[..64].copy_from_slice(&Ko::importing("x", &[]).build()[..64]);
    image[16..18].copy_from_slice(&elf::ET_EXEC.0.to_le_bytes());
    image.extend_from_slice(&list);
    image.resize(image.len().next_multiple_of(8), 0);
    image.extend((list.len() as u64).to_le_bytes());
    image.resize(16 << 10, 0);
    image
}

#[test]
fn a_kernel_image_holds_its_keys() {
    let folder = folder();
    let place = folder.path();
    let module = write(place, "vmwgfx.ko", signed(&real(), &message("p384-sha384")));
    let elf = image_with(&["p384", "test"]);
    let mut bz = pack(&elf, ".zst");
    bz.extend(u32::try_from(elf.len()).unwrap().to_le_bytes());
    for image in [elf.clone(), bz_image(&bz), pack(&elf, ".gz")] {
        let image = write(place, "vmlinuz", image);
        proven(&["--trusted-keys", &image, &module], "signed by CN=symgate test key p384");
    }
    let other = write(place, "vmlinuz", image_with(&["test"]));
    denied(
        &["--trusted-keys", &other, &module],
        "it is in no place that was named as the kernel's own, and none of the trusted",
    );
    let none = check(&["--trusted-keys", &write(place, "vmlinuz", image_with(&[])), &module]);
    assert_eq!(none.status, 3, "{}", none.all());
    assert!(none.stderr.contains("vmlinuz: no certificate in it"), "{}", none.all());
}

#[test]
fn the_image_beside_installed_modules_is_found() {
    let folder = folder();
    let place = folder.path();
    let module = signed(&real(), &message("p256-sha256"));
    let path = write(place, "usr/lib/modules/6.1.0/kernel/vmwgfx.ko", module);
    let denied = check(&[&path]);
    assert!(denied.stdout.contains("nothing was named as the kernel's own"), "{}", denied.all());
    // A certificate is no image, and none is looked for beside one in boot that holds no key.
    let dropped = place.join("usr/lib/modules/6.1.0");
    write(&dropped, "vmlinuz", std::fs::read(testdata("keys/p256.x509")).unwrap());
    assert_eq!(check(&[&path]).status, 1);
    write(place, "boot/vmlinuz-6.1.0", "no kernel");
    write(&dropped, "vmlinuz", image_with(&["p256"]));
    assert_eq!(check(&[&path]).status, 1);
    let image = write(place, "boot/vmlinuz-6.1.0", image_with(&["p256"]));
    for input in [&path, &place.join("usr/lib/modules/6.1.0").display().to_string(), &place.display().to_string()] {
        proven(&[input], "signed by CN=symgate test key p256");
        let run = check(&[input]);
        assert!(run.stdout.contains("boot/vmlinuz-6.1.0 is beside the modules"), "{}", run.all());
    }
    // Where something is named, that counts and nothing else.
    let run = check(&["--trusted-keys", &key("test"), &path]);
    assert_eq!(run.status, 1, "{}", run.all());
    drop(image);
}

#[test]
fn an_image_speaks_for_its_own_modules_only() {
    let folder = folder();
    let place = folder.path();
    let ours = signed(&real(), &message("p256-sha256"));
    let theirs = signed(&real(), &message("p384-sha256"));
    write(place, "boot/vmlinuz-6.1.0", image_with(&["p256"]));
    let forged = write(place, "lib/modules/6.1.0/kernel/vmwgfx.ko", &theirs);
    let root = place.display().to_string();
    let reason = "it is in no place that was named as the kernel's own, and none of the trusted keys signed it";
    denied(&[&root], reason);
    // Another image with the modules, and another kernel of somebody's, change nothing.
    write(place, "lib/modules/6.1.0/vmlinuz", image_with(&["p384"]));
    denied(&[&root], reason);
    write(place, "boot/vmlinuz-zz", image_with(&["p384"]));
    write(place, "lib/modules/zz/kernel/sg_harmless.ko", std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap());
    denied(&[&root], reason);
    write(place, "lib/modules/6.1.0/kernel/vmwgfx.ko", &ours);
    proven(&[&root], "signed by CN=symgate test key p256");
    drop(forged);
}

#[test]
fn a_content_counts_in_a_place_of_the_kernels_own_too() {
    let folder = folder();
    let hash = {
        use sha2::Digest;
        sha2::Sha256::digest(real()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let text = format!(
        "[[module]]\nname = \"vmwgfx\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\nproof = [\"sha256:{hash}\"]\n[[module.userspace]]\n\
         name = \"mesa\"\npart = \"x\"\ncoverage = {{ is = \"unproven\", evidence = \"x\", checked = \"2026-11-01\" }}\n"
    );
    write(folder.path(), "modules.toml", text);
    let add = folder.path().display().to_string();
    let args = ["--add-allowlists", &add, "testdata/6.1/vmwgfx.ko"];
    assert_eq!(check(&args).status, 0);
    let named = check(&[&args[..], &["--kernel-build", "testdata/6.1"]].concat());
    assert_eq!(named.status, 0, "{}", named.all());
}

#[test]
fn lines_that_lead_out_of_a_build_list_nothing() {
    let folder = folder();
    let module = write(folder.path(), "other/vmwgfx.ko", forged());
    let order = format!("../other/vmwgfx.o\n{}\n", module.replace(".ko", ".o"));
    let tree = kernel(&folder.path().join("linux"), &order, &[]);
    denied(&["--kernel-build", &tree, &module], UNSIGNED);
    // A link in the list to what is elsewhere is not the kernel's own either.
    let tree = kernel(&folder.path().join("linked"), "vmwgfx.o\n", &[]);
    std::os::unix::fs::symlink(&module, folder.path().join("linked/vmwgfx.ko")).unwrap();
    denied(&["--kernel-build", &tree, &module], UNSIGNED);
    denied(&["--kernel-build", &tree, &format!("{tree}/vmwgfx.ko")], UNSIGNED);
}

#[test]
fn what_is_named_has_to_be_what_it_is_named_as() {
    let folder = folder();
    let place = folder.path();
    let told = |args: &[&str], message: &str| {
        let run = check(&[args, &["testdata/6.1/vmwgfx.ko"]].concat());
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    };
    let empty = place.display().to_string();
    told(
        &["--kernel-build", &empty],
        "is no folder that a kernel was built or installed in: there is no modules.order in it",
    );
    // An external build knows of nothing that is built in.
    write(place, "modules.order", "vmwgfx.o\n");
    told(&["--kernel-build", &empty], "there is no modules.builtin in it");
    told(&["--kernel-package", "/nowhere"], "/nowhere: No such file");
    told(&["--kernel-package", "testdata/6.1/sg_get.ko"], "sg_get.ko: is no package, which is not read");
    told(&["--trusted-keys", "/nowhere"], "/nowhere: No such file");
    told(&["--trusted-keys", "testdata/keys/test.pem"], "test.pem: no certificate in it");
}

#[test]
fn a_registration_says_which_proof_it_asks_for() {
    let folder = folder();
    let place = folder.path();
    let hash = {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(real());
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let registry = |proof: &str| {
        let text = format!(
            "[[module]]\nname = \"vmwgfx\"\nfamilies = [\"dma-buf\"]\nsubsystem = \"drm\"\n{proof}\n[[module.userspace]]\nname = \"mesa\"\npart = \"x\"\n\
             coverage = {{ is = \"unproven\", evidence = \"x\", checked = \"2026-11-01\" }}\n"
        );
        write(place, "add/modules.toml", text);
        place.join("add").display().to_string()
    };
    let status =
        |proof: &str, module: &[u8]| check(&["--add-allowlists", &registry(proof), &write(place, "vmwgfx.ko", module)]);
    let content = format!("proof = [\"sha256:{hash}\"]");
    assert_eq!(status(&content, &real()).status, 0);
    let other = status(&content, &forged());
    assert!(
        other.stdout.contains("nothing proves that it is this one: its content is another than the registered one\n"),
        "{}",
        other.all()
    );
    // The operator answers for where it comes from.
    assert_eq!(status("proof = [\"operator\"]", &forged()).status, 0);
    assert_eq!(status("proof = [\"kernel\", \"operator\"]", &forged()).status, 0);
    assert_eq!(status("proof = [\"kernel\"]", &real()).status, 1);
    for (proof, message) in [
        ("proof = []", "modules.toml:5:9: it has to ask for some proof"),
        ("proof = [\"luck\"]", "\"luck\" is no proof; there are kernel, operator, origin:KIND/NAME and sha256:DIGITS"),
        ("proof = [\"sha256:12\"]", "\"12\" are not the 64 hexadecimal digits of a SHA-256"),
    ] {
        let run = status(proof, &real());
        assert_eq!(run.status, 2, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    }
}

#[test]
fn a_waiver_is_for_who_proves_to_be_the_one() {
    let folder = folder();
    let place = folder.path();
    let waived = |run: &Run| run.stdout.contains("waived[SG003");
    let build = ["--kernel-build", "testdata/6.1"];
    let real = check(&[&build[..], &["testdata/6.1/habanalabs.ko"]].concat());
    assert!(real.status == 0 && waived(&real), "{}", real.all());
    let forged = Ko::importing("habanalabs", &["dma_buf_export"]).modinfo("license=GPL|intree=Y|").build();
    let run = check(&[&build[..], &[&write(place, "habanalabs.ko", forged)]].concat());
    assert!(run.status == 1 && !waived(&run), "{}", run.all());
    assert!(run.stdout.contains("denied[SG004 identity]"), "{}", run.all());
}

#[test]
fn every_module_can_be_asked_for_a_signature() {
    let run_with = |module: &str| check(&["--verify-signatures", "--trusted-keys", &key("test"), module]);
    assert_eq!(run_with("testdata/6.1/signed/sg_harmless.ko").all().matches("SG014").count(), 0);
    let unsigned = run_with("testdata/6.1/sg_harmless.ko");
    let message =
        "warning[SG014 signature]: module sg_harmless has no signature that can be trusted: it has no signature\n";
    assert!(unsigned.status == 0 && unsigned.stdout.contains(message), "{}", unsigned.all());
    assert!(run_with("testdata/6.1/signed/sg_harmless.ko").status == 0);
    let inspected = run(["inspect", "--trusted-keys", &key("test"), "testdata/6.1/signed/sg_harmless.ko"]);
    assert_eq!(inspected.status, 0, "{}", inspected.all());
}
