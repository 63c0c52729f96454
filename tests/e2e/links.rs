// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a package that share their content or lead to each other.

use tar::EntryType;

use crate::support::pack::{ENDINGS, cpio, deb, pack, rpm};
use crate::support::{check_file, gets, harmless};

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

    for image in [
        archive(&[("blob", 2, 5, &gets), ("a.ko", 2, 5, b"")]),
        archive(&[("a.ko", 2, 5, b""), ("blob", 3, 5, &gets), ("b", 3, 5, b"")]),
        // Which of two contents is there last depends on what the kernel could do.
        archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, &gets)]),
        archive(&[("a.ko", 2, 5, &gets), ("blob", 2, 5, &good)]),
        archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, &gets), ("nowhere/x", 2, 5, &good)]),
        // A later archive that has its own.
        [
            archive(&[("a.ko", 2, 5, &gets), ("b.ko", 2, 5, b"")]),
            archive(&[("a.ko", 2, 7, &good), ("b.ko", 2, 7, b"")]),
        ]
        .concat(),
    ] {
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
fn an_initramfs_whose_entries_write_to_the_same_file() {
    let (good, gets) = (harmless(), gets());
    let folder_entry = |name: &str| {
        let mut folder = cpio(&[(name, 0o040_755, b"")]);
        folder.truncate(folder.len() - archive(&[]).len());
        folder
    };
    // The kernel writes into the file that is there: what `a.ko` holds is what any name of it got last, unless the
    // kernel could not make that name.
    let images = [
        archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, b""), ("blob", 1, 6, &gets)]),
        archive(&[("a.ko", 2, 5, &good), ("blob", 2, 5, b""), ("blob", 2, 6, &gets)]),
        [archive(&[("x/blob", 2, 5, b""), ("a.ko", 2, 5, &good)]), archive(&[("y/../blob", 1, 6, &gets)])].concat(),
        [archive(&[("x/blob", 2, 5, b""), ("a.ko", 2, 5, &good)]), archive(&[("blob", 2, 7, &gets)])].concat(),
        [folder_entry("blob"), archive(&[("blob", 2, 5, b""), ("a.ko", 2, 5, &good)])].concat(),
    ];
    for image in images {
        let run = check_file("initrd.img", &image);
        assert_eq!(run.status, 3, "{}", run.all());
        let reason = "initrd.img!a.ko: is a file that other entries write to, which is not read\n";
        assert!(run.stderr.contains(reason), "{}", run.all());
    }
}

#[test]
fn an_entry_that_only_bears_the_name_of_the_last() {
    let (good, gets) = (harmless(), gets());
    let entry = |name: &str, mode: u32, links: u32, bytes: &[u8]| {
        let mut archive = Vec::new();
        let entry = cpio::NewcBuilder::new(name).mode(mode).nlink(links).ino(5);
        let mut entry = entry.write(&mut archive, u32::try_from(bytes.len()).unwrap());
        std::io::Write::write_all(&mut entry, bytes).unwrap();
        entry.finish().unwrap();
        archive
    };
    // The kernel looks at no name of a link, nor of a folder with content: the inodes stay what they are.
    for (mode, ends) in [(0o120_777, false), (0o040_755, false), (0o100_644, true)] {
        let parts = [
            entry("a.ko", 0o100_644, 2, &good),
            entry("TRAILER!!!", mode, 1, b"body"),
            entry("blob", 0o100_644, 2, &gets),
            archive(&[]),
        ];
        let run = check_file("initrd.img", &parts.concat());
        assert_eq!(run.status, i32::from(!ends), "{mode:o}: {}", run.all());
    }
}

#[test]
fn packed_archives_one_after_the_other() {
    let (good, gets) = (cpio(&[("a.ko", 0o100_644, &harmless())]), cpio(&[("b.ko", 0o100_644, &gets())]));
    for first in ENDINGS {
        for second in ENDINGS {
            let image = [pack(&good, first), vec![0; 12], pack(&gets, second), vec![0; 512]].concat();
            let run = check_file("initrd.img", &image);
            assert_eq!(run.status, 1, "{first} {second}: {}", run.all());
            assert!(run.stdout.contains("2 modules: "), "{first} {second}: {}", run.all());
        }
    }
    let twice = check_file("initrd.img", &pack(&pack(&gets, ".gz"), ".gz"));
    assert_eq!(twice.status, 3, "{}", twice.all());
}

#[test]
fn gzip_headers_that_the_kernel_reads_otherwise() {
    let (image, module) = (cpio(&[("a.ko", 0o100_644, &harmless())]), harmless());
    let reason = "its gzip header has fields that the kernel does not take for such\n";
    // RFC 1952: a text, a check of the header, fields of one's own, a name, a comment.
    for (flag, more, taken) in [
        (1, &b""[..], false),
        (2, b"", false),
        (4, b"\x02\0ab", false),
        (8, b"name\0", true),
        (16, b"comment\0", false),
    ] {
        let with = |bytes: &[u8]| {
            let mut packed = pack(bytes, ".gz");
            packed[3] = flag;
            packed.splice(10..10, more.iter().copied());
            packed
        };
        for (name, packed) in [("initrd.img", with(&image)), ("m.ko.gz", with(&module))] {
            let run = check_file(name, &packed);
            assert_eq!(run.status, if taken { 0 } else { 3 }, "{flag} {name}: {}", run.all());
            assert_eq!(run.stderr.contains(reason), !taken, "{flag} {name}: {}", run.all());
        }
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
        ("../x/../a.ko", false),
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
fn a_name_without_an_end() {
    let mut image = cpio(&[("a.ko", 0o100_644, &harmless())]);
    let end = image.windows(5).position(|window| window == b"a.ko\0").unwrap() + 4;
    image[end] = b'x';
    let run = check_file("initrd.img", &image);
    assert!(run.stderr.contains("initrd.img: broken package: the name of a file does not end\n"), "{}", run.all());
}

#[test]
fn content_that_is_shared_by_too_many() {
    let (module, names) = (vec![0; 1 << 20], (0..300).map(|number| format!("{number}.ko")).collect::<Vec<_>>());
    let files: Vec<_> =
        names.iter().map(|name| (name.as_str(), 2, 5, &b""[..])).chain([("x", 2, 5, &module[..])]).collect();
    let run = check_file("initrd.img", &archive(&files));
    assert!(run.stderr.contains("its files share more than 268435456 bytes of content\n"), "{}", run.stderr);
    let long = "n".repeat(4000);
    let files: Vec<_> = (0..40_000).map(|_| (long.as_str(), 1, 5, &b""[..])).collect();
    let run = check_file("initrd.img", &archive(&files));
    assert!(run.stderr.contains("the names in it have more than 134217728 bytes\n"), "{}", run.stderr);
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
