// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of an initramfs that share their content.
//!
//! To the kernel an entry with more than one link, and the inode of an earlier one, is another name of that one's file;
//! if it has content, this is written into the file, whatever was there (`init/initramfs.c:do_name`, 7.2). Only the end
//! tells what such a module holds.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use super::super::super::InputErrorKind;
use super::super::super::collect::{Ending, module_ending};
use super::super::take::{Taker, content_of, invalid};
use crate::limits;

/// All files that share their content.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Files by device and inode, of the archive that is being read.
    open: BTreeMap<(u32, u32, u32), Shared>,
    /// Files of archives that were read.
    closed: Vec<Shared>,
    /// Bytes that are held.
    held: u64,
    /// How often each file name, without its folder, is there: whatever bears the name of such a file, by whatever way
    /// through folders and links to them, may be the same file.
    uses: HashMap<String, u32>,
}

/// A file with several names.
#[derive(Debug, Default)]
struct Shared {
    names: Vec<String>,
    /// What its entries write to it, one after the other.
    contents: Vec<Vec<u8>>,
}

impl Links {
    /// Takes an entry that says that it shares its content.
    pub(super) fn share(
        &mut self,
        name: &str,
        inode: (u32, u32, u32),
        len: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.held += len;
        if self.held > limits::LINKED_BYTES {
            let limit = limits::LINKED_BYTES;
            return Err(invalid(&format!("its files that share their content have more than {limit} bytes")));
        }
        let shared = self.open.entry(inode).or_default();
        shared.names.push(name.to_owned());
        if len > 0
            && let Ok(content) = content_of(len, content)?
        {
            shared.contents.push(content);
        }
        Ok(())
    }

    /// Takes note of any entry.
    pub(super) fn pass(&mut self, name: &str) {
        *self.uses.entry(file_name(name).to_owned()).or_default() += 1;
    }

    /// The next archive begins its inodes anew.
    pub(super) fn end_archive(&mut self) {
        self.closed.extend(std::mem::take(&mut self.open).into_values());
    }

    /// Gives what is named like a module, with everything that may be written to it: which of several is written last
    /// depends on what the kernel could do with all that came before.
    ///
    /// What else bears one of its names is judged for itself if it is named like a module; if it is not, it can change the
    /// module unseen. No initramfs needs that, so that it is not followed but refused.
    pub(super) fn give(mut self, taker: &mut Taker<'_>) -> io::Result<()> {
        self.end_archive();
        for Shared { names, contents } in &self.closed {
            if self.can_be_changed_unseen(names) {
                for name in names.iter().filter(|name| module_ending(name) != Ending::Other) {
                    taker.give(name, Err(InputErrorKind::Unsupported("a file that other entries write to")))?;
                }
            } else if contents.is_empty() {
                taker.take_shared(names, 0, &mut io::empty())?;
            }
            for content in contents {
                taker.take_shared(names, content.len() as u64, &mut content.as_slice())?;
            }
        }
        Ok(())
    }

    /// Whether something else bears one of a file's names that is not named like a module.
    fn can_be_changed_unseen(&self, names: &[String]) -> bool {
        let mut own: HashMap<&str, u32> = HashMap::new();
        for name in names.iter().filter(|name| module_ending(name) == Ending::Other) {
            *own.entry(file_name(name)).or_default() += 1;
        }
        own.keys().any(|name| own.get(name) != self.uses.get(*name))
    }
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
