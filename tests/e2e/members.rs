// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members of packages and files on disk that are not what they seem: names that lead elsewhere or end early, links,
//! devices, holes, and sizes that nothing has.

use tar::EntryType;

use crate::support::ko::Ko;
use crate::support::pack::{cpio, deb, pack, rpm_of, tar};
use crate::support::{Run, bounded, check_file, folder, gets, harmless, write};

/// Checks one file within the bounds.
/// What is said of these files in both packages that hold a cpio archive.
fn check_cpio(archive: &[u8], each: impl Fn(&str, &Run)) {
    for ending in ["", ".gz"] {
        each("initrd.img", &check_file("initrd.img", &pack(archive, ending)));
        each("p.rpm", &check_file("p.rpm", &rpm_of(archive, &pack(archive, ending))));
    }
}

#[test]
fn names_that_lead_elsewhere() {
    let names = ["../../etc/passwd.ko", "/etc/cron.d/root.ko", "./../x.ko", "a/../../b.ko", "usr/lib//c.ko"];
    let module = gets();
    let files: Vec<_> = names.iter().map(|name| (*name, EntryType::Regular, &module[..])).collect();
    let all_are_judged = |name: &str, run: &Run| {
        assert_eq!(run.status, 1, "{}", run.all());
        assert_eq!(run.stdout.matches("denied[SG001 unregistered]: module sg_get").count(), names.len());
        for label in names {
            // rpm's own list has no names that begin with anything else than a slash.
            let label = label.trim_start_matches("./");
            let label = if name == "p.rpm" { label.trim_start_matches('/') } else { label };
            assert!(run.stdout.contains(&format!("{name}!{label}\n")), "{label}: {}", run.all());
        }
    };
    all_are_judged("p.deb", &check_file("p.deb", &deb(&files, ".xz")));
    let files: Vec<_> = names.iter().map(|name| (*name, 0o100_644, &module[..])).collect();
    check_cpio(&cpio(&files), all_are_judged);
}

#[test]
fn links_and_devices() {
    let module = harmless();
    let told = |run: &Run, member: &str, reason: &str| {
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("!{member}: {reason}\n")), "{}", run.all());
    };
    let hidden = "is a link to a file that is not named like a module, which is not read";
    for kind in [EntryType::Link, EntryType::Symlink] {
        // `tar` of the support has no targets, so that all links lead nowhere.
        let run = check_file("p.deb", &deb(&[("a.ko", EntryType::Regular, &module), ("b.ko", kind, b"")], ".gz"));
        told(&run, "b.ko", hidden);
    }
    for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let run = check_file("p.deb", &deb(&[("a.ko", EntryType::Regular, &module), ("b.ko", kind, b"")], ".gz"));
        told(&run, "b.ko", "is something else, not a file");
    }
    for mode in [0o020_644, 0o060_644, 0o010_644, 0o140_644] {
        let archive = cpio(&[("a.ko", 0o100_644, &module), ("b.ko", mode, b"")]);
        check_cpio(&archive, |_, run| told(run, "b.ko", "is something else, not a file"));
    }
    for target in ["../blob", "/etc/passwd", ""] {
        let archive = cpio(&[("a.ko", 0o100_644, &module), ("b.ko", 0o120_777, target.as_bytes())]);
        check_cpio(&archive, |_, run| told(run, "b.ko", hidden));
    }
    // To the kernel a target ends with its NUL.
    for (target, is_hidden) in [("blob\0.ko", true), ("a.ko\0.bin", false)] {
        let archive = cpio(&[("a.ko", 0o100_644, &module), ("b.ko", 0o120_777, target.as_bytes())]);
        let run = check_file("initrd.img", &archive);
        if is_hidden { told(&run, "b.ko", hidden) } else { assert_eq!(run.status, 0, "{}", run.all()) }
    }
}

#[test]
fn a_name_ends_with_its_nul() {
    // `cpio` of the support writes what it is given; the kernel makes a file `b.ko` of this.
    let archive = cpio(&[("a.ko", 0o100_644, &harmless()), ("b.ko\0.txt", 0o100_644, &gets())]);
    check_cpio(&archive, |name, run| {
        assert_eq!(run.status, 1, "{}", run.all());
        assert!(run.stdout.contains(&format!("{name}!b.ko\n")), "{}", run.all());
    });
    let long = [("././@LongLink", EntryType::GNULongName, &b"b.ko\0.txt\0"[..]), ("b", EntryType::Regular, &gets())];
    let run = check_file("p.deb", &deb(&long, ".gz"));
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("p.deb!b.ko\n"), "{}", run.all());
}

#[test]
fn numbers_with_a_sign_are_none() {
    // The kernel reads nothing here, and a library that takes signs reads a length.
    let mut archive = cpio(&[("a.ko", 0o100_644, &harmless())]);
    archive[54..62].copy_from_slice(b"+0000010");
    check_cpio(&archive, |name, run| {
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("{name}: broken package: a header in its cpio archive is none\n")));
    });
}

/// A tar archive of one file whose header was changed, and that is followed by a good module.
fn tar_with(change: impl Fn(&mut tar::Header), content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("a.ko").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_size(content.len() as u64);
    change(&mut header);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
    archive.extend(tar(&[("z.ko", EntryType::Regular, &harmless())]));
    archive
}

/// A package with this `data.tar`.
fn deb_with(data: &[u8]) -> Vec<u8> {
    crate::support::pack::ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), ("data.tar", data)])
}

/// Checks a package with this `data.tar`, which has to be refused.
fn refused(data: &[u8], reason: &str) {
    for ending in ["", ".zst"] {
        let name = format!("data.tar{ending}");
        let members = [("debian-binary", &b"2.0\n"[..]), ("control.tar", &tar(&[])), (&name, &pack(data, ending))];
        let run = check_file("p.deb", &crate::support::pack::ar(&members));
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("p.deb: broken package: {reason}")), "{reason}: {}", run.all());
    }
}

#[test]
fn sparse_files_in_a_package() {
    // GNU's own: 4 EiB, of which nothing is there.
    let gnu = |header: &mut tar::Header| {
        header.set_entry_type(EntryType::GNUSparse);
        let header = header.as_gnu_mut().unwrap();
        header.set_real_size(1 << 62);
    };
    refused(&tar_with(gnu, b""), "it has a kind of entry that no Debian package has");
    // The POSIX one: the name and the size stand in a header of their own.
    for record in
        ["30 GNU.sparse.name=usr/lib/e.ko\n", "22 GNU.sparse.major=1\n", "36 GNU.sparse.size=4611686018427387\n"]
    {
        let pax = |header: &mut tar::Header| header.set_entry_type(EntryType::XHeader);
        refused(&tar_with(pax, record.as_bytes()), "it has a kind of entry that no Debian package has");
    }
}

#[test]
fn sizes_that_nothing_has_in_a_tar() {
    let size = |bytes: [u8; 12]| move |header: &mut tar::Header| header.as_gnu_mut().unwrap().size = bytes;
    let base_256 = |number: u64| {
        let mut field = [0; 12];
        field[0] = 0x80;
        field[4..].copy_from_slice(&number.to_be_bytes());
        field
    };
    for number in [1 << 31, 1 << 63, (1 << 63) - 1, u64::MAX - 1024] {
        refused(&tar_with(size(base_256(number)), b""), "unexpected EOF during skip\n");
    }
    refused(&tar_with(size(base_256(u64::MAX)), b""), "size overflow\n");
    // Less than nothing, signs, digits that are none, and as much as the field can say in digits.
    refused(&tar_with(size([0xff; 12]), b""), "size overflow\n");
    refused(&tar_with(size(*b"-0000000001\0"), b""), "numeric field was not a number: -0000000001 when getting size");
    refused(&tar_with(size(*b"99999999999\0"), b""), "numeric field was not a number: 99999999999 when getting size");
    refused(&tar_with(size(*b"77777777777\0"), b""), "unexpected EOF during skip\n");
    // Whatever stands there, a terminal is not told.
    refused(&tar_with(size(*b"\x1b]0;evil\x07\0\0\0"), b""), "numeric field was not a number: \\u{1b}]0;evil\\u{7}");
}

#[test]
fn headers_that_readers_of_tar_take_differently() {
    // To GNU tar a sign begins a number of base 64.
    let size = |bytes: [u8; 12]| move |header: &mut tar::Header| header.as_gnu_mut().unwrap().size = bytes;
    for bytes in [*b"+0\0\0\0\0\0\0\0\0\0\0", *b"-1\0\0\0\0\0\0\0\0\0\0", *b"0 1\0\0\0\0\0\0\0\0\0"] {
        let run = check_file("p.deb", &deb_with(&tar_with(size(bytes), b"")));
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains("p.deb: broken package: "), "{}", run.all());
    }
    // dpkg reads the prefix of a name where it finds the magic number, whatever the version.
    let version = |header: &mut tar::Header| {
        let bytes = header.as_mut_bytes();
        bytes[257..265].copy_from_slice(b"ustar\x0099");
        bytes[..100].fill(0);
        bytes[345..358].copy_from_slice(b"./lib/evil.ko");
    };
    refused(&tar_with(version, b""), "a header in its tar archive is of a version that nobody writes");
}

#[test]
fn sizes_that_nothing_has_in_a_cpio() {
    for size in ["ffffffff", "fffffffc", "80000000"] {
        let mut archive = cpio(&[("a.ko", 0o100_644, b"")]);
        archive[54..62].copy_from_slice(size.as_bytes());
        archive.extend(cpio(&[("z.ko", 0o100_644, &gets())]));
        check_cpio(&archive, |name, run| {
            assert_eq!(run.status, 3, "{}", run.all());
            assert!(run.stderr.contains(&format!("{name}: broken package: it is cut short\n")), "{}", run.all());
        });
    }
    // The same for the target of a link, of which no more than a path is taken.
    let mut archive = cpio(&[("a.ko", 0o120_777, b"")]);
    archive[54..62].copy_from_slice(b"ffffffff");
    check_cpio(&archive, |_, run| assert_eq!(run.status, 3, "{}", run.all()));
}

#[test]
fn holes_on_disk() {
    let folder = folder();
    let sparse = |name: &str, start: &[u8], size: u64| {
        let path = write(folder.path(), name, start);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        path
    };
    let told = |path: &str, message: &str| {
        let run = bounded(["check", path]);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    };
    told(&sparse("m.ko", b"", 10 << 30), "m.ko: has 10737418240 bytes, more than the 1073741824 that are read");
    told(&sparse("m.ko", b"", 1 << 30), "m.ko: not an ELF file (it starts with 00 00 00 00)");
    told(&sparse("m.ko", &harmless()[..64], 1 << 30), "m.ko: ");
    for (name, start) in [("m.ko.xz", &b"\xfd7zXZ\0"[..]), ("m.ko.zst", b"\x28\xb5\x2f\xfd"), ("m.ko.gz", b"\x1f\x8b")]
    {
        told(&sparse(name, start, 10 << 30), ": has 10737418240 bytes, more than the 1073741824 that are read");
        told(&sparse(name, start, 16 << 20), ": broken ");
    }
    for (name, start) in [("p.deb", &b"!<arch>\n"[..]), ("p.rpm", &[0xed, 0xab, 0xee, 0xdb]), ("initrd.img", b"070701")]
    {
        told(&sparse(name, start, 10 << 30), ": broken package: ");
    }
    told(
        &sparse("modules.order", b"", 10 << 30),
        "modules.order: has 67108865 bytes, more than the 67108864 that are read",
    );
    let path = sparse("Module.symvers", b"", 10 << 30);
    let run = bounded(["check", "--symvers", &path, "testdata/6.1/sg_get.ko"]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("has 10737418240 bytes, more than the 33554432 that are read"), "{}", run.all());
    // A module in a hole: a good one, behind whose end nothing but zeros is.
    let module = Ko::importing("m", &["dma_buf_get"]).build();
    let run = bounded(["check", &sparse("m.ko", &module, 1 << 30)]);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("denied[SG001 unregistered]: module m gets at dma-buf"), "{}", run.all());
}
