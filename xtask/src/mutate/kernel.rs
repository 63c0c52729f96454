// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel offers to modules, from its own `Module.symvers`, split at its tabs and not by symgate.

use std::collections::{HashMap, HashSet};

use super::raw::Machine;

/// One exported symbol.
#[derive(Debug)]
pub struct Export {
    pub gpl_only: bool,
    /// Its namespace, or nothing.
    pub namespace: Vec<u8>,
    /// Its CRC, where the kernel has such.
    pub crc: Option<u32>,
    /// Who offers it, as a path.
    pub provider: String,
    /// Whether it gives access to what a family stands for.
    pub acquiring: bool,
}

/// A running kernel with all of its modules but one.
#[derive(Debug)]
pub struct Kernel {
    pub machine: Machine,
    exports: HashMap<Vec<u8>, Export>,
}

impl Kernel {
    /// The kernel that wrote this table.
    pub fn new(machine: Machine, symvers: &str, acquiring: &HashSet<String>) -> Self {
        let exports = symvers.lines().filter_map(|line| export(line, acquiring)).collect();
        Self { machine, exports }
    }

    /// The export of a symbol, unless this module offers it itself: it is not loaded yet.
    pub fn find(&self, symbol: &[u8], module: &str) -> Option<&Export> {
        self.exports.get(symbol).filter(|export| export.provider != module)
    }
}

fn export(line: &str, acquiring: &HashSet<String>) -> Option<(Vec<u8>, Export)> {
    let mut columns = line.split('\t');
    let (crc, symbol, provider, kind) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let crc = u32::from_str_radix(crc.trim_start_matches("0x"), 16).ok().filter(|crc| *crc != 0);
    let export = Export {
        gpl_only: kind == "EXPORT_SYMBOL_GPL",
        namespace: columns.next().unwrap_or_default().as_bytes().to_vec(),
        crc,
        provider: provider.to_owned(),
        acquiring: acquiring.contains(symbol),
    };
    Some((symbol.as_bytes().to_vec(), export))
}
