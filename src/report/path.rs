// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways by which one module gets at one symbol: for people, and as a drawing.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::style::{FAINT, STRONG};
use crate::reach::{Hop, Reached};

/// How a module gets at a symbol.
#[derive(Debug)]
pub struct Paths<'a> {
    /// The module.
    pub module: String,
    /// The symbol.
    pub symbol: &'a str,
    /// Who offers the symbol, where that is known.
    pub provider: Option<String>,
    /// Whether it imports the symbol itself.
    pub is_direct: bool,
    /// The other imports by which it gets there, each with a way.
    pub ways: Vec<(&'a str, &'a Reached)>,
}

/// Writes the ways for people, a step a line.
pub fn human(out: &mut dyn Write, paths: &Paths<'_>) -> io::Result<()> {
    let Paths { module, symbol, provider, is_direct, ways } = paths;
    let provider = provider.as_deref().unwrap_or_default();
    if *is_direct {
        writeln!(out, "{STRONG}{module}{STRONG:#} imports {symbol} itself")?;
    }
    if ways.is_empty() && !is_direct {
        writeln!(out, "no way is known from {STRONG}{module}{STRONG:#} to {symbol}")?;
    }
    for (import, way) in ways {
        writeln!(
            out,
            "{STRONG}{module}{STRONG:#} imports {import}, which leads to {symbol} ({}, {})",
            way.grade, way.basis
        )?;
        let modules = way.hops.iter().map(|hop| hop.module.as_str());
        let widest = modules.chain([provider]).map(str::len).max().unwrap_or(0);
        for hop in &way.hops {
            for (index, part) in hop.parts.iter().enumerate() {
                let module = if index == 0 { hop.module.as_str() } else { "" };
                writeln!(out, "  {FAINT}{module:<widest$}{FAINT:#}  {part}")?;
            }
        }
        writeln!(out, "  {FAINT}{provider:<widest$}{FAINT:#}  {symbol}")?;
    }
    Ok(())
}

/// Width of the drawing, in its own units; a character has about seven.
const WIDTH: usize = 760;
/// Height of a line.
const LINE: usize = 26;
/// What is around a module's box.
const GAP: usize = 18;

/// Draws the ways as SVG: a box for each module, with the functions and objects on the way in it.
pub fn svg(out: &mut dyn Write, paths: &Paths<'_>) -> io::Result<()> {
    let mut drawing = Drawing { body: String::new(), height: GAP };
    if paths.is_direct {
        drawing.module(&paths.module, [paths.symbol], "imports it itself");
    }
    if paths.ways.is_empty() && !paths.is_direct {
        drawing.module(&paths.module, [], &format!("no way is known to {}", paths.symbol));
    }
    for (import, way) in &paths.ways {
        let how = format!("imports {import}: {}, {}", way.grade, way.basis);
        drawing.module(&paths.module, [], &how);
        for hop in &way.hops {
            drawing.arrow();
            drawing.hop(hop);
        }
        drawing.arrow();
        drawing.module(paths.provider.as_deref().unwrap_or_default(), [paths.symbol], "");
    }
    let Drawing { body, height } = drawing;
    let title = escaped(&format!("{} to {}", paths.module, paths.symbol));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" \
         font-size=\"13\" role=\"img\">\n<title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" \
         fill=\"#fff\"/>\n{body}</svg>"
    )
}

struct Drawing {
    body: String,
    height: usize,
}

impl Drawing {
    fn hop(&mut self, hop: &Hop) {
        let how = format!("{}, {}", hop.grade, hop.basis);
        self.module(hop.module.as_str(), hop.parts.iter().map(|part| &**part), &how);
    }

    /// A box with a heading, if it has one, and lines.
    fn module<'l>(&mut self, heading: &str, lines: impl IntoIterator<Item = &'l str>, how: &str) {
        let lines: Vec<&str> = lines.into_iter().collect();
        let heads = usize::from(!heading.is_empty() || !how.is_empty());
        let height = (heads + lines.len()) * LINE + LINE / 2;
        let top = self.height;
        let _ = writeln!(
            self.body,
            "<rect x=\"{GAP}\" y=\"{top}\" width=\"{}\" height=\"{height}\" rx=\"6\" fill=\"#f4f6f8\" \
             stroke=\"#56606b\"/>",
            WIDTH - 2 * GAP
        );
        if heads > 0 {
            self.text(top + LINE, GAP * 2, &format!("<tspan font-weight=\"bold\">{}</tspan>", escaped(heading)));
            let how = format!("<tspan fill=\"#56606b\">{}</tspan>", escaped(how));
            self.text(top + LINE, WIDTH / 2, &how);
        }
        for (index, line) in lines.iter().enumerate() {
            self.text(top + (heads + index + 1) * LINE, GAP * 3, &escaped(line));
        }
        self.height = top + height + GAP;
    }

    fn text(&mut self, y: usize, x: usize, markup: &str) {
        let _ = writeln!(self.body, "<text x=\"{x}\" y=\"{}\">{markup}</text>", y - 4);
    }

    /// From the last box to the next.
    fn arrow(&mut self) {
        let (middle, top, end) = (WIDTH / 2, self.height - GAP, self.height);
        let _ = writeln!(
            self.body,
            "<path d=\"M{middle} {top} V{end} m-4 -6 l4 6 l4 -6\" fill=\"none\" stroke=\"#56606b\"/>"
        );
    }
}

/// Text that a file's author wrote, as markup that shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
