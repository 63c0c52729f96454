// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages: rpm installs what the header lists, whatever the archive says of it.

use crate::support::pack::{cpio, pack};
use crate::support::rpm::{Listed, header, listed, package, package_without, with_header};
use crate::support::{Run, check_file, gets, testdata};

const FILE: u32 = 0o100_644;

fn check(bytes: &[u8]) -> Run {
    check_file("p.rpm", bytes)
}

fn refused(bytes: &[u8], reason: &str) {
    let run = check(bytes);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains(&format!("p.rpm: broken package: {reason}\n")), "{reason}\n{}", run.all());
}

/// The archive of a package that lists other files than it holds.
fn with(files: &[(&str, u32, &[u8])], change: impl Fn(&mut Vec<Listed>)) -> Vec<u8> {
    let archive = cpio(files);
    let mut list = listed(&archive);
    change(&mut list);
    package(&list, false, &pack(&archive, ".gz"))
}

#[test]
fn the_header_counts() {
    let module = gets();
    let differs = "its archive and its header say different things of lib/a.ko";
    // Told as a folder, a link or a device by its archive, and installed as a file.
    for mode in [0o040_755, 0o120_777, 0o020_644] {
        let package = with(&[("./lib/a.ko", mode, &module)], |list| {
            list[0].mode = FILE;
            list[0].target.clear();
        });
        refused(&package, differs);
    }
    // Hidden behind a file that is longer by its archive than by its header.
    let long = [&b"text"[..], &cpio(&[("./lib/a.ko", FILE, &module)])].concat();
    let hidden = with(&[("./lib/a.txt", FILE, &long)], |list| {
        list[0].size = 4;
        list.push(Listed { path: "/lib/a.ko".to_owned(), size: module.len() as u64, ..list[0].clone() });
    });
    refused(&hidden, "its archive and its header say different things of lib/a.txt");
    // Not listed, listed twice, by another name.
    refused(
        &with(&[("./lib/a.ko", FILE, &module)], Vec::clear),
        "its archive holds a file that its header does not list",
    );
    refused(
        &with(&[("lib/a.txt", FILE, &module)], |list| list[0].path = "/lib/a.ko".to_owned()),
        "its archive holds a file that its header does not list",
    );
    refused(&with(&[("lib/a.ko", FILE, &module)], |list| list.push(list[0].clone())), "its header lists a file twice");
    // A link leads where the header says.
    let link = |target: &str| with(&[("lib/a.ko", 0o120_777, b"b.ko")], |list| list[0].target = target.to_owned());
    refused(&link("blob"), differs);
    // A file that is only listed is not installed, but what is in the archive is unpacked by others than rpm.
    let ghost = with(&[("lib/a.ko", FILE, &module), ("b.ko", FILE, &module)], |list| list[0].flags = 1 << 6);
    let run = check(&ghost);
    assert_eq!((run.status, run.stdout.matches("denied[SG001").count()), (1, 2), "{}", run.all());
    let ghost = with(&[("b.ko", FILE, &module)], |list| {
        list.push(Listed { flags: 1 << 6, path: "/a.ko".to_owned(), ..list[0].clone() });
    });
    assert_eq!(check(&ghost).status, 1);
    // Each file that is listed comes once.
    let archive = cpio(&[("a.ko", FILE, &module), ("a.ko", FILE, &module)]);
    refused(&package(&listed(&archive)[..1], false, &archive), "its archive holds a file twice");
    let lacks =
        with(&[("a.ko", FILE, &module)], |list| list.push(Listed { path: "/b.ko".to_owned(), ..list[0].clone() }));
    refused(&lacks, "its archive lacks b.ko");
    // What follows the archive is not installed, and not passed over in silence.
    let archive = cpio(&[("lib/a.ko", FILE, &module)]);
    refused(&package(&listed(&archive), false, &archive.repeat(2)), "something follows the end of its archive");
}

#[test]
fn files_that_share_their_content() {
    let module = gets();
    let group = |files: &[(&str, u32, &[u8])]| {
        with(files, |list| {
            for file in list {
                (file.inode, file.size) = (5, module.len() as u64);
            }
        })
    };
    // The last has it; names that are none of a module are not given.
    let run = check(&group(&[("a.ko", FILE, b""), ("b.txt", FILE, b""), ("c.ko", FILE, &module)]));
    assert_eq!(run.status, 1, "{}", run.all());
    for name in ["p.rpm!a.ko\n", "p.rpm!c.ko\n"] {
        assert!(run.stdout.contains(name), "{}", run.all());
    }
    assert_eq!(run.stdout.matches("denied[SG001").count(), 2, "{}", run.all());
    let run = check(&group(&[("a.ko", FILE, b""), ("b.txt", FILE, &module)]));
    assert_eq!((run.status, run.stdout.matches("denied[SG001").count()), (1, 1), "{}", run.all());
    refused(
        &group(&[("a.ko", FILE, b"x"), ("b.txt", FILE, &module)]),
        "its archive and its header say different things of a.ko",
    );
    // Without devices nothing is shared, as rpm has it.
    let archive = cpio(&[("a.ko", FILE, b""), ("b.txt", FILE, &module)]);
    let mut list = listed(&archive);
    for file in &mut list {
        (file.inode, file.size) = (5, module.len() as u64);
    }
    let differs = "its archive and its header say different things of a.ko";
    refused(&package_without(&[1095], &list, false, &archive), differs);
}

#[test]
fn files_that_share_their_content_come_in_order() {
    let (gets, good) = (gets(), std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap());
    let mixed = "its files that share their content do not come one after the other";
    let with_order = |order: &[usize]| {
        let files =
            [("a.ko", &b""[..], 5, good.len()), ("b.ko", &good[..], 5, good.len()), ("blob", &gets[..], 6, gets.len())];
        let archive = cpio(&order.iter().map(|at| (files[*at].0, FILE, files[*at].1)).collect::<Vec<_>>());
        let list = files.map(|(path, _, inode, size)| Listed {
            path: format!("/{path}"),
            mode: FILE,
            size: size as u64,
            target: String::new(),
            inode,
            flags: 0,
        });
        package(&list, false, &archive)
    };
    assert_eq!(check(&with_order(&[0, 1, 2])).status, 0);
    assert_eq!(check(&with_order(&[2, 0, 1])).status, 0);
    refused(&with_order(&[0, 2, 1]), mixed);
    refused(&with_order(&[1, 0, 2]), mixed);
    // The archive by itself, by which others unpack it, shares the same.
    let shared = |links: u32, inodes: [u32; 2]| {
        let mut archive = Vec::new();
        for (name, inode, bytes) in [("a.ko", inodes[0], &good[..]), ("blob", inodes[1], &gets[..])] {
            let entry = cpio::NewcBuilder::new(name).mode(FILE).nlink(links).ino(inode);
            let mut entry = entry.write(&mut archive, u32::try_from(bytes.len()).unwrap());
            std::io::Write::write_all(&mut entry, bytes).unwrap();
            entry.finish().unwrap();
        }
        cpio::newc::trailer(&mut archive).unwrap();
        let mut list = listed(&archive);
        list[0].inode = 8;
        list[1].inode = 9;
        package(&list, false, &archive)
    };
    refused(&shared(2, [5, 5]), "its archive and its header say different things of a.ko");
    assert_eq!(check(&shared(1, [5, 5])).status, 0);
}

#[test]
fn names_that_are_not_utf8_are_not_the_same() {
    let archive = cpio(&[("lib/a.ko", FILE, &gets()), ("lib/fAx", FILE, b"x"), ("lib/fBx", FILE, b"y")]);
    let mut package = package(&listed(&archive), false, &archive);
    for at in 0..package.len() - 3 {
        if matches!(&package[at..at + 3], b"fAx" | b"fBx") {
            package[at + 1] += 0xa0;
        }
    }
    assert_eq!(check(&package).status, 1);
}

#[test]
fn headers_that_cost_more_than_they_are_worth() {
    let file = |path: String| Listed { path, mode: FILE, size: 0, target: String::new(), inode: 0, flags: 0 };
    let long = file(format!("/{}/a", "d".repeat(5000)));
    refused(&package(&[long], false, b"070701"), "the paths that its header lists are longer than any package's");
    let texts = |count: u32, bytes: Vec<u8>| header(&[(1117, (8, count, bytes))]);
    let many = texts((1 << 20) + 1, vec![0; (1 << 20) + 1]);
    refused(&with_header(&many, b"070701"), "its header lists more files than any package has");
    let huge = file("/a".to_owned());
    let huge = Listed { size: u64::MAX - 1, ..huge };
    refused(&package(&[huge], true, b"07070X00000000\0\0"), "a file in it has 18446744073709551614 bytes");
}

#[test]
fn archives_that_hold_content_only() {
    let module = gets();
    let entry = |index: u32, content: &[u8]| {
        let mut entry = format!("07070X{index:08x}\0\0").into_bytes();
        entry.extend(content);
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry
    };
    let mut list = listed(&cpio(&[("lib", 0o040_755, b""), ("lib/a.ko", FILE, b""), ("lib/b.ko", 0o120_777, b"a.ko")]));
    list[1].size = module.len() as u64;
    let trailer = cpio(&[]);
    let payload = [entry(2, b"a.ko"), entry(0, b""), entry(1, &module), trailer.clone()].concat();
    let run = check(&package(&list, true, &pack(&payload, ".zst")));
    assert_eq!((run.status, run.stdout.matches("denied[SG001").count()), (1, 1), "{}", run.all());
    assert!(run.stdout.contains("p.rpm!lib/a.ko\n"), "{}", run.all());
    let beyond = [entry(3, b""), trailer.clone()].concat();
    refused(&package(&list, true, &beyond), "its archive holds a file that its header does not list");
    refused(&package(&list, true, &[entry(1, &module[..100]), trailer].concat()), "it is cut short");
}

#[test]
fn headers_that_hold_no_list() {
    let archive = cpio(&[("a.ko", FILE, &gets())]);
    let names = |kind, count, bytes: &[u8]| header(&[(1117, (kind, count, bytes.to_vec()))]);
    for (header, reason) in [
        (names(8, 1, b"a.ko\0"), "the lists of its header do not fit together"),
        (names(8, 2, b"a.ko\0"), "the lists of its header do not fit together"),
        (names(4, 1, &[0; 4]), "the lists of its header do not fit together"),
        (names(8, u32::MAX, b"a.ko\0"), "its header lists more files than any package has"),
        (header(&[(1117, (8, 0, vec![])), (1117, (8, 0, vec![]))]), "its header says the same thing twice"),
        (header(&[(1120, (8, 0, vec![]))]), "its files have other names than its archive gives them"),
        (header(&[]), "its archive holds a file that its header does not list"),
    ] {
        refused(&with_header(&header, &archive), reason);
    }
    let mut huge = header(&[]);
    huge[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    refused(&with_header(&huge, &archive), "its header is larger than any that rpm takes");
    for (tag, text, what) in
        [(1125, "bzip2", "a package packed with bzip2"), (1124, "drpm", "a package without an archive of its own")]
    {
        let run = check(&with_header(&header(&[(tag, (6, 1, format!("{text}\0").into_bytes()))]), &archive));
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("p.rpm: is {what}, which is not read\n")), "{}", run.all());
    }
}
