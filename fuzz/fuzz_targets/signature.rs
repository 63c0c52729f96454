// SPDX-License-Identifier: MIT OR Apache-2.0
//! Appended signatures: one that is found fills the file's end, and one that is appended is found.
#![no_main]

use symgate::module::Bytes;
use symgate::module::signature::{Signature, find};

/// What `scripts/sign-file` writes last.
const MARKER: &[u8] = b"~Module signature appended~\n";

/// `struct module_signature` without its length: PKCS#7, and nothing else set.
const INFO: [u8; 8] = [0, 0, 2, 0, 0, 0, 0, 0];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(Some(Signature { offset, len, .. })) = find(Bytes::in_memory(input)) {
        let trailer = MARKER.len() + INFO.len() + 4;
        assert_eq!(offset + len + trailer as u64, input.len() as u64);
    }
    let message = u32::try_from(input.len() / 2).unwrap_or(0);
    let signed = [input, &INFO, &message.to_be_bytes(), MARKER].concat();
    let (len, all) = (u64::from(message), input.len() as u64);
    let found = find(Bytes::in_memory(&signed)).expect("it is well formed").expect("it is there");
    assert_eq!((found.offset, found.len), (all - len, len));
    assert!(!found.signers.is_ok_and(|signers| signers.is_empty()), "a message without a signer is none");
});
