// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inputs that are broken, or made to fool: each gets a clear error or finding and the exit status that the
//! design gives it, and none a pass.

use std::os::unix::fs::symlink;

use object::SymbolScope;

use crate::support::elf::{Elf, TYPE};
use crate::support::ko::{Ko, PPC64LE, section, undefined};
use crate::support::pack::{ENDINGS, pack};
use crate::support::{Run, check, folder, root, run, testdata, write};

/// Checks one file of this name and content.
fn check_file(name: &str, bytes: &[u8]) -> Run {
    let folder = folder();
    let path = write(folder.path(), name, bytes);
    let mut run = check(&[&path]);
    let place = folder.path().display().to_string();
    run.stdout = run.stdout.replace(&place, "@DIR@");
    run.stderr = run.stderr.replace(&place, "@DIR@");
    run
}

/// The file yields no facts: SG013 names it, and the exit status is 3.
fn unreadable(name: &str, bytes: &[u8], reason: &str) {
    let run = check_file(name, bytes);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stdout.contains("denied[SG013 malformed]"), "{}", run.all());
    assert!(run.stdout.contains(&format!("can't be read: {reason}")), "{}", run.all());
    assert!(run.stderr.starts_with(&format!("ERROR: symgate: @DIR@/{name}: {reason}")), "{}", run.all());
}

/// The file is read, and SG013 says what is wrong with it.
fn malformed(bytes: &[u8], reason: &str) {
    let run = check_file("m.ko", bytes);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains(&format!("denied[SG013 malformed]: module m {reason}")), "{}", run.all());
}

fn good() -> Vec<u8> {
    std::fs::read(testdata("6.1/sg_harmless.ko")).unwrap()
}

#[test]
fn empty_short_and_foreign_files() {
    unreadable("m.ko", b"", "the file is empty");
    unreadable("m.ko", b"\x7fEL", "not an ELF file (it starts with 7f 45 4c)");
    unreadable("m.ko", b"\x7fELF", "truncated: the ELF identification");
    unreadable("m.ko", b"#!/bin/sh\n", "not an ELF file (it starts with 23 21 2f 62)");
    unreadable("m.ko", b"\x7fELF\x03\x01\x01", "unknown ELF class, byte order or version");
    unreadable("m.ko", b"\x7fELF\x02\x01\x01", "truncated: the ELF header");
}

#[test]
fn truncated_modules() {
    let good = good();
    unreadable("m.ko", &good[..good.len() - 1], "truncated: the section headers");
    unreadable("m.ko", &good[..good.len() / 2], "truncated: the section headers");
}

#[test]
fn headers_that_lie() {
    let patched = |at: usize, bytes: &[u8]| {
        let mut module = good();
        module[at..at + bytes.len()].copy_from_slice(bytes);
        module
    };
    let table = u64::from_le_bytes(good()[0x28..0x30].try_into().unwrap());
    let field = |section: u64, offset: u64| usize::try_from(table + section * 64 + offset).unwrap();
    unreadable("m.ko", &patched(0x28, &[0; 8]), "no sections");
    unreadable("m.ko", &patched(0x28, &[0xff; 8]), "truncated: the section headers");
    unreadable("m.ko", &patched(0x3a, &[65, 0]), "section headers of 65 bytes, not 64");
    unreadable("m.ko", &patched(0x3c, &[0xff, 0xff]), "65535 sections, more than the 65280");
    unreadable("m.ko", &patched(0x3e, &[0, 0]), "no table of section names (e_shstrndx is 0)");
    unreadable("m.ko", &patched(0x3e, &[0xf0, 0xf0]), "no table of section names (e_shstrndx is out of range)");
    unreadable("m.ko", &patched(field(3, 0), &[0xff; 4]), "no table of section names (a name does not end in it)");
    unreadable("m.ko", &patched(field(3, 24), &[0xff; 8]), "truncated: section ");
    // 2^32 sections, by the count in the first header.
    let mut module = patched(0x3c, &[0, 0]);
    module[field(0, 32)..field(0, 40)].copy_from_slice(&(1_u64 << 32).to_le_bytes());
    unreadable("m.ko", &module, "4294967296 sections, more than the 65280");
}

#[test]
fn no_sections_or_no_symbols() {
    let folder = folder();
    let module = Ko::importing("m", &["dma_buf_get"]).build();
    let path = write(folder.path(), "m.ko", &module);
    let strip = std::process::Command::new("strip").args(["--strip-all", "-R", ".symtab", &path]).status();
    if strip.is_ok_and(|status| status.success()) {
        malformed(&std::fs::read(&path).unwrap(), "has no symbol table: what it imports can't be told");
    }
    // The same by hand: the symbol table becomes a section of another type.
    malformed(&without_symbol_table(&module), "has no symbol table: what it imports can't be told");
}

fn without_symbol_table(module: &[u8]) -> Vec<u8> {
    let mut module = module.to_vec();
    let table = usize::try_from(u64::from_le_bytes(module[0x28..0x30].try_into().unwrap())).unwrap();
    let count = usize::from(u16::from_le_bytes(module[0x3c..0x3e].try_into().unwrap()));
    for section in 0..count {
        let kind = table + section * 64 + 4;
        if module[kind..kind + 4] == 2_u32.to_le_bytes() {
            module[kind] = 1;
        }
    }
    module
}

#[test]
fn what_the_loader_refuses() {
    let ko = Ko::importing("m", &["dma_buf_put"]);
    let mut object = ko.object();
    section(&mut object, ".modinfo", b"license=MIT\0", 1);
    malformed(&object.write().unwrap(), "has more than one section .modinfo");

    let mut object = ko.object();
    object.add_symbol(object::write::Symbol {
        name: b"shared".to_vec(),
        value: 8,
        size: 8,
        kind: object::SymbolKind::Data,
        scope: SymbolScope::Linkage,
        weak: false,
        section: object::write::SymbolSection::Common,
        flags: object::SymbolFlags::None,
    });
    malformed(&object.write().unwrap(), "has common symbols (shared)");

    let mut object = ko.object();
    let hidden = undefined(&mut object, "dma_buf_get", false, SymbolScope::Unknown);
    object.symbol_mut(hidden).flags =
        object::SymbolFlags::Elf { st_info: object::elf::SymbolInfo(0), st_other: object::elf::SymbolOther(0) };
    let run = check_file("m.ko", &object.write().unwrap());
    assert!(run.stdout.contains("imports dma_buf_get by local symbols"), "{}", run.all());
    assert!(run.stdout.contains("denied[SG001 unregistered]: module m gets at dma-buf"), "{}", run.all());

    malformed(
        &ko.clone().modinfo("license=GPL|name=other|").build(),
        "is named \"m\" in .gnu.linkonce.this_module, but \"other\"",
    );
    malformed(
        &ko.clone().modinfo("license=GPL|description=x|stray|").build(),
        "has strings in .modinfo that are no tag=value (1); the first is \"stray\", after the tag description",
    );
    // What decides has to be text; an author's name may be in any encoding.
    let latin1 = |tag: &str| {
        let mut ko = ko.clone();
        ko.modinfo = [b"license=GPL\0".as_slice(), tag.as_bytes(), b"=J\xf6rg\0"].concat();
        ko.build()
    };
    assert_eq!(check_file("m.ko", &latin1("author")).status, 0);
    malformed(&latin1("import_ns"), "has a tag import_ns in .modinfo that is not UTF-8");
}

#[test]
fn files_of_debug_info() {
    // What `objcopy --only-keep-debug` leaves: nothing that would be loaded has bytes.
    let mut file = Elf(Ko::importing("m", &["dma_buf_get"]).build());
    for name in [".modinfo", ".gnu.linkonce.this_module", ".text"] {
        file.set32(name, TYPE, object::elf::SHT_NOBITS.0);
    }
    let only = "holds a module's debug info only, not the module";
    let run = check_file("m.ko", &file.0);
    assert_eq!((run.status, run.stdout.contains("SG013")), (3, false), "{}", run.all());
    assert!(run.stderr.contains(&format!("m.ko: {only}\n")), "{}", run.all());
    // Beside modules it is counted; `.gnu_debuglink` and the like change nothing.
    let folder = folder();
    write(folder.path(), "a/m.ko", good());
    write(folder.path(), "b/m.ko", &file.0);
    let run = check(&[&folder.path().display().to_string()]);
    assert_eq!(run.status, 0, "{}", run.all());
    assert!(run.stdout.contains("not seen: files of debug info: 0 of 1: "), "{}", run.all());
    // To the loader the type of a section says only whether it has bytes.
    for name in [".modinfo", ".gnu.linkonce.this_module", ".text"] {
        file.set32(name, TYPE, object::elf::SHT_NOTE.0);
    }
    let run = check_file("m.ko", &file.0);
    assert!(run.stdout.contains("denied[SG001 unregistered]: module m gets at dma-buf"), "{}", run.all());
    for name in [".modinfo", ".gnu.linkonce.this_module"] {
        file.set32(name, TYPE, object::elf::SHT_NOBITS.0);
    }
    // One section that is there, and it is a module that the loader may take.
    file.set32(".text", TYPE, object::elf::SHT_PROGBITS.0);
    malformed(&file.0, "has no readable name in .gnu.linkonce.this_module");
}

#[test]
fn common_symbols_that_the_loader_passes_over() {
    let common = |name: &str| {
        let mut object = Ko::importing("m", &[]).object();
        object.add_symbol(object::write::Symbol {
            name: name.as_bytes().to_vec(),
            value: 1,
            size: 1,
            kind: object::SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section: object::write::SymbolSection::Common,
            flags: object::SymbolFlags::None,
        });
        object.write().unwrap()
    };
    assert_eq!(check_file("m.ko", &common("__gnu_lto_slim")).status, 0);
    malformed(&common("counter"), "has common symbols (counter)");
}

#[test]
fn tags_that_can_be_there_once() {
    let module = |modinfo: &str| Ko::importing("m", &["dma_buf_put"]).modinfo(modinfo).build();
    let twice = module("license=GPL|intree=Y|vermagic=6.1|vermagic=6.2|");
    malformed(&twice, "has the tag vermagic 2 times in .modinfo (\"6.1\", \"6.2\"); there can be one");
    // Whichever of two equal ones is read, it says the same.
    let run = check_file("m.ko", &module("license=GPL|intree=Y|intree=Y|"));
    assert_eq!(run.status, 0, "{}", run.all());
    assert!(run.stdout.contains("warning[SG013 malformed]: module m has the tag intree 2 times in .modinfo"));
    malformed(
        &module("license=GPL|name=other|"),
        "has the tag name 2 times in .modinfo (\"m\", \"other\"); there can be one",
    );
    // MODULE_VERSION is written by authors, in two files now and then; and aliases are many.
    let run = check_file("m.ko", &module("license=GPL|version=1|version=2|alias=a|alias=b|"));
    assert_eq!(run.status, 0, "{}", run.all());
    assert!(run.stdout.contains("warning[SG013 malformed]: module m has the tag version 2 times"), "{}", run.all());
}

#[test]
fn a_class_that_is_not_the_machines() {
    let mut module = Ko { machine: PPC64LE, ..Ko::importing("m", &["dma_buf_get"]) }.build();
    module[0x12..0x14].copy_from_slice(&[20, 0]);
    unreadable("m.ko", &module, "a class of 64 bits, which machine 20 has no modules of");
}

#[test]
fn strings_and_sections_as_the_loader_wants_them() {
    let good = good();
    let table = usize::try_from(u64::from_le_bytes(good[0x28..0x30].try_into().unwrap())).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut module = good.clone();
        module[at..at + bytes.len()].copy_from_slice(bytes);
        module
    };
    let refused = |module: &[u8], reason: &str| {
        let run = check_file("m.ko", module);
        assert_eq!(run.status, 1, "{}", run.all());
        assert!(run.stdout.contains(reason), "{}", run.all());
    };
    refused(&patched(table + 16, &[1]), "has a first section that is not empty, which the loader refuses");
    let strings = |field: usize, bytes: &[u8]| patch_section(&good, ".strtab", field, bytes);
    let place = |section: &str, field: usize| {
        let zeroed = patch_section(&good, section, field, &[0; 8]);
        let at = (0..good.len()).find(|&at| good[at] != zeroed[at]).unwrap() & !7;
        usize::try_from(u64::from_le_bytes(good[at..at + 8].try_into().unwrap())).unwrap()
    };
    let (start, size) = (place(".strtab", 24), place(".strtab", 32));
    refused(&patched(start, b"x"), "has a table of symbol names that does not start with a NUL");
    refused(&patched(start + size - 1, b"x"), "has a table of symbol names that does not end with a NUL");
    refused(&strings(32, &1_u64.to_le_bytes()), "has a table of symbol names that a symbol's name is not in");
}

#[test]
fn dots_come_off_on_powerpc() {
    use crate::support::ko::PPC64LE;
    let ko = Ko { machine: PPC64LE, ..Ko::importing("m", &[".dma_buf_get", ".TOC."]) };
    let run = check_file("m.ko", &ko.build());
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("module m gets at dma-buf"), "{}", run.all());
    // Elsewhere a dot is part of the name, which nobody exports.
    assert_eq!(check_file("m.ko", &Ko::importing("m", &[".dma_buf_get"]).build()).status, 0);
    // Of a name that is nothing else the dot stays: no import is without a name.
    let folder = folder();
    let path = write(folder.path(), "m.ko", Ko { machine: PPC64LE, ..Ko::importing("m", &["."]) }.build());
    let module = &crate::support::run(["inspect", "--format", "json", &path]).json()["modules"][0];
    assert_eq!(module["imports"][0]["symbol"], ".", "{module}");
}

#[test]
fn registers_of_sparc_are_no_imports() {
    use crate::support::ko::SPARC64;
    let mut object = Ko { machine: SPARC64, ..Ko::importing("m", &[]) }.object();
    let register = undefined(&mut object, "", false, SymbolScope::Unknown);
    object.symbol_mut(register).flags =
        object::SymbolFlags::Elf { st_info: object::elf::SymbolInfo(0x1d), st_other: object::elf::SymbolOther(0) };
    let run = check_file("m.ko", &object.write().unwrap());
    assert_eq!(run.status, 0, "{}", run.all());
}

#[test]
fn a_livepatch_symbol_is_an_import() {
    let livepatch = |name: &str| {
        let mut object = Ko::importing("m", &[]).object();
        let symbol = undefined(&mut object, name, false, SymbolScope::Unknown);
        let mut bytes = object.write().unwrap();
        // `st_shndx` of the one undefined symbol, found by its value of nothing at all.
        let _ = symbol;
        let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(&*bytes).unwrap();
        let index =
            object::Object::symbols(&elf).find(|symbol| object::ObjectSymbol::name(symbol) == Ok(name)).unwrap();
        let index = object::ObjectSymbol::index(&index).0;
        let table = object::Object::section_by_name(&elf, ".symtab").unwrap();
        let start = usize::try_from(object::ObjectSection::file_range(&table).unwrap().0).unwrap();
        bytes[start + index * 24 + 6..][..2].copy_from_slice(&0xff20_u16.to_le_bytes());
        check_file("m.ko", &bytes)
    };
    let run = livepatch(".klp.sym.vmlinux.dma_buf_get,0");
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("module m gets at dma-buf and is not registered"), "{}", run.all());
    assert_eq!(livepatch(".klp.sym.vmlinux.printk,1").status, 0);
    let run = livepatch(".klp.sym.nothing");
    assert!(run.stdout.contains("has a livepatch symbol that names nothing"), "{}", run.all());
}

#[test]
fn a_borrowed_namespace_changes_no_family() {
    // Whoever exports `pci_alloc_p2pmem` into DMA_BUF does not make it one of that family's harmless ones.
    let decoy = crate::support::ko::Export { name: "pci_alloc_p2pmem", gpl: true, namespace: "DMA_BUF", crc: 0 };
    let folder = folder();
    let evil = write(folder.path(), "evil.ko", Ko::importing("evil", &["pci_alloc_p2pmem"]).build());
    let decoy = write(folder.path(), "decoy.ko", Ko { exports: vec![decoy], ..Ko::importing("decoy", &[]) }.build());
    for inputs in [&[evil.as_str()][..], &[evil.as_str(), decoy.as_str()]] {
        let run = check(inputs);
        assert_eq!(run.status, 1, "{}", run.all());
        assert!(run.stdout.contains("module evil gets at p2pdma and is not registered"), "{}", run.all());
    }
}

#[test]
fn names_that_act_on_a_terminal_are_not_shown() {
    let folder = folder();
    let module =
        Ko::importing("m", &["dma_buf_get", "a\u{1b}[2J", "b\u{1}"]).modinfo("license=GPL|author=\u{1b}]0;x|").build();
    let path = write(folder.path(), "evil\nERROR: symgate: all is well.ko", module);
    for command in ["check", "inspect"] {
        let run = run([command, &path]);
        let all = run.all();
        // A terminal's own sequences are taken out where there is no terminal; other control characters are not.
        assert!(!all.contains(['\u{1b}', '\u{1}']) && !all.contains("\nERROR: symgate: all is well"), "{all}");
    }
    let run = check(&["--format", "kbuild", &path]);
    assert!(run.stderr.contains("has undefined symbols whose names can't be read (2)"), "{}", run.all());
    assert!(run.stderr.contains("its imports a\\u{1b}[2J, b\\u{1} only by the second"), "{}", run.all());
    assert!(run.stderr.lines().all(|line| !line.starts_with("ERROR: symgate: all")), "{}", run.all());
}

/// The same module with `bytes` at each place of a section's header that `field` names.
fn patch_section(module: &[u8], name: &str, field: usize, bytes: &[u8]) -> Vec<u8> {
    let mut module = module.to_vec();
    let number = |at: usize, len: usize| {
        module[at..at + len].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, count, strings) = (number(0x28, 8), number(0x3c, 2), number(0x3e, 2));
    let names = number(table + strings * 64 + 24, 8);
    let header = (0..count)
        .map(|section| table + section * 64)
        .find(|header| module[names + number(*header, 4)..].starts_with(format!("{name}\0").as_bytes()))
        .expect("the section is there");
    module[header + field..header + field + bytes.len()].copy_from_slice(bytes);
    module
}

#[test]
fn huge_counts_cost_nothing() {
    let exporter = std::fs::read(testdata("6.1/sg_export.ko")).unwrap();
    // An export table that claims to have no bytes in the file, and a trillion entries.
    let nobits = patch_section(&exporter, "__ksymtab", 4, &8_u32.to_le_bytes());
    let nobits = patch_section(&nobits, "__ksymtab", 32, &(12_u64 << 40).to_le_bytes());
    let run = check_file("sg_export.ko", &nobits);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(
        run.stdout.contains("has an export table __ksymtab that can't be read: it has no bytes in the file"),
        "{}",
        run.all()
    );
    // A hundred thousand undefined symbols, all of one name that never ends.
    let mut object = Ko::importing("m", &[]).object();
    let long = "x".repeat(100_000);
    for _ in 0..100 {
        undefined(&mut object, &long, false, SymbolScope::Unknown);
    }
    malformed(&object.write().unwrap(), "has undefined symbols whose names can't be read (1)");
    // A million strings that are no tags.
    let strays = "a|".repeat(1_000_000);
    malformed(
        &Ko::importing("m", &[]).modinfo(&format!("description=x|{strays}")).build(),
        "has strings in .modinfo that are no tag=value (1000000)",
    );
    // More of it than any module has is not even read.
    let much = "a=b|".repeat(2_000_000);
    malformed(&Ko::importing("m", &[]).modinfo(&much).build(), "has a .modinfo that is larger than any module's");
}

#[test]
fn programs_are_no_modules() {
    let run = check(&[env!("CARGO_BIN_EXE_symgate")]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("is no module, and no kernel image whose exports can be told"), "{}", run.all());
    let folder = folder();
    let named = write(folder.path(), "m.ko", std::fs::read(env!("CARGO_BIN_EXE_symgate")).unwrap());
    let run = check(&[&named]);
    assert_eq!(run.status, 1, "{}", run.all());
    assert!(run.stdout.contains("is not a relocatable object (e_type 3)"), "{}", run.all());
}

#[test]
fn a_signature_comes_off_first_and_a_broken_one_is_told() {
    let marker = b"~Module signature appended~\n";
    let signed = |len: u32| {
        [
            good(),
            b"not really PKCS#7".to_vec(),
            vec![0, 0, 2, 0, 0, 0, 0, 0],
            len.to_be_bytes().to_vec(),
            marker.to_vec(),
        ]
        .concat()
    };
    assert_eq!(check_file("m.ko", &signed(17)).status, 0);
    let run = check_file("m.ko", &signed(u32::MAX));
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("ends with a broken signature: its length of 4294967295 bytes"), "{}", run.all());
    // One that claims part of the module itself leaves a module that is cut short.
    unreadable("m.ko", &signed(18), "truncated: the section headers");
}

#[test]
fn broken_packing() {
    unreadable("m.ko.xz", b"\xfd7zXZ\0no", "broken xz data: ");
    unreadable("m.ko.gz", b"\x1f\x8bno", "broken gzip data: ");
    unreadable("m.ko.zst", b"\x28\xb5\x2f\xfdno", "broken zstd data: ");
    unreadable("m.ko.zst", b"\x50\x2a\x4d\x18\xff\xff\xff\xff", "not an ELF file");
    let run = check_file("m.ko.bz2", b"BZh91AY");
    assert_eq!((run.status, run.stdout.contains("SG013")), (3, false), "{}", run.all());
    assert!(run.stderr.contains("m.ko.bz2: is packed with bzip2, which is not read"), "{}", run.all());
}

#[test]
fn what_is_there_but_no_file() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let told = |args: &[&str], message: &str| {
        let run = check(args);
        assert_eq!(run.status, 3, "{}", run.all());
        assert!(run.stderr.contains(message), "{}", run.all());
    };
    told(&[&at("nowhere.ko")], "nowhere.ko: No such file or directory");
    std::fs::create_dir(at("empty")).unwrap();
    told(&[&at("empty")], "empty: no module in it");
    assert_eq!(check(&["--allow-empty", &at("empty")]).status, 0);
    std::fs::create_dir(at("dir.ko")).unwrap();
    told(&[&at("dir.ko")], "dir.ko: no module in it");
    let made = std::process::Command::new("mkfifo").arg(at("fifo.ko")).status();
    assert!(made.is_ok_and(|status| status.success()));
    told(&[&at("fifo.ko")], "fifo.ko: is a FIFO, not a file");
    told(&["/dev/null"], "/dev/null: is a device, not a file");
    // The same inside a tree, beside a good module.
    write(folder.path(), "good.ko", good());
    symlink(at("nowhere.ko"), at("dangling.ko")).unwrap();
    let run = check(&[&folder.path().display().to_string()]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.contains("ERROR: symgate: dangling.ko: "), "{}", run.all());
    assert!(run.stderr.contains("ERROR: symgate: fifo.ko: is a FIFO, not a file"), "{}", run.all());
    assert!(run.stdout.contains("1 module: 0 get at a family"), "{}", run.all());
    told(&["--symvers", &at("fifo.ko"), "testdata/6.1/sg_get.ko"], "fifo.ko: is a FIFO, not a file");
    told(&["testdata/6.1/Module.symvers"], "testdata/6.1/Module.symvers: no module in it");
    let fake = write(folder.path(), "fake.ko", std::fs::read(testdata("6.1/Module.symvers")).unwrap());
    told(&[&fake], "fake.ko: not an ELF file");
    told(&["--symvers", &at("nowhere"), "testdata/6.1/sg_get.ko"], "nowhere: No such file or directory");
    told(&["--symvers", &at("empty"), "testdata/6.1/sg_get.ko"], "empty: is a directory, not a file");
    told(&["--symvers", &write(folder.path(), "none", ""), "testdata/6.1/sg_get.ko"], "none: no export in it");
    told(&["--symvers", "README.md", "testdata/6.1/sg_get.ko"], "README.md: line 1, column 1: ");
}

#[test]
fn unreadable_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = write(folder.path(), "m.ko", good());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // Root reads everything; a file that can't be read is then one whose link leads in a circle.
        std::fs::remove_file(&path).unwrap();
        symlink(&path, &path).unwrap();
    }
    let run = check(&[&path]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(run.stderr.starts_with("ERROR: symgate: "), "{}", run.all());
}

#[test]
fn trees_with_links() {
    let folder = folder();
    let place = folder.path();
    write(place, "real/m.ko", good());
    symlink("../real", place.join("real/loop")).unwrap();
    symlink("m.ko", place.join("real/link.ko")).unwrap();
    write(place, "elsewhere/other.ko", std::fs::read(testdata("6.1/sg_get.ko")).unwrap());
    symlink("../elsewhere", place.join("real/updates")).unwrap();
    // Where a kernel's modules point to its source; nothing there is installed.
    symlink("../elsewhere", place.join("real/build")).unwrap();
    let run = check(&["--all", &place.join("real").display().to_string()]);
    assert_eq!(run.status, 1, "{}", run.all());
    // The tree itself may be reached by such a link.
    symlink("real", place.join("build")).unwrap();
    let by_link = check(&["--all", &place.join("build").display().to_string()]);
    assert_eq!(by_link.all(), run.all());
    // Trees that overlap are one.
    let sub = place.join("real/updates").display().to_string();
    let real = place.join("real").display().to_string();
    let both = check(&["--all", &real, &sub]);
    assert_eq!((both.status, both.stderr.as_str()), (1, ""), "{}", both.all());
    assert_eq!(check(&["--all", &sub, &real]).all(), both.all());
    assert_eq!(check(&["--all", &real, &real]).all(), run.all());
    assert!(run.stdout.contains("in updates/other.ko"), "{}", run.all());
    assert!(run.stdout.contains("3 modules: 1 gets at a family"), "{}", run.all());
}

#[test]
fn a_link_to_what_holds_the_tree_is_told() {
    let folder = folder();
    write(folder.path(), "lib/modules/6.1/m.ko", good());
    symlink("../../../lib", folder.path().join("lib/modules/6.1/extra")).unwrap();
    let run = check(&[&folder.path().join("lib/modules/6.1").display().to_string()]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(
        run.stderr.contains("extra: is a link to a folder that holds this one, which is not read"),
        "{}",
        run.all()
    );
}

#[test]
fn links_upon_links_are_followed_once() {
    let folder = folder();
    let place = folder.path();
    // Two to the thirtieth ways to one module.
    for level in 0..30 {
        std::fs::create_dir(place.join(format!("d{level}"))).unwrap();
        for link in ["a", "b"] {
            symlink(format!("../d{}", level + 1), place.join(format!("d{level}/{link}"))).unwrap();
        }
    }
    write(place, "d30/m.ko", good());
    symlink("/", place.join("d0/root")).unwrap();
    let run = check(&[&place.join("d0").display().to_string()]);
    assert_eq!(run.status, 3, "{}", run.all());
    assert!(
        run.stderr.ends_with("root: is a link to a folder that holds this one, which is not read\n"),
        "{}",
        run.all()
    );
    assert!(run.stdout.contains("1 module: 0 get at"), "{}", run.all());
}

#[test]
fn a_report_is_written_over_no_input() {
    let folder = folder();
    let path = write(folder.path(), "m.ko", good());
    let run = check(&["-o", &path, &path]);
    assert_eq!(run.status, 2, "{}", run.all());
    assert!(run.stderr.contains("is an input, too"), "{}", run.all());
    assert_eq!(std::fs::read(&path).unwrap(), good());
}

#[test]
fn a_module_that_calls_itself_vmlinux_is_not_the_kernel() {
    let folder = folder();
    let export = crate::support::ko::Export { name: "anything", gpl: false, namespace: "", crc: 0 };
    let vmlinux = Ko { exports: vec![export], ..Ko::importing("vmlinux", &[]) };
    write(folder.path(), "kernel/vmlinux.ko", vmlinux.build());
    write(folder.path(), "kernel/sg_put.ko", std::fs::read(testdata("6.1/sg_put.ko")).unwrap());
    let run = check(&[&folder.path().display().to_string()]);
    assert_eq!(run.status, 0, "{}", run.all());
    assert!(run.stdout.contains("no Module.symvers of the kernel was given"), "{}", run.all());
}

#[test]
fn packed_modules_read_as_plain_ones() {
    let folder = folder();
    let place = folder.path();
    let plain = std::fs::read(testdata("6.1/sg_export.ko")).unwrap();
    let path = write(place, "sg_export.ko", &plain);
    let expected = run(["classify", "--format", "symvers", &path]).stdout;
    assert_eq!(expected.lines().count(), 4);
    for ending in ENDINGS {
        let packed = write(place, &format!("sg_export.ko{ending}"), pack(&plain, ending));
        let run = run(["classify", "--format", "symvers", &packed]);
        assert_eq!((run.status, run.stdout), (0, expected.clone()), "{ending}");
        // By its first bytes, whatever its name.
        let renamed = write(place, "other/sg_export.ko", std::fs::read(&packed).unwrap());
        assert_eq!(crate::support::run(["classify", &renamed]).stdout.lines().count(), 4);
    }
}

#[test]
fn the_reader_that_stops_reading_changes_nothing() {
    let command = format!(
        "{} check --today 2026-12-01 testdata/6.1/sg_get.ko | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_symgate")
    );
    let output = std::process::Command::new("bash").current_dir(root()).args(["-c", &command]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
