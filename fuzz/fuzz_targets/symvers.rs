// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Module.symvers`: what is read can be written, and reads as the same.
#![no_main]

use symgate::symvers::{Symvers, write_line};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let Ok(read) = Symvers::parse(text.to_vec()) else { return };
    assert_eq!(read.iter().count(), read.len());
    let mut written = Vec::new();
    for (index, entry) in read.iter().enumerate() {
        assert_eq!(read.index(&entry.export.name), Some(index));
        write_line(&mut written, entry, entry.export.symvers_type()).expect("memory takes everything");
    }
    let again = Symvers::parse(written).expect("it was written as modpost writes it");
    assert!(again.iter().eq(read.iter()));
});
