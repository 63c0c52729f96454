// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exports and imports in every layout, for machines of either class and byte order.

use crate::support::ko::{ARM, ARM64, Crc, Export, I386, Ko, MIPS, Machine, PPC64LE, RISCV64, S390X, X86_64};
use crate::support::{folder, run, write};

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
