// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is taken from a package: its files that are named like modules.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::super::InputErrorKind;
use super::super::collect::{Ending, module_ending};
use crate::{limits, text};

/// A file in a package that is named like a module.
#[derive(Debug)]
pub struct Member {
    /// Its path in the package.
    pub name: String,
    /// Its bytes, or why there are none.
    pub bytes: Result<Vec<u8>, InputErrorKind>,
}

/// What is done with a file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is given to the visitor.
    Take,
    /// It is passed over.
    Pass,
    /// It and all that follows do not matter.
    Stop,
}

/// Longest name of a file, or target of a link, in bytes (`PATH_MAX`).
pub(super) const PATH_BYTES: u64 = 4096;

/// What an entry of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link to a path: from the package's root if it begins with a slash, else from the link's own folder.
    Link(String),
    /// A device, a FIFO, a socket.
    Other,
}

/// Gives the files of a package that are named like modules to a visitor, and keeps what its end has to tell. Where something else
/// is looked for, what that is is chosen by the files' names, and links do not matter.
pub(super) struct Taker<'v> {
    visit: &'v mut dyn FnMut(Member),
    choose: Option<&'v dyn Fn(&str) -> Choice>,
    /// How many entries there were.
    entries: u32,
    /// Bytes of their names.
    name_bytes: u64,
    /// How many were given, or are links.
    given: u32,
    /// Bytes that were given again, under another name.
    given_again: u64,
    /// Whatever is named like a module, links as well.
    named: BTreeSet<String>,
    /// Links that are named like modules and lead to what is named so, too.
    links: Vec<(String, String)>,
}

impl<'v> Taker<'v> {
    pub(super) fn new(visit: &'v mut dyn FnMut(Member)) -> Self {
        Self {
            visit,
            choose: None,
            entries: 0,
            name_bytes: 0,
            given: 0,
            given_again: 0,
            named: BTreeSet::new(),
            links: Vec::new(),
        }
    }

    pub(super) fn choosing(choose: &'v dyn Fn(&str) -> Choice, visit: &'v mut dyn FnMut(Member)) -> Self {
        Self { choose: Some(choose), ..Self::new(visit) }
    }

    /// Whether something else than modules is looked for, and is this; an error ends it where nothing is any more.
    fn is_chosen(&self, name: &str) -> io::Result<Option<bool>> {
        match self.choose.map(|choose| choose(name)) {
            Some(Choice::Stop) => Err(invalid("nothing more is looked for")),
            choice => Ok(choice.map(|choice| choice == Choice::Take)),
        }
    }

    /// Counts an entry, whatever it is: one of nothing but a name costs nearly nothing where it is packed.
    pub(super) fn count(&mut self, name_len: usize) -> io::Result<()> {
        self.entries += 1;
        if self.entries > limits::PACKAGE_ENTRIES {
            return Err(invalid(&format!("it has more than {} entries", limits::PACKAGE_ENTRIES)));
        }
        self.name_bytes += name_len as u64;
        if self.name_bytes > limits::PACKAGE_NAME_BYTES {
            return Err(invalid(&format!("the names in it have more than {} bytes", limits::PACKAGE_NAME_BYTES)));
        }
        Ok(())
    }

    /// Counts a module, or a link that is named like one.
    fn count_module(&mut self) -> io::Result<()> {
        self.given += 1;
        if self.given > limits::PACKAGE_MODULES {
            return Err(invalid(&format!("it has more than {} modules", limits::PACKAGE_MODULES)));
        }
        Ok(())
    }

    /// Takes an entry of `len` bytes.
    pub(super) fn take(&mut self, name: &str, kind: Kind, len: u64, content: &mut dyn Read) -> io::Result<()> {
        if let Some(is_chosen) = self.is_chosen(name)? {
            return if is_chosen && kind == Kind::File { self.give(name, content_of(len, content)?) } else { Ok(()) };
        }
        let bytes = match (module_ending(name), kind) {
            (Ending::Other, _) | (_, Kind::Folder) => return Ok(()),
            // What it leads to is judged for itself.
            (_, Kind::Link(target)) if module_ending(&target) == Ending::Module => {
                self.count_module()?;
                self.named.insert(resolved("", name));
                self.links.push((name.to_owned(), target));
                return Ok(());
            }
            (_, Kind::Link(_)) => Err(InputErrorKind::Unsupported("a link to a file that is not named like a module")),
            (Ending::NotRead(what), _) => Err(InputErrorKind::Unsupported(what)),
            (Ending::Module, Kind::Other) => Err(InputErrorKind::NotAFile("something else")),
            (Ending::Module, Kind::File) => content_of(len, content)?,
        };
        self.give(name, bytes)
    }

    /// Takes a file of `len` bytes that has several names, if one of them is named like a module.
    pub(super) fn take_shared(
        &mut self,
        names: &[impl AsRef<str>],
        len: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        if self.choose.is_some() {
            for name in names.iter().map(AsRef::as_ref) {
                if self.is_chosen(name)? == Some(true) {
                    return self.give(name, content_of(len, content)?);
                }
            }
            return Ok(());
        }
        if names.iter().all(|name| module_ending(name.as_ref()) == Ending::Other) {
            return Ok(());
        }
        let content = content_of(len, content)?;
        for name in names.iter().map(AsRef::as_ref) {
            self.given_again += len;
            if self.given_again > limits::SHARED_BYTES {
                let limit = limits::SHARED_BYTES;
                return Err(invalid(&format!("its files share more than {limit} bytes of content")));
            }
            let bytes = match (&content, module_ending(name)) {
                (_, Ending::Other) => continue,
                (_, Ending::NotRead(what)) => Err(InputErrorKind::Unsupported(what)),
                (Ok(content), Ending::Module) => Ok(content.clone()),
                (Err(_), Ending::Module) => Err(InputErrorKind::TooLarge { len, limit: limits::FILE_BYTES }),
            };
            self.give(name, bytes)?;
        }
        Ok(())
    }

    /// Gives what is named like a module to the visitor.
    pub(super) fn give(&mut self, name: &str, bytes: Result<Vec<u8>, InputErrorKind>) -> io::Result<()> {
        self.count_module()?;
        self.named.insert(resolved("", name));
        (self.visit)(Member { name: text::shown(name).into_owned(), bytes });
        Ok(())
    }

    /// Tells which links lead out of the package: nobody looks at what is there.
    pub(super) fn finish(self) {
        for (name, target) in self.links {
            if leads_astray(&target) || !self.named.contains(&resolved(&name, &target)) {
                let bytes = Err(InputErrorKind::Unsupported("a link to a module that is not in the package"));
                (self.visit)(Member { name: text::shown(&name).into_owned(), bytes });
            }
        }
    }
}

/// The content of a file, or that it is too large.
pub(super) fn content_of(len: u64, content: &mut dyn Read) -> io::Result<Result<Vec<u8>, InputErrorKind>> {
    if len > limits::FILE_BYTES {
        return Ok(Err(InputErrorKind::TooLarge { len, limit: limits::FILE_BYTES }));
    }
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}

/// Whether a target goes into a folder and out of it again: where that leads depends on whether the folder is a link.
fn leads_astray(target: &str) -> bool {
    let parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.skip_while(|part| *part == "..").any(|part| part == "..")
}

/// A path from the package's root, without `.` and `..`, of what a link in there leads to. `/lib` and `/usr/lib` are one
/// folder on today's systems.
fn resolved(link: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { link.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.first() == Some(&"usr") {
        parts.remove(0);
    }
    parts.join("/")
}

/// A name or target, up to its NUL: to the kernel and to rpm it ends there.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

/// The same as text.
pub(super) fn name_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(until_nul(bytes)).into_owned()
}

/// Passes over what nobody looks at.
pub(super) fn skip(stream: &mut dyn Read, bytes: u64) -> io::Result<()> {
    if io::copy(&mut stream.take(bytes), &mut io::sink())? < bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut short"));
    }
    Ok(())
}

pub(super) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn links_lead_to_paths_from_the_root() {
        assert_eq!(resolved("lib/modules/a.ko", "b.ko"), "lib/modules/b.ko");
        assert_eq!(resolved("./usr/lib/modules/a.ko", ".././x//b.ko"), "lib/x/b.ko");
        assert_eq!(resolved("lib/a.ko", "/usr/lib/b.ko"), "lib/b.ko");
        assert_eq!(resolved("a.ko", "../../../b.ko"), "b.ko");
    }
}
