// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run over many inputs goes on with: only whole lines of its own stay, each once, and going on twice changes nothing.
#![no_main]

use std::collections::HashMap;
use std::fs;

use symgate::batch::Journal;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let path = std::env::temp_dir().join(format!("symgate-fuzz-{}.ndjson", std::process::id()));
    fs::write(&path, text).expect("files can be written");
    let resume = || Journal::resume(&path, "s/1", "x", &HashMap::new());
    if resume().is_err() {
        return assert_eq!(fs::read(&path).expect("it is there"), text, "what is not its own is left alone");
    }
    let kept = fs::read(&path).expect("it is there");
    assert!(kept.is_empty() || kept.ends_with(b"\n"));
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    assert!(kept.split(|byte| *byte == b'\n').all(|line| line.is_empty() || lines.contains(&line)));
    let again = resume().expect("it is its own now");
    assert_eq!(again.left_out, 0);
    assert_eq!(fs::read(&path).expect("it is there"), kept);
});
