// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be known of a module to read debug info that is in a file of its own: its sections. It is little, and can be kept
//! until the file is found.

use object::elf;

use super::super::bytes::Bytes;
use super::{DebugError, parse};
use crate::{limits, text};

/// The sections of a module that are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// How many sections there are in all.
    pub(super) count: usize,
    pub(super) loaded: Vec<Loaded>,
}

/// A section that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) index: usize,
    pub(super) name: Box<[u8]>,
    pub(super) size: u64,
    pub(super) is_code: bool,
}

impl Shape {
    /// Reads the sections of a module.
    pub fn of(module: Bytes<'_>) -> Result<Self, DebugError> {
        let elf = parse(module)?;
        let mut left = limits::SECTION_NAME_BYTES;
        let mut loaded = Vec::new();
        for (index, section) in elf.sections().iter().enumerate().skip(1).filter(|(_, section)| section.allocated()) {
            left = left.checked_sub(section.name.len()).ok_or(DebugError::TooMuch)?;
            let (name, size) = (section.name.into(), section.size());
            loaded.push(Loaded { index, name, size, is_code: section.flags & elf::SHF_EXECINSTR.0 != 0 });
        }
        Ok(Self { count: elf.sections().len(), loaded })
    }
}

impl Loaded {
    /// The name as text, for messages.
    pub(super) fn label(&self) -> String {
        text::shown(&String::from_utf8_lossy(&self.name)).into_owned()
    }
}
