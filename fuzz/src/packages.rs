// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages: their members can be shown, are within limits, and are the same however the package comes in.

use std::io::Read;

use symgate::input::{self, Format, Member};
use symgate::limits;
use symgate::module::name::without_ending;

use crate::packed::Trickle;

/// A member with what its error says.
type Seen = (String, Result<Vec<u8>, String>);

/// Reads a package in one go and a few bytes at a time.
pub fn read(format: Format, package: &[u8]) {
    let (members, end) = members(format, &mut &*package);
    for (name, bytes) in &members {
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert!(without_ending(name) != name, "{name:?} is not named like a module");
        assert!(bytes.as_ref().map_or(0, Vec::len) as u64 <= limits::FILE_BYTES);
    }
    // Of a broken package all is dropped, so that it does not matter how far it was read.
    let (same_members, same_end) = self::members(format, &mut Trickle(package));
    assert!(end == same_end || (end.is_err() && same_end.is_err()), "{end:?}, a few bytes at a time {same_end:?}");
    assert!(end.is_err() || members == same_members, "members, a few bytes at a time");
}

fn members(format: Format, package: &mut dyn Read) -> (Vec<Seen>, Result<(), String>) {
    let mut seen = Vec::new();
    let end = input::members(format, package, &mut |Member { name, bytes }| {
        seen.push((name, bytes.map_err(|error| error.to_string())));
    });
    (seen, end.map_err(|error| error.to_string()))
}
