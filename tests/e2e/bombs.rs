// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files that unpack to ten GiB, as a module and in every package, and packed data whose check does not fit or that
//! something follows: each is refused by name, within two GB of address space and a minute.

use tar::EntryType;

use crate::support::bomb::bomb;
use crate::support::ko::Ko;
use crate::support::pack::{ENDINGS, ar, cpio, deb, pack, rpm, rpm_of, tar};
use crate::support::{bounded, check_file, folder, testdata, write};

/// Checks one file within the bounds.
/// The package is refused, and nothing of it passes.
fn refused(name: &str, bytes: &[u8], reason: &str) {
    let run = check_file(name, bytes);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains(&format!("{name}: broken package: {reason}\n")), "{}", run.all());
}

/// What nothing may unpack to that was packed to so little.
const TOO_MUCH: &str = "it unpacks to more than 134217728 bytes";

/// A header of a tar archive, for a file whose content comes from elsewhere.
fn tar_header(name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A header of a cpio archive, for a file whose content comes from elsewhere.
fn cpio_header(name: &str, size: u32) -> Vec<u8> {
    let mut archive = cpio(&[(name, 0o100_644, b"")]);
    archive.truncate((110 + name.len() + 1).next_multiple_of(4));
    archive[54..62].copy_from_slice(format!("{size:08x}").as_bytes());
    archive
}

/// A Debian package whose `data.tar` is packed already.
fn deb_of(data: &[u8], ending: &str) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), (&format!("data.tar{ending}"), data)])
}

#[test]
fn a_module_that_is_a_bomb() {
    let module = Ko::importing("m", &["dma_buf_get"]).build();
    for ending in &ENDINGS[1..] {
        // Nothing but zeros, and a good module with zeros behind it.
        for start in [&b""[..], &module] {
            let packed = bomb(start, ending);
            let run = check_file(&format!("m.ko{ending}"), &packed);
            assert_eq!(run.status, 3, "{}", run.all());
            // What an .xz unpacks to it tells at its end; of the others it shows on the way.
            let most = if *ending == ".xz" { packed.len() * 256 } else { 128 << 20 };
            let reason = format!("unpacks to more than {most} bytes");
            assert!(run.stdout.contains(&format!("module m can't be read: {reason}")), "{}", run.all());
            assert!(run.stderr.contains(&format!("m.ko{ending}: {reason}")), "{}", run.all());
        }
    }
    // One that claims nothing, because it ends too early.
    let mut cut = bomb(&module, ".xz");
    cut.truncate(cut.len() - 4);
    let run = check_file("m.ko.xz", &cut);
    assert!(run.stderr.contains("m.ko.xz: unpacks to more than 134217728 bytes"), "{}", run.all());
}

#[test]
fn a_package_that_is_a_bomb() {
    for ending in &ENDINGS[1..] {
        // A module of ten GiB, a file before the modules, and the content of neither.
        for name in ["a.ko", "readme"] {
            let files = tar_header(name, 10 << 30);
            refused("p.deb", &deb_of(&bomb(&files, ending), ending), TOO_MUCH);
            let files = cpio_header(name, 0xffff_fffc);
            refused("p.rpm", &rpm_of(&files, &bomb(&files, ending)), TOO_MUCH);
        }
        // The zeros that may stand between two archives.
        refused("p.rpm", &rpm_of(b"", &bomb(&cpio(&[]), ending)), TOO_MUCH);
        refused("initrd.img", &bomb(&cpio(&[]), ending), TOO_MUCH);
        // What follows the end of an archive is not unpacked at all.
        let module = Ko::importing("m", &[]).build();
        let files = tar(&[("a.ko", EntryType::Regular, &module)]);
        let reason = "something follows the end of its archive";
        refused("p.deb", &deb_of(&bomb(&files, ending), ending), reason);
        refused("p.deb", &deb_of(&bomb(b"", ending), ending), reason);
    }
}

#[test]
fn a_bomb_in_a_package_in_a_tree() {
    let folder = folder();
    let module = Ko::importing("m", &["dma_buf_get"]).build();
    for (format, ending) in [("deb", ".gz"), ("deb", ".zst"), ("rpm", ".zst"), ("deb", ".xz")] {
        for inner in &ENDINGS[1..] {
            let name = format!("lib/modules/m.ko{inner}");
            let content = bomb(&module, inner);
            let package = match format {
                "deb" => deb(&[(&name, EntryType::Regular, &content)], ending),
                _ => rpm(&[(&name, 0o100_644, &content)], ending),
            };
            write(folder.path(), &format!("{format}{ending}{inner}.{format}"), package);
        }
    }
    // A good one beside them is judged all the same.
    write(folder.path(), "good.ko", std::fs::read(testdata("6.1/sg_get.ko")).unwrap());
    let run = bounded(["check".as_ref(), folder.path().as_os_str()]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert_eq!(run.stderr.matches(": unpacks to more than ").count(), 12, "{}", run.all());
    assert!(run.stderr.contains("deb.gz.zst.deb!lib/modules/m.ko.zst: unpacks to more than 134217728 bytes"));
    assert!(run.stdout.contains("denied[SG001 unregistered]: module sg_get"), "{}", run.all());
}

#[test]
fn a_bomb_in_a_bomb() {
    // Packed twice, the inner one by itself is small for what it holds, and the outer one for the inner one.
    let files = cpio_header("readme", 0xffff_fffc);
    for (inner, outer) in [(".xz", ".gz"), (".gz", ".zst"), (".zst", ".xz")] {
        let twice = pack(&bomb(&files, inner), outer);
        let nested = "what follows is neither a cpio archive nor packed in a way that is read";
        refused("initrd.img", &[cpio(&[]), twice.clone()].concat(), nested);
        let run = check_file("initrd.img", &twice);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains("initrd.img: not an ELF file"), "{}", run.all());
    }
    // A package in a package is a file like any other.
    let inner = deb(&[("a.ko", EntryType::Regular, &bomb(b"", ".zst"))], ".xz");
    let run = check_file("p.deb", &deb(&[("pool/p.deb", EntryType::Regular, &inner)], ".zst"));
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("p.deb: no module in it"), "{}", run.all());
}

#[test]
fn a_long_name_that_is_a_bomb() {
    for ending in &ENDINGS[1..] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(10 << 30);
        header.set_cksum();
        let package = deb_of(&bomb(header.as_bytes(), ending), ending);
        refused("p.deb", &package, "the name of a file is longer than any path");
    }
}

/// The same with one bit changed at a place that is counted from the end.
fn changed(bytes: &[u8], from_end: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    bytes
}

/// A zstd frame with a checksum (RFC 8878, section 3.1.1), whose one block is not packed. `XXH64` of the empty frame is
/// known, so that no hash has to be computed here.
const EMPTY_FRAME: [u8; 13] = [0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x38, 0x01, 0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51];

/// Good bytes packed, with a check that does not fit at the end, and what is said of it.
fn wrongly_checked(bytes: &[u8]) -> [(&'static str, Vec<u8>, &'static str); 4] {
    let zstd = [pack(bytes, ".zst"), EMPTY_FRAME.to_vec()].concat();
    // The check of an .xz stands before its index (some forty bytes in all) and its footer.
    let xz = pack(bytes, ".xz");
    let index = 4 * (1 + usize::try_from(u32::from_le_bytes(xz[xz.len() - 8..][..4].try_into().unwrap())).unwrap());
    let gzip = pack(bytes, ".gz");
    [
        (".zst", changed(&zstd, 1), "the checksum does not match"),
        (".xz", changed(&xz, 12 + index + 1), "invalid block checksum"),
        (".gz", changed(&gzip, 8), "corrupt gzip stream does not have a matching checksum"),
        // The length, behind the check.
        (".gz", changed(&gzip, 1), "corrupt gzip stream does not have a matching checksum"),
    ]
}

/// What the tool calls a compression.
fn name_of(ending: &str) -> &'static str {
    match ending {
        ".xz" => "xz",
        ".zst" => "zstd",
        _ => "gzip",
    }
}

#[test]
fn a_check_that_does_not_fit() {
    let module = std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap();
    let told = |name: &str, bytes: &[u8], reason: &str| {
        let run = check_file(name, bytes);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("{name}: {reason}")), "{reason}\n{}", run.all());
    };
    assert_eq!(check_file("m.ko.zst", &[pack(&module, ".zst"), EMPTY_FRAME.to_vec()].concat()).status, 0);
    for (ending, packed, reason) in wrongly_checked(&module) {
        told(&format!("m.ko{ending}"), &packed, &format!("broken {} data: {reason}", name_of(ending)));
    }
    // A package's end is read, too, though no file is there.
    for (ending, packed, reason) in wrongly_checked(&tar(&[("a.ko", EntryType::Regular, &module)])) {
        told("p.deb", &deb_of(&packed, ending), &format!("broken package: {reason}"));
    }
    let archive = cpio(&[("a.ko", 0o100_644, &module)]);
    for (_, packed, reason) in wrongly_checked(&archive) {
        told("p.rpm", &rpm_of(&archive, &packed), &format!("broken package: {reason}"));
        told("initrd.img", &packed, &format!("broken package: {reason}"));
    }
}

#[test]
fn garbage_behind_what_is_packed() {
    let module = std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap();
    let tar = tar(&[("a.ko", EntryType::Regular, &module)]);
    let cpio = cpio(&[("a.ko", 0o100_644, &module)]);
    let behind = |bytes: &[u8], ending: &str| [pack(bytes, ending), b"garbage!".to_vec()].concat();
    for ending in &ENDINGS[1..] {
        let run = check_file(&format!("m.ko{ending}"), &behind(&module, ending));
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(&format!("m.ko{ending}: broken {} data: ", name_of(ending))), "{}", run.all());
        for (name, package) in [
            ("p.deb", deb_of(&behind(&tar, ending), ending)),
            ("p.rpm", rpm_of(&cpio, &behind(&cpio, ending))),
            ("initrd.img", behind(&cpio, ending)),
        ] {
            let run = check_file(name, &package);
            assert_eq!(run.status, 3, "{}", run.all());
            assert!(run.stderr.contains(&format!("{name}: broken package: ")), "{}", run.all());
        }
    }
    refused("p.deb", &deb_of(&[tar, b"garbage!".to_vec()].concat(), ""), "something follows the end of its archive");
    let reason = "what follows is neither a cpio archive nor packed in a way that is read";
    refused("initrd.img", &[cpio, b"garbage!".to_vec()].concat(), reason);
}
