// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel image's export tables: names that can be shown, and no more of them than the file has room for.
#![no_main]

use symgate::exports::VMLINUX;
use symgate::module::Bytes;
use symgate::module::elf::Elf;
use symgate::vmlinux;

/// Fewest bytes of an entry in an export table.
const EXPORT_BYTES: usize = 12;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(elf) = Elf::parse(Bytes::in_memory(bytes)) else { return };
    let Ok(exports) = vmlinux::exports(&elf) else { return };
    // Five tables may lie over each other.
    assert!(exports.len() * EXPORT_BYTES <= bytes.len() * 5, "more exports than bytes");
    for provided in exports {
        let name = &provided.export.name;
        assert!(!name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace()), "an export's name");
        assert_eq!(&*provided.path, VMLINUX);
    }
});
