// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes as hexadecimal digits.

/// Two digits a byte, as build-ids and hashes are written.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same with a space between two bytes, as a dump shows them.
pub(crate) fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
