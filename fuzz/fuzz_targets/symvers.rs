// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Module.symvers`: what is read can be written, and reads as the same.
#![no_main]

use symgate::symvers::{parse, write_line};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let Ok(entries) = parse(text) else { return };
    let mut written = Vec::new();
    for entry in &entries {
        write_line(&mut written, entry, entry.export.symvers_type()).expect("memory takes everything");
    }
    assert_eq!(parse(&written).as_ref(), Ok(&entries));
});
