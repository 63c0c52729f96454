// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever is done to a module's bytes, reading it ends in facts or an error, never in a panic.

use proptest::prelude::*;
use symgate::module::{Bytes, ModuleFacts};

use crate::support::testdata;

const MODULES: [&str; 4] = ["6.1/sg_export.ko", "6.1/sg_get.ko", "7.2/sg_export.ko", "7.2/sg_blob.ko"];

fn module(index: usize) -> Vec<u8> {
    std::fs::read(testdata(MODULES[index % MODULES.len()])).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes(index in 0..4_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16)) {
        let mut bytes = module(index);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = ModuleFacts::read(Bytes::in_memory(&bytes));
    }

    #[test]
    fn changed_headers(index in 0..4_usize, at in 0..64_usize, byte in any::<u8>(), section in any::<prop::sample::Index>(), field in 0..64_usize) {
        let mut bytes = module(index);
        bytes[at] = byte;
        let table = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap());
        if let Ok(table) = usize::try_from(table) {
            let count = usize::from(u16::from_le_bytes(bytes[0x3c..0x3e].try_into().unwrap())).max(1);
            let place = table.saturating_add(section.index(count).saturating_mul(64)).saturating_add(field);
            if let Some(target) = bytes.get_mut(place) {
                *target = byte;
            }
        }
        let _ = ModuleFacts::read(Bytes::in_memory(&bytes));
    }

    #[test]
    fn cut_short(index in 0..4_usize, at in any::<prop::sample::Index>()) {
        let bytes = module(index);
        let cut = &bytes[..at.index(bytes.len())];
        // Section headers stand last in these files, so that any cut takes some of them.
        prop_assert!(ModuleFacts::read(Bytes::in_memory(cut)).is_err());
    }

    #[test]
    fn any_symvers(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = symgate::symvers::Symvers::parse(bytes);
    }
}
