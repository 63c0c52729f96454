// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module's facts, and what has to hold of them.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use symgate::module::bytes::PositionedFile;
use symgate::module::graph::{Depth, Graph, Target};
use symgate::module::sites::Sites;
use symgate::module::{Bytes, ElfError, ModuleFacts, Signature, Stage};

/// Bytes of `struct module_signature` and the marker behind it.
const TRAILER_BYTES: u64 = 40;

/// Fewest bytes of an entry in an export table.
const EXPORT_BYTES: usize = 12;

/// How a file is read: as a module, or as the object of one.
pub type Reader = fn(Bytes<'_>) -> Result<ModuleFacts, ElfError>;

/// Reads a module by both readers, from memory and from a file, which have to agree.
pub fn facts(bytes: &[u8], reader: Reader) -> Result<ModuleFacts, ElfError> {
    let facts = checked(Bytes::in_memory(bytes), reader);
    assert_eq!(facts, in_file(bytes, reader), "from memory and from a file");
    if let Ok(facts) = &facts {
        hold(facts, bytes.len());
        let bytes = Bytes::in_memory(bytes);
        // What finds something may be any import.
        let lookups = facts.lookups_by(bytes, &|name| name.len().is_multiple_of(2));
        linked(facts, &Graph::read(bytes, Depth::Everything, &lookups).expect("what has facts has a graph"));
        if let Ok(Some(sites)) = Sites::read(bytes) {
            let asking = sites.asking(&|_| true, &lookups);
            assert!(asking.is_sorted(), "places in order");
            assert!(sites.untold(&lookups).len() <= lookups.calls.len(), "one place a call");
            let _ = (sites.offering(&|_| true), sites.functions(&|_| true), sites.debug_link());
        }
    }
    facts
}

/// A graph has the module's exports, and its links lead somewhere.
fn linked(facts: &ModuleFacts, graph: &Graph) {
    leads_somewhere(graph);
    let known = |name: &str| facts.exports.iter().any(|export| &*export.name == name);
    for (export, _) in &graph.exports {
        assert!(
            facts.stage == Stage::BeforeModpost || !facts.problems.is_empty() || known(export),
            "{export} is no export"
        );
    }
}

/// What a graph has leads to what it has.
pub fn leads_somewhere(graph: &Graph) {
    assert_eq!(graph.parts.len(), graph.links.len(), "links of each part");
    let stored = graph.stored.iter().flatten().map(|(from, link)| {
        assert!((*from as usize) < graph.parts.len(), "{link:?} comes from nowhere");
        link
    });
    for link in graph.links.iter().flatten().chain(stored) {
        let (index, len) = match link.to {
            Target::Part(part) => (part, graph.parts.len()),
            Target::Import(import) => (import, graph.imports.len()),
        };
        assert!((index as usize) < len, "{link:?} leads nowhere");
    }
    for (export, part) in &graph.exports {
        assert!((*part as usize) < graph.parts.len(), "{export} is no part");
    }
}

fn checked(bytes: Bytes<'_>, reader: Reader) -> Result<ModuleFacts, ElfError> {
    let mut facts = reader(bytes)?;
    facts.cross_check(bytes);
    Ok(facts)
}

/// The same through the cache by which a plain module is read.
fn in_file(bytes: &[u8], reader: Reader) -> Result<ModuleFacts, ElfError> {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = FILE.get_or_init(nameless);
    file.set_len(0).and_then(|()| file.write_all_at(bytes, 0)).expect("a temporary file can be written");
    let file = PositionedFile::new(file.try_clone().expect("a file has two handles"), bytes.len() as u64);
    let cache = object::read::ReadCache::new(file);
    checked(Bytes::in_file(&cache), reader)
}

/// A file that goes with the process.
fn nameless() -> File {
    let path = std::env::temp_dir().join(format!("symgate-fuzz-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).expect("a temporary file");
    file.flush().and_then(|()| std::fs::remove_file(path)).expect("a temporary file can be removed");
    file
}

/// Names can be shown and are in order, and nothing is there more often than the file has room for it.
fn hold(facts: &ModuleFacts, len: usize) {
    let shown = |name: &str| !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    assert!(facts.imports.iter().all(|import| shown(&import.name)), "an import's name");
    assert!(facts.imports.is_sorted_by(|a, b| a.name < b.name), "imports in order, each once");
    assert!(facts.exports.iter().all(|export| shown(&export.name)), "an export's name");
    assert!(facts.exports.iter().filter_map(|export| export.namespace.as_deref()).all(shown), "a namespace");
    assert!(facts.exports.is_sorted_by(|a, b| a.name <= b.name), "exports in order");
    assert!(facts.exports.len() * EXPORT_BYTES <= len, "more exports than bytes");
    if let Some(name) = &facts.name {
        assert!(!name.as_str().is_empty() && !name.as_str().chars().any(char::is_control), "the module's name");
    }
    if let Some(Signature { offset, len: message, .. }) = &facts.signature {
        assert_eq!(offset + message + TRAILER_BYTES, len as u64, "the signature's place");
    }
    for problem in &facts.problems {
        assert!(!problem.key().is_empty() && !problem.to_string().is_empty());
    }
}
