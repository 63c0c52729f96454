// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debug info: what is read twice is the same, and does nothing to a terminal.
#![no_main]

use std::collections::BTreeSet;

use symgate::module::Bytes;
use symgate::module::debug::DebugInfo;

/// Sections and offsets that are looked up.
const SECTIONS: u32 = 6;
const OFFSETS: [u64; 6] = [0, 0x6, 0x13, 0x20, 0x25, 0x32];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::in_memory(bytes);
    let _ = DebugInfo::load_for(bytes, bytes);
    let Ok(info) = DebugInfo::load(bytes) else { return };
    let _ = info.missing();
    let sites: Vec<(u32, u64)> = (1..SECTIONS).flat_map(|section| OFFSETS.map(|offset| (section, offset))).collect();
    if let Ok(all) = info.frames_of(&sites) {
        assert_eq!(all.len(), sites.len());
        let names = all.iter().flatten().flat_map(|frame| [&frame.function, &frame.file]);
        assert!(names.flatten().all(|name| !name.contains(char::is_control)));
        assert_eq!(info.frames_of(&sites).as_ref(), Ok(&all), "twice the same");
    }
    let wanted = BTreeSet::from(["dma_buf", "dma_buf_attachment", "dma_buf_ops"].map(str::to_owned));
    if let Ok(types) = info.handled_types(&wanted) {
        assert!(types.seen <= types.of);
        assert!(types.handled.is_sorted_by(|one, two| one < two), "sorted, each once");
        assert!(types.handled.iter().all(|handled| wanted.contains(&*handled.type_name)));
    }
});
