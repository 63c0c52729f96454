// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debug info: what is read twice is the same, and does nothing to a terminal. The file is its own `.dwo` file and package of
//! them, too: it may hold all sections.
#![no_main]

use std::collections::BTreeSet;

use symgate::module::Bytes;
use symgate::module::debug::{DebugInfo, Frame, Missing, Shape};

/// Sections and offsets that are looked up.
const SECTIONS: u32 = 6;
const OFFSETS: [u64; 6] = [0, 0x6, 0x13, 0x20, 0x25, 0x32];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::in_memory(bytes);
    if let Ok(shape) = Shape::of(bytes) {
        let _ = DebugInfo::load_for(bytes, &shape);
    }
    let Ok(mut info) = DebugInfo::load(bytes) else { return };
    let alone = read(&info);
    let missing = info.missing_files(None);
    let Ok(joined) = info.join(bytes) else { return };
    assert_eq!(
        split(&DebugInfo::load(bytes).expect("it could be loaded")),
        split(&info) + joined,
        "units are there or not"
    );
    if let (Ok(before), Ok(after)) = (missing, info.missing_files(None)) {
        assert!(after.iter().all(|file| before.contains(file) && info.lacks(file)), "nothing comes to be missing");
    }
    let whole = read(&info);
    if joined == 0 {
        assert_eq!(alone, whole, "nothing was added");
    }
});

/// How many units are in files that are missing.
fn split(info: &DebugInfo<'_>) -> usize {
    let split = info
        .missing()
        .into_iter()
        .find_map(|missing| if let Missing::Split(units) = missing { Some(units) } else { None });
    split.unwrap_or(0)
}

/// Reads all that there is.
fn read(info: &DebugInfo<'_>) -> Option<Vec<Vec<Frame>>> {
    let sites: Vec<(u32, u64)> = (1..SECTIONS).flat_map(|section| OFFSETS.map(|offset| (section, offset))).collect();
    let _ = info.missing_files(Some(&sites));
    let all = info.frames_of(&sites).ok();
    if let Some(all) = &all {
        assert_eq!(all.len(), sites.len());
        let names = all.iter().flatten().flat_map(|frame| [&frame.function, &frame.file]);
        assert!(names.flatten().all(|name| !name.contains(char::is_control)));
        assert_eq!(info.frames_of(&sites).as_ref(), Ok(all), "twice the same");
    }
    let wanted = BTreeSet::from(["dma_buf", "dma_buf_attachment", "dma_buf_ops"].map(str::to_owned));
    if let Ok(types) = info.handled_types(&wanted) {
        assert!(types.seen <= types.of);
        assert!(types.handled.is_sorted_by(|one, two| one < two), "sorted, each once");
        assert!(types.handled.iter().all(|handled| wanted.contains(&*handled.type_name)));
    }
    all
}
