// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in a module's source a finding is.

use std::fmt;

use crate::module::debug::Frame;

/// What is looked for in the module, to say where a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// Where it asks for the finding's symbols.
    Imports,
    /// Where what it exports by their names is.
    Exports,
    /// Where it finds what can't be told.
    Untold,
    /// Nothing: it is known, or nowhere.
    Nothing,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The symbol that it is about.
    pub symbol: Option<Box<str>>,
    /// The functions there, by debug info: the innermost first, each inlined into the next.
    pub frames: Vec<Frame>,
    /// The function or object there, by the symbol table; where there is no debug info that is all that is known.
    pub within: Option<Box<str>>,
}

impl fmt::Display for Location {
    /// `foo_map() at drivers/x/foo.c:12, inlined into foo_ioctl() at drivers/x/foo.c:34`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frames.is_empty() {
            return f.write_str(self.within.as_deref().unwrap_or("no function that is known"));
        }
        for (index, frame) in self.frames.iter().enumerate() {
            if index > 0 {
                f.write_str(", inlined into ")?;
            }
            let function = frame.function.as_deref().or(self.within.as_deref());
            match function {
                Some(function) => write!(f, "{function}()")?,
                None => f.write_str("code")?,
            }
            if let Some(file) = &frame.file {
                write!(f, " at {file}")?;
                if let Some(line) = frame.line {
                    write!(f, ":{line}")?;
                }
            }
        }
        Ok(())
    }
}
