// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file of the allowlists, of the kind that the first byte says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| symgate_fuzz::allowlists::read(input));
