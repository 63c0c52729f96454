// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own `Module.symvers`, which modpost wrote when the kernel was built.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::tally::{Lines, Row, Tally};
use super::tree::Tree;
use crate::shell::{TaskError, text};

/// The provider of what is built into the kernel.
pub(super) const VMLINUX: &str = "vmlinux";

/// A `Module.symvers`, by symbol.
#[derive(Debug, Clone)]
pub(super) struct Symvers(pub(super) BTreeMap<String, Line>);

/// One of its lines, but for the symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) crc: String,
    pub(super) provider: String,
    pub(super) kind: String,
    pub(super) namespace: String,
}

impl Symvers {
    pub(super) fn read(path: &Path) -> Result<Self, TaskError> {
        let written = fs::read_to_string(path).map_err(TaskError::io(path))?;
        let lines = written.lines().map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[crc, symbol, provider, kind, namespace] = columns.as_slice() else {
                return Err(TaskError::Other(format!("{}: not five columns: {line}", path.display())));
            };
            let [crc, provider, kind, namespace] = [crc, provider, kind, namespace].map(str::to_owned);
            Ok((symbol.to_owned(), Line { crc, provider, kind, namespace }))
        });
        Ok(Self(lines.collect::<Result<_, _>>()?))
    }

    /// The file.
    pub(super) fn to_text(&self) -> String {
        self.0.iter().map(|(symbol, line)| line.to_text(symbol) + "\n").collect()
    }

    /// The same exports for everybody, and that of `struct module`, which a kernel without CRCs does not have.
    pub(super) fn open(&self) -> Self {
        let open = |line: &Line| Line { kind: "EXPORT_SYMBOL".to_owned(), namespace: String::new(), ..line.clone() };
        let mut lines: BTreeMap<String, Line> =
            self.0.iter().map(|(symbol, line)| (symbol.clone(), open(line))).collect();
        let layout = ["0x00000000", VMLINUX, "EXPORT_SYMBOL", ""].map(str::to_owned);
        let [crc, provider, kind, namespace] = layout;
        lines.entry("module_layout".to_owned()).or_insert(Line { crc, provider, kind, namespace });
        Self(lines)
    }

    /// Whether the kernel was built with `CONFIG_MODVERSIONS`.
    pub(super) fn has_crcs(&self) -> bool {
        self.0.values().any(|line| line.crc != "0x00000000")
    }
}

impl Line {
    pub(super) fn to_text(&self, symbol: &str) -> String {
        let Self { crc, provider, kind, namespace } = self;
        format!("{crc}\t{symbol}\t{provider}\t{kind}\t{namespace}")
    }
}

/// The name at the end of a provider's path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Exports of all modules: name, class, namespace, CRC and provider.
pub(super) fn compare(tree: &Tree) -> Result<Vec<Row>, TaskError> {
    let args = ["classify", "--format", "symvers"].map(OsStr::new);
    let ours = text(&tree.program.display().to_string(), args.into_iter().chain([tree.kernel.modules.as_os_str()]))?;
    let ours: Lines = ours.lines().map(str::to_owned).collect();
    let of_modules = tree.symvers.0.iter().filter(|(_, line)| line.provider != VMLINUX);
    let theirs = of_modules.map(|(symbol, line)| line.to_text(symbol)).collect();
    Ok(vec![Row::compared("exports / Module.symvers", Tally::exact(&ours, &theirs))])
}
