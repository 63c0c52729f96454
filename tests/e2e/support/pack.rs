// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packs modules as installers and package builders do, with no tool but our own libraries.

use std::io::Write;

/// The ways in which things are packed, with the endings of their names; the first is none.
pub(crate) const ENDINGS: [&str; 4] = ["", ".xz", ".zst", ".gz"];

/// Packs bytes in the way of this ending.
pub(crate) fn pack(bytes: &[u8], ending: &str) -> Vec<u8> {
    match ending {
        "" => bytes.to_vec(),
        ".xz" => {
            let mut writer =
                lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("an encoder");
            writer.write_all(bytes).expect("memory");
            writer.finish().expect("memory")
        }
        ".zst" => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
        ".gz" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(bytes).expect("memory");
            writer.finish().expect("memory")
        }
        other => panic!("{other} is no way to pack"),
    }
}

/// A tar archive of these files, with names that nobody has looked at.
pub(crate) fn tar(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in files {
        let mut header = tar::Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// A cpio archive of these files, with their modes.
pub(crate) fn cpio(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, mode, bytes) in files {
        let size = u32::try_from(bytes.len()).expect("a small file");
        let mut writer = cpio::NewcBuilder::new(name).mode(*mode).write(&mut archive, size);
        writer.write_all(bytes).expect("memory");
        writer.finish().expect("memory");
    }
    cpio::newc::trailer(&mut archive).expect("memory");
    archive
}

/// An `ar` archive of these members.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        archive.extend_from_slice(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).as_bytes(),
        );
        archive.extend_from_slice(bytes);
        if bytes.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

/// An RPM package of these files, whose payload is packed in the way of this ending.
pub(crate) fn rpm(files: &[(&str, u32, &[u8])], ending: &str) -> Vec<u8> {
    let archive = cpio(files);
    rpm_of(&archive, &pack(&archive, ending))
}

/// An RPM package that lists what an archive holds, and has this payload.
pub(crate) fn rpm_of(archive: &[u8], payload: &[u8]) -> Vec<u8> {
    super::rpm::package(&super::rpm::listed(archive), false, payload)
}

/// A Debian package of these files, whose `data.tar` is packed in the way of this ending.
pub(crate) fn deb(files: &[(&str, tar::EntryType, &[u8])], ending: &str) -> Vec<u8> {
    let data = format!("data.tar{ending}");
    let control = tar(&[]);
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), (&data, &pack(&tar(files), ending))])
}
