// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allowlists: every fault has its place in the text, and what is good can be judged by.

use std::sync::OnceLock;

use symgate::allowlist::{Allowlists, Folder, LoadError, SourceFile, assess};
use symgate::gate::{Profile, rules};
use symgate::module::{Bytes, ModuleFacts};

use crate::judged;

/// The files of a folder, each with the letter by which an input says which of them it is, and those of the embedded
/// ones that it refers to.
const FILES: [(u8, &str, &[&str]); 7] = [
    (b'p', "policy.toml", &[]),
    (b'u', "userspaces.toml", &["policy.toml"]),
    (b'm', "modules.toml", &["policy.toml", "userspaces.toml"]),
    (b'f', "facades.toml", &["policy.toml"]),
    (b'w', "waivers.toml", &["policy.toml"]),
    (b'k', "known.toml", &["policy.toml"]),
    (b'l', "lock.toml", &["policy.toml"]),
];

/// Reads a text as one file of a folder.
pub fn read(input: &[u8]) {
    let Some((kind, text)) = input.split_first() else { return };
    let Some((_, name, needed)) = FILES.iter().find(|(letter, ..)| letter == kind) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut folder = Folder::embedded();
    folder.files.retain(|file, _| needed.contains(file));
    folder.files.insert(name, SourceFile { name: (*name).into(), text: text.into(), is_embedded: false });
    let loaded = Allowlists::of(&folder, &[], &rules::ids());
    match &loaded {
        Ok(allowlists) => hold(allowlists),
        Err(LoadError::Faults(faults)) => {
            assert!(!faults.is_empty() && faults.is_sorted(), "faults in order");
            for fault in faults.iter().filter(|fault| &*fault.file == *name) {
                let line = text.split('\n').nth(fault.line - 1);
                assert!(line.is_some_and(|line| fault.column <= line.len() + 1), "{fault}");
            }
        }
        Err(other) => panic!("{other}"),
    }
}

fn hold(allowlists: &Allowlists) {
    static MODULE: OnceLock<ModuleFacts> = OnceLock::new();
    let module = MODULE.get_or_init(|| {
        let bytes = include_bytes!("../../testdata/6.1/sg_get.ko");
        ModuleFacts::read(Bytes::in_memory(bytes)).expect("the test module is good")
    });
    for waiver in &allowlists.waivers {
        assert!(!waiver.reason.trim().is_empty() && !waiver.owner.trim().is_empty(), "a waiver's reason and owner");
    }
    for registration in allowlists.registrations.values() {
        assert!(allowlists.policy.subsystem(&registration.subsystem).is_some(), "a registration's subsystem");
        let _ = assess(allowlists, registration);
    }
    judged::judge(allowlists, module, Profile::Distro);
}
