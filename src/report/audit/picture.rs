// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way by which a module gets at a family, as a drawing in a page: a box for each module, with the functions and objects on
//! the way in it. Colours are the page's.

use maud::{Markup, html};

use crate::reach::Reached;
use crate::text;

/// Width of the drawing, in its own units; a character has about eight.
const WIDTH: usize = 700;

/// Height of a line.
const LINE: usize = 20;

/// Height of the arrow between two boxes.
const ARROW: usize = 16;

/// Characters that fit into a line.
const FIT: usize = 76;

/// Draws a way that begins with an import of a module.
pub(super) fn picture(module: &str, import: &str, way: &Reached, provider: Option<&str>) -> Markup {
    let mut boxes = vec![Part { head: module.to_owned(), how: format!("imports {import}"), lines: Vec::new() }];
    boxes.extend(way.hops.iter().map(|hop| Part {
        head: hop.module.to_string(),
        how: format!("{}, {}", hop.grade, hop.basis),
        lines: hop.parts.iter().map(|part| fitted(part)).collect(),
    }));
    let (head, how) = (provider.unwrap_or("?").to_owned(), way.family.to_string());
    boxes.push(Part { head, how, lines: vec![fitted(&way.symbol)] });
    let mut top = 1;
    let placed = boxes.into_iter().map(|part| {
        let here = top;
        top += part.height() + ARROW;
        (here, part)
    });
    let placed: Vec<(usize, Part)> = placed.collect();
    let height = top - ARROW + 1;
    let said = format!("{module} imports {import}, and by it gets to: {}", way.via().join(", "));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(text::shown(&said)) {
            @for (index, (top, part)) in placed.iter().enumerate() {
                @if index > 0 {
                    path d={ "M" (WIDTH / 2) " " (top - ARROW) "v" (ARROW) "m-4-6l4 6l4-6" } {}
                }
                rect x="1" y=(top) width=(WIDTH - 2) height=(part.height()) rx="6" {}
                text.b x="12" y=(top + LINE - 5) { (text::shown(&part.head)) }
                text.f x=(WIDTH / 2) y=(top + LINE - 5) { (fitted(&part.how)) }
                @for (line, number) in part.lines.iter().zip(2..) {
                    text x="32" y=(top + number * LINE - 5) { (line) }
                }
            }
        }
    }
}

/// One box.
struct Part {
    head: String,
    how: String,
    lines: Vec<String>,
}

impl Part {
    fn height(&self) -> usize {
        (1 + self.lines.len()) * LINE + 4
    }
}

/// A name as far as it fits; the drawing's label has all of it.
fn fitted(name: &str) -> String {
    let name = text::shown(name);
    match name.char_indices().nth(FIT) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.into_owned(),
    }
}
