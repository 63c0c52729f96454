// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a package that share their content or lead to each other.

use tar::EntryType;

use crate::support::pack::{cpio, deb, rpm};
use crate::support::{Run, bounded, folder, testdata, write};

fn gets() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_get.ko")).unwrap()
}

fn harmless() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap()
}

fn check_file(name: &str, bytes: &[u8]) -> Run {
    let folder = folder();
    bounded(["check", &write(folder.path(), name, bytes)])
}

/// An archive of files with these names, numbers of links, inodes and contents.
fn archive(files: &[(&str, u32, u32, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for &(name, links, inode, bytes) in files {
        let entry = cpio::NewcBuilder::new(name).mode(0o100_644).nlink(links).ino(inode);
        let mut entry = entry.write(&mut archive, u32::try_from(bytes.len()).unwrap());
        std::io::Write::write_all(&mut entry, bytes).unwrap();
        entry.finish().unwrap();
    }
    cpio::newc::trailer(&mut archive).unwrap();
    archive
}

#[test]
fn an_initramfs_whose_files_share_content() {
    let (good, gets) = (harmless(), gets());
    // As cpio(1) writes them: the last has the content, and both are judged.
    let run = check_file("initrd.img", &archive(&[("a.ko", 2, 5, b""), ("b.ko", 2, 5, &gets)]));
    assert_eq!(run.status, 1, "{}", run.all());
    assert_eq!(run.stdout.matches("denied[SG001 unregistered]: module sg_get").count(), 2, "{}", run.all());
    let run = check_file("initrd.img", &archive(&[("a.ko", 2, 5, b""), ("b", 2, 5, &good), ("c.ko", 2, 5, b"")]));
    assert_eq!(run.status, 0, "{}", run.all());

    // What the last one writes is what is there, by whatever name it came.
    let denied = [
        archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, &gets)]),
        archive(&[("blob", 2, 5, &good), ("a.ko", 2, 5, b""), ("blob2", 3, 5, &gets)]),
        archive(&[("blob", 2, 5, &gets), ("a.ko", 2, 5, b"")]),
    ];
    for image in denied {
        let run = check_file("initrd.img", &image);
        assert_eq!(run.status, 1, "{}", run.all());
        assert!(run.stdout.contains("denied[SG001 unregistered]: module sg_get"), "{}", run.all());
        assert!(run.stdout.contains("initrd.img!a.ko\n"), "{}", run.all());
    }
    // Another inode, another archive, or one link only: nothing is shared, and the module is empty.
    let empty = [
        archive(&[("blob", 2, 6, &good), ("a.ko", 2, 5, b"")]),
        archive(&[("blob", 2, 5, &good), ("a.ko", 1, 5, b"")]),
        [archive(&[("blob", 2, 5, &good)]), archive(&[("a.ko", 2, 5, b"")])].concat(),
    ];
    for image in empty {
        let run = check_file("initrd.img", &image);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains("initrd.img!a.ko: the file is empty"), "{}", run.all());
    }
}

#[test]
fn an_initramfs_that_replaces_what_is_shared() {
    let (good, gets) = (harmless(), gets());
    // The kernel writes into the file that is there: what `a.ko` holds is what `blob` got last.
    let one = archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, b""), ("blob", 1, 6, &gets)]);
    let other =
        [archive(&[("x/blob", 2, 5, b""), ("a.ko", 2, 5, &good)]), archive(&[("y/../blob", 1, 6, &gets)])].concat();
    for image in [one, other] {
        let run = check_file("initrd.img", &image);
        assert_eq!(run.status, 3, "{}", run.all());
        let reason = "initrd.img!a.ko: is a link to a file that is replaced, which is not read\n";
        assert!(run.stderr.contains(reason), "{}", run.all());
    }
}

#[test]
fn links_that_lead_out_of_a_package() {
    let module = harmless();
    let told = |name: &str, bytes: &[u8], inside: bool| {
        let run = check_file(name, bytes);
        if inside {
            assert_eq!(run.status, 0, "{}", run.all());
        } else {
            assert_eq!(run.status, 3, "{}", run.all());
            let reason = format!("{name}!lib/extra/b.ko: is a link to a module that is not in the package");
            assert!(run.stderr.contains(&reason), "{}", run.all());
        }
    };
    for (target, inside) in [
        ("../a.ko", true),
        ("/lib/a.ko", true),
        ("/usr/lib/a.ko", true),
        ("/tmp/a.ko", false),
        ("a.ko", false),
        ("../../../x/a.ko", false),
        ("../extra/b.ko", true),
    ] {
        let files: [(&str, u32, &[u8]); 2] =
            [("lib/a.ko", 0o100_644, &module), ("lib/extra/b.ko", 0o120_777, target.as_bytes())];
        told("initrd.img", &cpio(&files), inside);
        told("p.rpm", &rpm(&files, ".gz"), inside);
    }
    // A link that is hard names a path of the package.
    let hard = |target: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, bytes) in
            [("lib/a.ko", EntryType::Regular, &module[..]), ("lib/extra/b.ko", EntryType::Link, b"")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_path(name).unwrap();
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            if kind == EntryType::Link {
                header.set_link_name(target).unwrap();
            }
            header.set_cksum();
            builder.append(&header, bytes).unwrap();
        }
        let data = builder.into_inner().unwrap();
        let empty = deb(&[], "");
        let mut package = empty[..empty.len() - 60 - 1024].to_vec();
        package
            .extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "data.tar", 0, 0, 0, 100_644, data.len()).bytes());
        package.extend(data);
        package
    };
    told("p.deb", &hard("./lib/a.ko"), true);
    told("p.deb", &hard("a.ko"), false);
}

#[test]
fn names_that_are_not_utf8() {
    let mut image = cpio(&[("lib/a.ko", 0o100_644, &harmless()), ("lib/foo.txt", 0o100_644, b"x")]);
    let name = image.windows(7).position(|window| window == b"foo.txt").unwrap();
    image[name + 1] = 0xfc;
    let run = check_file("initrd.img", &image);
    assert_eq!(run.status, 0, "{}", run.all());
}

#[test]
fn more_than_any_package_has() {
    let empty = archive(&[("a.ko", 1, 5, b"")]);
    let one = &empty[..empty.len() - archive(&[]).len()];
    let run = check_file("initrd.img", &one.repeat((1 << 15) + 1));
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("initrd.img: broken package: it has more than 32768 modules"));
    let empty = archive(&[("a", 1, 5, b"")]);
    let one = &empty[..empty.len() - archive(&[]).len()];
    let run = check_file("initrd.img", &one.repeat((1 << 20) + 1));
    assert_eq!(run.status, 3);
    assert!(run.stderr.contains("initrd.img: broken package: it has more than 1048576 entries"), "{}", run.all());
}
