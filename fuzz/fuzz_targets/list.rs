// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of inputs: nothing that a line names is lost or made up.
#![no_main]

use std::path::Path;

use symgate::input::list;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let folder = Path::new("folder");
    let Ok(paths) = list::paths(&mut &*text) else {
        assert!(std::str::from_utf8(text).is_err(), "only what is no text is no list");
        return assert!(list::modules(&mut &*text, folder, &|_| true).is_err());
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| !matches!(*line, b"\n" | b"\r\n"));
    assert_eq!(lines.count(), paths.len());
    assert!(paths.iter().all(|path| !path.as_os_str().is_empty()));
    let plain = |path: &Path| path.extension().is_some_and(|ending| ending == "ko");
    let all = list::modules(&mut &*text, folder, &plain);
    if let Ok(modules) = &all {
        assert_eq!(modules.len(), paths.len());
        assert!(modules.iter().all(|module| module.to_string_lossy().ends_with(".ko")));
    }
    // What is not there is an error, unless nothing was to be there.
    let none = list::modules(&mut &*text, folder, &|_| false);
    assert_eq!(none.is_ok(), paths.is_empty());
});
