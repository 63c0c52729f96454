// SPDX-License-Identifier: MIT OR Apache-2.0
//! Modules in packages and lists: the same findings as from the files themselves.

use std::path::Path;

use tar::EntryType;

use crate::support::pack::{ENDINGS, ar, cpio, deb, pack, rpm, tar};
use crate::support::{Run, check, command, finish, folder, testdata, write};

const SYMVERS: [&str; 2] = ["--symvers", "testdata/6.1/Module.symvers"];

/// All test modules of 6.1, with the paths that an installed kernel gives them.
fn installed() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(testdata("6.1")).unwrap().flatten().map(|entry| entry.path());
    let modules = files.filter(|file| file.extension().is_some_and(|ending| ending == "ko"));
    modules
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy();
            (format!("usr/lib/modules/6.1/kernel/{name}"), std::fs::read(&file).unwrap())
        })
        .collect()
}

/// What is said of these modules when they lie in a tree below `place`.
fn check_tree(place: &Path, modules: &[(String, Vec<u8>)]) -> Run {
    for (name, bytes) in modules {
        write(place, &format!("root/{name}"), bytes);
    }
    let tree = check(&[&SYMVERS[..], &[&place.join("root/usr/lib/modules/6.1").display().to_string()]].concat());
    assert!(tree.stdout.contains("denied[SG001"), "{}", tree.all());
    tree
}

/// What a run says, with paths cut down to what a tree would show.
fn findings(run: &Run, prefix: &str) -> String {
    run.all().replace(prefix, "")
}

#[test]
fn a_package_is_judged_as_its_tree() {
    let folder = folder();
    let place = folder.path();
    let modules = installed();
    let tree = check_tree(place, &modules);
    let names: Vec<String> = modules.iter().map(|(name, _)| format!("./{name}")).collect();
    let files: Vec<_> =
        names.iter().zip(&modules).map(|(name, (_, bytes))| (name.as_str(), EntryType::Regular, &bytes[..])).collect();
    for ending in ENDINGS {
        let package = write(place, &format!("p{ending}.deb"), deb(&files, ending));
        let packed = check(&[&SYMVERS[..], &[&package]].concat());
        assert_eq!(findings(&packed, &format!("{package}!usr/lib/modules/6.1/")), tree.all(), "{ending}");
    }
    // A package inside a tree.
    write(place, "pool/p.deb", deb(&files, ".xz"));
    let inside = check(&[&SYMVERS[..], &[&place.join("pool").display().to_string()]].concat());
    assert_eq!(findings(&inside, "p.deb!usr/lib/modules/6.1/"), tree.all());
}

#[test]
fn packages_that_are_broken_or_empty() {
    let folder = folder();
    let told = |name: &str, bytes: &[u8], message: &str| {
        let run = check(&[&write(folder.path(), name, bytes)]);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("{name}: {message}")), "{}", run.all());
    };
    told("p.deb", &deb(&[("./readme", EntryType::Regular, b"nothing")], ".xz"), "no module in it");
    told("p.deb", b"!<arch>\n", "broken package: it is empty");
    told("p.deb", &ar(&[("debian-binary", b"2.0\n")]), "broken package: it has no data.tar");
    told("other.a", &ar(&[("member", b"1")]), "is an archive, but no Debian package, which is not read");
    told(
        "p.deb",
        &ar(&[("debian-binary", b"2.0\n"), ("data.tar.bz2", b"BZh")]),
        "is a package packed with bzip2, which is not read",
    );
    told("p.deb", &ar(&[("debian-binary", b"2.0\n"), ("data.tar.xz", b"no xz")]), "broken package: ");
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let whole = deb(&[("./a.ko", EntryType::Regular, &module)], ".xz");
    told("p.deb", &whole[..whole.len() / 2], "broken package: ");
    write(folder.path(), "pool/p.deb", "no archive at all");
    let run = check(&[&folder.path().join("pool").display().to_string()]);
    assert!(run.stderr.contains("p.deb: broken package: it is no ar archive"), "{}", run.all());
    told("p.deb", &whole[..70], "broken package: ");
    let no_size = String::from_utf8_lossy(&ar(&[("debian-binary", b"2.0\n")])).replace("4         `", "-4        `");
    told("p.deb", no_size.as_bytes(), "broken package: a header in its ar archive is none");
    // An archive that is not packed may be cut where a file ends, so that nothing of what is left is broken.
    let files = [("./a.ko", EntryType::Regular, &module[..]), ("./b.ko", EntryType::Regular, &module)];
    let plain = deb(&files, "");
    let second = plain.windows(6).position(|window| window == b"./b.ko").unwrap();
    told("p.deb", &plain[..second], "broken package: it is cut short");
}

#[test]
fn what_dpkg_installs_is_seen() {
    let folder = folder();
    let harmless = std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let checked = |files: &[(&str, EntryType, &[u8])]| check(&[&write(folder.path(), "p.deb", deb(files, ".gz"))]);
    // dpkg takes the content of what has none for more entries; `tar` passes over it.
    let hidden = tar(&[("hidden.ko", EntryType::Regular, &module)]);
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo] {
        let run = checked(&[("a.ko", EntryType::Regular, &harmless), ("b", kind, &hidden)]);
        assert_eq!(run.status, 3, "{kind:?}: {}", run.all());
        assert!(run.stderr.contains("p.deb: broken package: it has an entry with content that is no file"));
    }
    // To dpkg these are all files a.ko.
    for name in ["./a.ko/", "a.ko/.", "a.ko/./"] {
        let run = checked(&[(name, EntryType::Regular, &module)]);
        assert_eq!(run.status, 1, "{name}: {}", run.all());
        assert!(run.stdout.contains("p.deb!a.ko\n"), "{}", run.all());
    }
    // What it refuses.
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GNUSparse] {
        let run = checked(&[("a.ko", EntryType::Regular, &harmless), ("b", kind, b"13 path=b.ko\n")]);
        assert_eq!(run.status, 3, "{kind:?}: {}", run.all());
        assert!(run.stderr.contains("p.deb: broken package: it has a kind of entry that no Debian package has"));
    }
}

#[test]
fn long_names_in_a_debian_package() {
    let folder = folder();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let checked = |name: &[u8]| {
        let files: [(&str, EntryType, &[u8]); 3] = [
            ("././@LongLink", EntryType::GNULongName, name),
            ("short", EntryType::Regular, &module),
            ("next", EntryType::Regular, b"no module"),
        ];
        check(&[&write(folder.path(), "p.deb", deb(&files, ".gz"))])
    };
    let name = format!("./{}/a.ko", "folder/".repeat(40));
    let run = checked(format!("{name}\0").as_bytes());
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains(&format!("p.deb!{}\n", &name[2..])), "{}", run.all());
    // One of a mebibyte, that is one of any length.
    let run = checked(&vec![b'a'; 1 << 20]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("broken package: the name of a file is longer than any path"), "{}", run.all());
}

#[test]
fn names_in_a_package_are_labels() {
    let folder = folder();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    // Names that would lead out of any folder, a link and a device; only what is a file is read.
    let files: [(&str, EntryType, &[u8]); 4] = [
        ("../../etc/up.ko", EntryType::Regular, &module),
        ("/abs/root.ko", EntryType::Regular, &module),
        ("link.ko", EntryType::Symlink, b""),
        ("device.ko", EntryType::Char, b""),
    ];
    let path = write(folder.path(), "p.deb", deb(&files, ".gz"));
    let run = check(&[&path]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stdout.contains(&format!("in {path}!../../etc/up.ko")), "{}", run.all());
    assert!(run.stdout.contains(&format!("in {path}!/abs/root.ko")), "{}", run.all());
    assert!(run.stderr.contains("p.deb!device.ko: is something else, not a file"), "{}", run.all());
    // A link to what is not named like a module hides it.
    assert!(run.stderr.contains("p.deb!link.ko: is a link to a file that is not named like a module"), "{}", run.all());
}

#[test]
fn an_initramfs_is_judged_as_its_tree() {
    let folder = folder();
    let place = folder.path();
    let modules = installed();
    let tree = check_tree(place, &modules);
    let files: Vec<_> = modules.iter().map(|(name, bytes)| (name.as_str(), 0o100_644, &bytes[..])).collect();
    // Microcode comes first and is never packed; zeros fill up to the next block.
    let early = cpio(&[("kernel/x86/microcode/GenuineIntel.bin", 0o100_644, b"microcode")]);
    for ending in ENDINGS {
        let packed = pack(&cpio(&files), ending);
        for image in [packed.clone(), [early.as_slice(), &[0; 512], &packed].concat()] {
            let path = write(place, "initrd.img", image);
            let run = check(&[&SYMVERS[..], &[&path]].concat());
            assert_eq!(findings(&run, &format!("{path}!usr/lib/modules/6.1/")), tree.all(), "{ending}");
        }
    }
    // Several in a row are one, packed or not.
    let (first, second) = files.split_at(files.len() / 2);
    let path = write(place, "initrd.img", [cpio(first), vec![0; 8], pack(&cpio(second), ".zst")].concat());
    let run = check(&[&SYMVERS[..], &[&path]].concat());
    assert_eq!(findings(&run, &format!("{path}!usr/lib/modules/6.1/")), tree.all());
}

#[test]
fn archives_of_an_initramfs_may_start_anywhere() {
    let folder = folder();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let early = cpio(&[("readme", 0o100_644, b"nothing")]);
    // Around the end of a reader's first buffer.
    for start in 8180..8200 {
        for ending in ENDINGS {
            let late = pack(&cpio(&[("a.ko", 0o100_644, &module)]), ending);
            let image = [&early[..], &vec![0; start - early.len()], &late].concat();
            let run = check(&[&write(folder.path(), "initrd.img", image)]);
            assert_eq!(run.status, 1, "{start} {ending}: {}", run.all());
        }
    }
}

#[test]
fn an_rpm_is_judged_as_its_tree() {
    let folder = folder();
    let place = folder.path();
    let modules = installed();
    let tree = check_tree(place, &modules);
    let names: Vec<String> = modules.iter().map(|(name, _)| format!("./{name}")).collect();
    let files: Vec<_> =
        names.iter().zip(&modules).map(|(name, (_, bytes))| (name.as_str(), 0o100_644, &bytes[..])).collect();
    for ending in ENDINGS {
        let path = write(place, "pool/p.rpm", rpm(&files, ending));
        let run = check(&[&SYMVERS[..], &[&path]].concat());
        assert_eq!(findings(&run, &format!("{path}!usr/lib/modules/6.1/")), tree.all(), "{ending}");
        let inside = check(&[&SYMVERS[..], &[&place.join("pool").display().to_string()]].concat());
        assert_eq!(findings(&inside, "p.rpm!usr/lib/modules/6.1/"), tree.all(), "{ending}");
    }
    let whole = rpm(&files, ".xz");
    for (bytes, message) in [
        (&whole[..50], "broken package: it is cut short"),
        (&whole[..200], "broken package: "),
        (&whole[..whole.len() / 2], "broken package: "),
        (&[&whole[..96], &[0; 64]].concat(), "broken package: there is no header where one has to be"),
    ] {
        let run = check(&[&write(place, "cut.rpm", bytes)]);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("cut.rpm: {message}")), "{}", run.all());
    }
}

#[test]
fn an_initramfs_that_is_broken() {
    let folder = folder();
    let told = |bytes: &[u8], message: &str| {
        let run = check(&[&write(folder.path(), "initrd.img", bytes)]);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("initrd.img: {message}")), "{}", run.all());
    };
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    let whole = cpio(&[("lib/modules/a.ko", 0o100_644, &module), ("lib/modules/b.ko", 0o010_644, b"")]);
    told(&whole[..whole.len() / 2], "broken package: ");
    let run = check(&[&write(folder.path(), "initrd.img", &whole)]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("initrd.img!lib/modules/b.ko: is something else, not a file"), "{}", run.all());
    assert!(run.stdout.contains("denied[SG001 unregistered]: module sg_get"), "{}", run.all());
    told(&cpio(&[("readme", 0o100_644, b"nothing")]), "no module in it");
    // A link to a module is that module; one to something else hides it.
    let linked = |target: &[u8]| {
        let image = cpio(&[
            ("a.ko", 0o100_644, &std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap()),
            ("b.ko", 0o120_777, target),
        ]);
        check(&[&write(folder.path(), "initrd.img", image)])
    };
    assert_eq!(linked(b"a.ko").status, 0);
    assert!(linked(b"blob").stderr.contains("initrd.img!b.ko: is a link to a file that is not named like a module"));
    told(&[&whole[..], b"something else"].concat(), "broken package: what follows is neither a cpio archive");
    // A name of four thousand million bytes, by its header.
    let mut long = whole.clone();
    long[94..102].copy_from_slice(b"ffffffff");
    told(&long, "broken package: the name of a file is longer than any path");
    // Where the kernel reads a number by another rule than ours, it reads other files.
    let mut signed = whole.clone();
    signed[54..62].copy_from_slice(b"+0000000");
    told(&signed, "broken package: a header in its cpio archive is none");
    // To the kernel a name ends at the first NUL.
    let run = check(&[&write(folder.path(), "initrd.img", cpio(&[("a.ko\0.txt", 0o100_644, &module)]))]);
    assert!(run.stdout.contains("initrd.img!a.ko\n"), "{}", run.all());
    // Archives in archives in archives.
    let mut nested = whole;
    for _ in 0..4 {
        nested = pack(&nested, ".gz");
    }
    assert_ne!(check(&[&write(folder.path(), "initrd.img", nested)]).status, 0);
}

#[test]
fn lists_name_what_is_to_be_read() {
    let folder = folder();
    let modules = ["testdata/6.1/sg_get.ko", "testdata/6.1/sg_harmless.ko"];
    let list = write(folder.path(), "list", format!("{}\n\n{}\n", modules[0], modules[1]));
    assert_eq!(check(&[&format!("@{list}")]).all(), check(&modules).all());
    let run = check(&["@nowhere"]);
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("@nowhere: No such file or directory"), "{}", run.all());
    let bad = write(folder.path(), "bad", "nowhere.ko\n");
    assert!(check(&[&format!("@{bad}")]).stderr.contains("nowhere.ko: No such file or directory"));
}

#[test]
fn of_several_files_of_a_listed_module_all_are_judged() {
    let folder = folder();
    let module = std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap();
    write(folder.path(), "m.ko", module);
    write(folder.path(), "m.ko.xz", pack(&std::fs::read(testdata("6.1/sg_get.ko")).unwrap(), ".xz"));
    let run = check(&[&write(folder.path(), "modules.order", "m.o\n")]);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("module sg_get gets at dma-buf"), "{}", run.all());
}

#[test]
fn modules_order_lists_built_or_installed_modules() {
    let folder = folder();
    let place = folder.path();
    let module = std::fs::read(testdata("6.1/sg_get.ko")).unwrap();
    write(place, "kernel/a/sg_get.ko", &module);
    let of_tree = check(&[&place.display().to_string()]).all();
    for line in ["kernel/a/sg_get.ko\n", "kernel/a/sg_get.o\n"] {
        let order = write(place, "modules.order", line);
        assert_eq!(check(&[&order]).all(), of_tree, "{line}");
    }
    // Installed, the list says .ko where the module is packed.
    std::fs::remove_file(place.join("kernel/a/sg_get.ko")).unwrap();
    write(place, "kernel/a/sg_get.ko.xz", pack(&module, ".xz"));
    let order = write(place, "modules.order", "kernel/a/sg_get.ko\n");
    assert_eq!(check(&[&order]).all().replace("sg_get.ko.xz", "sg_get.ko"), of_tree);
    let missing = write(place, "modules.order", "kernel/a/gone.ko\n");
    let run = check(&[&missing]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("there is no kernel/a/gone.ko"), "{}", run.all());
    // A kernel without modules has an empty one.
    let empty = write(place, "modules.order", "");
    assert_eq!(finish(&mut command(["check", &empty])).status, 0);
}
