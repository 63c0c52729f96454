// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exports and imports in every layout, for machines of either class and byte order.

use crate::support::ko::{
    ARM, ARM64, Crc, Export, I386, Ko, MIPS, Machine, PPC64LE, RISCV64, S390X, X86_64, section, undefined,
};
use crate::support::{folder, run, testdata, write};

const MACHINES: [Machine; 8] = [X86_64, I386, ARM64, ARM, S390X, MIPS, PPC64LE, RISCV64];

const EXPORTS: [Export; 3] = [
    Export { name: "a_plain", gpl: false, namespace: "", crc: 0x1111_2222 },
    Export { name: "b_gpl", gpl: true, namespace: "", crc: 0x3333_4444 },
    Export { name: "c_spaced", gpl: true, namespace: "NS", crc: 0xf555_6666 },
];

fn module(machine: Machine, crc: Crc, flags: bool) -> Vec<u8> {
    Ko { machine, exports: EXPORTS.to_vec(), crc, flags, ..Ko::importing("layout", &["needed"]) }.build()
}

fn classify(bytes: &[u8]) -> String {
    let folder = folder();
    let path = write(folder.path(), "layout.ko", bytes);
    let run = run(["classify", "--format", "symvers", &path]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    run.stdout.replace(path.trim_end_matches(".ko"), "layout")
}

#[test]
fn every_machine_and_layout_reads_the_same() {
    for machine in MACHINES {
        for flags in [false, true] {
            assert_eq!(
                classify(&module(machine, Crc::InPlace, flags)),
                "0x11112222\ta_plain\tlayout\tEXPORT_SYMBOL\t\n\
                 0x33334444\tb_gpl\tlayout\tEXPORT_SYMBOL_GPL\t\n\
                 0xf5556666\tc_spaced\tlayout\tEXPORT_SYMBOL_GPL\tNS\n",
                "{} with flags: {flags}",
                machine.name
            );
            assert!(classify(&module(machine, Crc::None, flags)).starts_with("0x00000000\ta_plain\t"));
        }
    }
}

#[test]
fn crcs_before_5_19_are_absolute_symbols() {
    let read = classify(&module(X86_64, Crc::Absolute, false));
    assert!(read.contains("0xf5556666\tc_spaced\t"), "{read}");
}

fn problems(bytes: &[u8]) -> String {
    let folder = folder();
    let path = write(folder.path(), "layout.ko", bytes);
    run(["inspect", "--format", "json", &path]).json()["modules"][0]["problems"].to_string()
}

fn with_flags(flags: &[u8]) -> Vec<u8> {
    let flag_bytes = Some(flags.to_vec());
    Ko { exports: EXPORTS.to_vec(), flags: true, flag_bytes, ..Ko::importing("layout", &[]) }.build()
}

#[test]
fn a_flag_makes_an_export_native() {
    let written = classify(&with_flags(&[0, 3, 1]));
    assert_eq!(
        written,
        "0x00000000\ta_plain\tlayout\tEXPORT_SYMBOL\t\n\
         0x00000000\tb_gpl\tlayout\tEXPORT_SYMBOL_USERSPACE_GPL\t\n\
         0x00000000\tc_spaced\tlayout\tEXPORT_SYMBOL_GPL\tNS\n"
    );
}

#[test]
fn flags_that_do_not_fit_are_told() {
    let folder = folder();
    let check = |bytes: &[u8]| {
        let path = write(folder.path(), "layout.ko", bytes);
        crate::support::check(&[&path]).stdout
    };
    assert!(check(&with_flags(&[0, 1])).contains("has 2 bytes of __kflagstab for 3 exports"));
    assert!(check(&with_flags(&[0, 1, 0x81])).contains("nobody knows: c_spaced (0x80)"));
    let mut both = Ko { exports: EXPORTS.to_vec(), ..Ko::importing("layout", &[]) }.object();
    section(&mut both, "__kflagstab", &[0], 1);
    assert!(check(&both.write().unwrap()).contains("has __kflagstab and __ksymtab_gpl both"));
}

#[test]
fn two_relocations_for_one_place_are_told() {
    let ko = Ko { exports: EXPORTS[..1].to_vec(), ..Ko::importing("layout", &[]) };
    let (mut object, table) = ko.object_and_table();
    let table = table.unwrap();
    let fake = undefined(&mut object, "fake", false, object::SymbolScope::Unknown);
    let with = |object: &mut object::write::Object<'static>, kind: u32| {
        let flags = object::RelocationFlags::Elf { r_type: object::elf::RelocationType(kind) };
        let relocation = object::write::Relocation { offset: 4, symbol: fake, addend: 0, flags };
        object.add_relocation(table, relocation).unwrap();
    };
    // R_X86_64_NONE does nothing, and is not read as if it did.
    with(&mut object, 0);
    assert_eq!(problems(&object.write().unwrap()), "[]");
    with(&mut object, 2);
    assert!(problems(&object.write().unwrap()).contains("two of its relocations are for the same place"));
}

/// `__versions` of these, or the extended tables.
fn versions(entries: &[(&str, u32)], extended: bool) -> Vec<(&'static str, Vec<u8>)> {
    if extended {
        let crcs = entries.iter().flat_map(|(_, crc)| crc.to_le_bytes()).collect();
        let names = entries.iter().flat_map(|(name, _)| format!("{name}\0").into_bytes()).collect();
        return vec![("__version_ext_crcs", crcs), ("__version_ext_names", names)];
    }
    let mut table = Vec::new();
    for (name, crc) in entries {
        table.extend_from_slice(&u64::from(*crc).to_le_bytes());
        let mut field = name.as_bytes().to_vec();
        field.resize(56, 0);
        table.extend_from_slice(&field);
    }
    vec![("__versions", table)]
}

#[test]
fn versions_are_read_in_both_forms() {
    let read = |tables: Vec<(&'static str, Vec<u8>)>| {
        let mut object = Ko::importing("layout", &["needed"]).object();
        for (name, data) in tables {
            section(&mut object, name, &data, 8);
        }
        let folder = folder();
        let path = write(folder.path(), "layout.ko", object.write().unwrap());
        let json = run(["inspect", "--format", "json", &path]).json();
        (
            json["modules"][0]["versions"]["needed"].as_str().map(str::to_owned),
            json["modules"][0]["problems"].to_string(),
        )
    };
    let seven = Some("0x00000007".to_owned());
    for extended in [false, true] {
        assert_eq!(read(versions(&[("needed", 7), ("other", 8)], extended)), (seven.clone(), "[]".to_owned()));
        let (crc, problems) = read(versions(&[("needed", 7), ("needed", 8)], extended));
        assert_eq!(crc, seven, "the first counts");
        assert!(problems.contains("a symbol is in it with two CRCs"), "{problems}");
    }
    // Where both are, the extended one counts.
    let both = [versions(&[("needed", 9)], false), versions(&[("needed", 7)], true)].concat();
    let (crc, problems) = read(both);
    assert_eq!(crc, seven);
    assert!(problems.contains("the basic and the extended one disagree"), "{problems}");
    let (_, problems) = read(vec![("__versions", vec![0; 63])]);
    assert!(problems.contains("not a whole number of entries"), "{problems}");
}

#[test]
fn stripping_what_the_loader_does_not_need_changes_nothing() {
    let folder = folder();
    let path = write(folder.path(), "sg_export.ko", std::fs::read(testdata("7.2/sg_export.ko")).unwrap());
    let before = run(["classify", &path]).stdout;
    let strip = std::process::Command::new("strip").args(["--strip-unneeded", &path]).status();
    assert!(strip.is_ok_and(|status| status.success()), "binutils are there");
    assert_eq!(run(["classify", &path]).stdout, before);
    assert_eq!(before.lines().count(), 4);
}

#[test]
fn inspect_tells_the_machine_and_the_imports() {
    let folder = folder();
    for machine in MACHINES {
        let path = write(folder.path(), "layout.ko", module(machine, Crc::None, false));
        let json = run(["inspect", "--format", "json", &path]).json();
        let module = &json["modules"][0];
        assert_eq!(module["machine"]["name"], machine.name);
        assert_eq!(module["name"], "layout", "{}", machine.name);
        assert_eq!(module["imports"][0]["symbol"], "needed", "{}", machine.name);
        assert_eq!(module["problems"].as_array().map(Vec::len), Some(0), "{}: {}", machine.name, module["problems"]);
    }
}
