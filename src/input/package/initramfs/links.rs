// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of an initramfs that share their content.
//!
//! To the kernel an entry with more than one link, and the inode of an earlier one, is another name of that one's file;
//! if it has content, this is written into the file, whatever was there (`init/initramfs.c:do_name`, 7.2). Only the end
//! tells what such a module holds.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};

use super::super::super::InputErrorKind;
use super::super::super::collect::{Ending, module_ending};
use super::super::take::{Kind, Taker, content_of, invalid};
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
    /// File names, without folders, of everything else that could replace such a file.
    others: HashSet<String>,
}

/// A file with several names.
#[derive(Debug, Default)]
struct Shared {
    names: Vec<String>,
    content: Vec<u8>,
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
            shared.content = content;
        }
        Ok(())
    }

    /// Takes note of any other entry.
    pub(super) fn pass(&mut self, name: &str, kind: &Kind) {
        // What is named like a module is judged for itself; a folder has no content and no links.
        if module_ending(name) == Ending::Other && *kind != Kind::Folder {
            self.others.insert(file_name(name).to_owned());
        }
    }

    /// The next archive begins its inodes anew.
    pub(super) fn end_archive(&mut self) {
        self.closed.extend(std::mem::take(&mut self.open).into_values());
    }

    /// Gives what is named like a module.
    ///
    /// A file that shares its content with a module, and that another entry of the same name may replace or write to, can
    /// change the module at any time. No initramfs needs that, so that it is not followed but refused.
    pub(super) fn give(mut self, taker: &mut Taker<'_>) -> io::Result<()> {
        self.end_archive();
        for Shared { names, content } in self.closed {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if !names.iter().any(|name| self.others.contains(file_name(name))) {
                taker.take_shared(&names, content.len() as u64, &mut content.as_slice())?;
                continue;
            }
            for name in names.into_iter().filter(|name| module_ending(name) != Ending::Other) {
                taker.give(name, Err(InputErrorKind::Unsupported("a link to a file that is replaced")))?;
            }
        }
        Ok(())
    }
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
