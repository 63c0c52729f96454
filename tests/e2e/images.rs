// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel image tells what `Module.symvers` would, CRCs aside.

use object::elf;

use crate::support::ko::{Crc, Export, Ko};
use crate::support::pack::{ENDINGS, pack};
use crate::support::vmlinux::{Fields, Vmlinux, bz_image};
use crate::support::{check, folder, run, write};

const EXPORTS: [Export; 3] = [
    Export { name: "__kmalloc", gpl: false, namespace: "", crc: 0x0102_0304 },
    Export { name: "dma_buf_get", gpl: true, namespace: "DMA_BUF", crc: 0x8899_aabb },
    Export { name: "dma_buf_put", gpl: true, namespace: "DMA_BUF", crc: 0x0000_0001 },
];

fn x86(flags: bool) -> Vmlinux {
    let machine = elf::EM_X86_64.0;
    Vmlinux { machine, big_endian: false, fields: Fields::Distances, exports: EXPORTS.to_vec(), flags }
}

fn classify(image: &[u8]) -> String {
    let folder = folder();
    let run = run(["classify", "--format", "symvers", &write(folder.path(), "vmlinux", image)]);
    assert_eq!(run.status, 0, "{}", run.all());
    run.stdout
}

/// What modpost would write, with or without CRCs.
fn symvers(crcs: bool) -> String {
    let line = |export: &Export| {
        let crc = if crcs { export.crc } else { 0 };
        let kind = if export.gpl { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" };
        format!("0x{crc:08x}\t{}\tvmlinux\t{kind}\t{}\n", export.name, export.namespace)
    };
    EXPORTS.iter().map(line).collect()
}

#[test]
fn every_layout_reads_as_its_symvers() {
    assert_eq!(classify(&x86(false).build()), symvers(true));
    assert_eq!(classify(&x86(true).build()), symvers(false));
    for (machine, big_endian, fields, flags) in [
        (elf::EM_AARCH64, false, Fields::Distances, true),
        (elf::EM_PPC64, false, Fields::Addresses, false),
        (elf::EM_PPC64, false, Fields::Moved, false),
        (elf::EM_S390, true, Fields::Moved, true),
        (elf::EM_RISCV, false, Fields::Addresses, true),
    ] {
        let image = Vmlinux { machine: machine.0, big_endian, fields, exports: EXPORTS.to_vec(), flags };
        assert_eq!(classify(&image.build()), symvers(false), "{image:?}");
    }
}

#[test]
fn an_x86_image_is_unpacked() {
    let kernel = x86(true).build();
    for ending in ENDINGS.iter().filter(|ending| !ending.is_empty()) {
        let mut packed = pack(&kernel, ending);
        if *ending != ".gz" {
            packed.extend_from_slice(&u32::try_from(kernel.len()).unwrap().to_le_bytes());
        }
        assert_eq!(classify(&bz_image(&packed)), symvers(false), "{ending}");
    }
}

/// Nothing is judged by an image that can't be read.
fn refused(image: &[u8], reason: &str) {
    let folder = folder();
    let image = write(folder.path(), "vmlinuz", image);
    let module = write(folder.path(), "m.ko", Ko::importing("m", &["__kmalloc"]).build());
    for arguments in [vec!["--symvers", &image, &module], vec![image.as_str(), &module]] {
        let run = check(&arguments);
        assert_eq!(run.status, 3, "{}", run.all());
        assert_eq!(run.stderr, format!("ERROR: symgate: {image}: {reason}\n"));
    }
}

#[test]
fn an_image_of_more_than_any_kernel_exports() {
    let many = Vmlinux { exports: vec![EXPORTS[0]; (1 << 18) + 1], ..x86(true) };
    refused(&many.build(), "has an export table __ksymtab that can't be read: it has more entries than any kernel's");
    let long: &'static str = Box::leak("n".repeat(500).into_boxed_str());
    let long = Vmlinux { exports: vec![Export { name: long, ..EXPORTS[0] }; 40_000], ..x86(true) };
    refused(&long.build(), "has an export table __ksymtab that can't be read: its names are longer than any kernel's");
}

#[test]
fn an_image_among_the_inputs_is_named() {
    let folder = folder();
    let image = write(folder.path(), "vmlinux", x86(true).build());
    let module = write(folder.path(), "m.ko", Ko::importing("m", &["__kmalloc"]).build());
    let said = format!("note: {image} is read as a kernel image\n");
    assert!(check(&[&image, &module]).stdout.contains(&said));
    assert!(!check(&["--symvers", &image, &module]).stdout.contains(&said));
}

#[test]
fn images_that_do_not_tell() {
    refused(
        &bz_image(b"\x02\x21\x4c\x18 and so on"),
        "is an x86 kernel image packed with lz4: its exports can't be told from it, a Module.symvers tells them",
    );
    let mut old = bz_image(b"");
    old[0x206] = 7;
    refused(
        &old,
        "is an x86 kernel image of a boot protocol before 2.08: its exports can't be told from it, a Module.symvers tells them",
    );
    let mut arm64 = vec![0; 100];
    arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
    refused(
        &arm64,
        "is an arm64 kernel image, which keeps no section headers: its exports can't be told from it, a Module.symvers tells them",
    );
    let kernel = x86(false).build();
    let at = kernel.windows(10).position(|bytes| bytes == b"__ksymtab\0").unwrap();
    let mut other = kernel.clone();
    other[at] = b'x';
    refused(
        &other,
        "is no module, and no kernel image whose exports can be told (it is not linked, or has no section __ksymtab)",
    );
    let mut broken = kernel;
    broken[64 + 4..64 + 8].copy_from_slice(&[0xff; 4]);
    refused(&broken, "has an export table __ksymtab that can't be read: its entries name no symbols in any layout");
}

#[test]
fn an_object_is_no_image_whatever_else_it_looks_like() {
    let mut object = std::fs::read(crate::support::testdata("6.1/sg_get.o")).unwrap();
    let image = bz_image(&pack(&x86(false).build(), ".gz"));
    // Nothing stands where the setup code's header would, but code that nobody runs.
    object.resize(object.len().max(image.len()), 0);
    for (at, len) in [(0x1f1, 1), (0x1fe, 2), (0x202, 6), (0x248, 8)] {
        object[at..at + len].copy_from_slice(&image[at..at + len]);
    }
    let folder = folder();
    let run = check(&[&write(folder.path(), "sg_get.o", object)]);
    assert_ne!(run.status, 0, "{}", run.all());
    assert!(run.stdout.contains("sg_get"), "{}", run.all());
}

#[test]
fn a_truncated_image_is_refused() {
    let image = bz_image(&pack(&x86(true).build(), ".gz"));
    let folder = folder();
    let path = write(folder.path(), "vmlinuz", &image[..image.len() - 20]);
    let run = run(["classify", &path]);
    assert_eq!((run.status, run.stdout.as_str()), (3, ""), "{}", run.all());
}

#[test]
fn a_system_without_symvers_is_judged_by_its_image() {
    let folder = folder();
    let symvers =
        write(folder.path(), "Module.symvers", symvers(true) + "0x00000000\tkept\tkernel/keeper\tEXPORT_SYMBOL\t\n");
    let image = write(folder.path(), "vmlinux", x86(false).build());
    let mut keeper = Ko::importing("keeper", &["__kmalloc"]);
    keeper.exports = vec![Export { name: "kept", gpl: false, namespace: "", crc: 0 }];
    keeper.crc = Crc::None;
    write(folder.path(), "tree/kernel/keeper.ko", keeper.build());
    let modules = [
        Ko::importing("getter", &["dma_buf_get", "kept"]).modinfo("license=GPL|depends=keeper|"),
        Ko::importing("asker", &["dma_buf_put", "nobody_has_it"]).modinfo("license=MIT|depends=|import_ns=DMA_BUF|"),
    ];
    for module in modules {
        write(folder.path(), &format!("tree/kernel/{}.ko", module.name), module.build());
    }
    let tree = folder.path().join("tree").display().to_string();
    let by_symvers = check(&["--format", "json", "--symvers", &symvers, &tree]);
    let by_image = check(&["--format", "json", "--symvers", &image, &tree]);
    assert_eq!(by_symvers.status, 1, "{}", by_symvers.all());
    let findings = by_symvers.json()["findings"].clone();
    assert_eq!(findings, by_image.json()["findings"]);
    for rule in ["SG001", "SG005", "SG007", "SG012"] {
        assert!(findings.to_string().contains(rule), "{rule}: {}", by_symvers.all());
    }
}

#[test]
fn what_other_modules_export_is_not_known_from_an_image() {
    let folder = folder();
    let image = write(folder.path(), "vmlinux", x86(false).build());
    let getter = Ko::importing("getter", &["__kmalloc", "kept"]).modinfo("license=GPL|depends=keeper|").build();
    let run = check(&["--symvers", &image, &write(folder.path(), "getter.ko", getter)]);
    assert_eq!(run.status, 0, "{}", run.all());
    assert!(!run.stdout.contains("SG012"), "{}", run.all());
    assert!(
        run.stdout.contains("not seen: modules whose providers are known: 0 of 1: the others depend on modules"),
        "{}",
        run.all()
    );
}
