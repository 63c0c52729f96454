// SPDX-License-Identifier: MIT OR Apache-2.0
//! RPM packages: rpm installs what the header lists, whatever the archive says of it.

use crate::support::pack::{cpio, pack};
use crate::support::rpm::{Listed, header, listed, package, with_header};
use crate::support::{Run, bounded, folder, testdata, write};

const FILE: u32 = 0o100_644;

fn gets() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_get.ko")).unwrap()
}

fn check(bytes: &[u8]) -> Run {
    let folder = folder();
    bounded(["check", &write(folder.path(), "p.rpm", bytes)])
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
    // A file that is only listed is not installed.
    let ghost = with(&[("lib/a.ko", FILE, &module), ("b.ko", FILE, &module)], |list| list[0].flags = 1 << 6);
    let run = check(&ghost);
    assert_eq!((run.status, run.stdout.matches("denied[SG001").count()), (1, 1), "{}", run.all());
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
        (names(8, u32::MAX, b"a.ko\0"), "the lists of its header do not fit together"),
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
