// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module's bytes become facts, and the facts a judgement; the same bytes as an object before modpost become facts.
#![no_main]

use symgate::gate::Profile;
use symgate::module::ModuleFacts;
use symgate_fuzz::{judged, read};

const PROFILES: [Profile; 3] = [Profile::Kbuild, Profile::Distro, Profile::Audit];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = read::facts(bytes, ModuleFacts::read_object);
    if let Ok(facts) = read::facts(bytes, ModuleFacts::read) {
        judged::judge(judged::embedded(), &facts, PROFILES[bytes.len() % PROFILES.len()]);
    }
});
