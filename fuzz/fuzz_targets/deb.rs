// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages.
#![no_main]

use symgate::input::Format;
use symgate_fuzz::packages;

libfuzzer_sys::fuzz_target!(|package: &[u8]| packages::read(Format::Deb, package));
