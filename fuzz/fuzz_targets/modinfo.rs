// SPDX-License-Identifier: MIT OR Apache-2.0
//! `.modinfo`: the first value of a tag is the one that the loader would find.
#![no_main]

use symgate::module::ModInfo;

/// Tags that the loader or the gate asks for.
const ASKED: [&str; 8] = ["license", "name", "import_ns", "intree", "depends", "vermagic", "livepatch", "a"];

libfuzzer_sys::fuzz_target!(|section: &[u8]| {
    let info = ModInfo::parse(section);
    for tag in ASKED {
        let found = loader_finds(section, tag.as_bytes()).map(String::from_utf8_lossy);
        assert_eq!(info.first(tag), found.as_deref(), "{tag}");
    }
    let strings = section.split(|byte| *byte == 0).filter(|string| !string.is_empty()).count();
    assert_eq!(info.tags().count() + info.strays().count(), strings, "each string is one or the other");
    assert!(info.tags().all(|(tag, value)| !tag.is_empty() && !tag.contains('=') && !value.contains('\0')));
    assert_eq!(info.unterminated, section.last().is_some_and(|byte| *byte != 0));
});

/// The first value of a tag by `kernel/module/main.c:get_next_modinfo` (7.2).
fn loader_finds<'s>(section: &'s [u8], tag: &[u8]) -> Option<&'s [u8]> {
    section.split(|byte| *byte == 0).find_map(|string| string.strip_prefix(tag)?.strip_prefix(b"="))
}
