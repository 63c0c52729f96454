// SPDX-License-Identifier: MIT OR Apache-2.0
//! Colours of the human format; `anstream` takes them out where they are not wanted.

use anstyle::{AnsiColor, Style};

/// Something denied.
pub const DENY: Style = AnsiColor::Red.on_default().bold();
/// Something to warn of.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Something to note.
pub const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Something that is well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Names and headings.
pub const STRONG: Style = Style::new().bold();
/// What only matters to who looks for it.
pub const FAINT: Style = Style::new().dimmed();
