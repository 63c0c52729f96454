// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is packed with xz.
#![no_main]

use symgate::input::Compression;
use symgate_fuzz::packed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| packed::unpack(Compression::Xz, bytes));
