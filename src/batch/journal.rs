// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run over many inputs has done: a file of lines of JSON, one for each input, in the order in which they were done.
//!
//! A run that was ended in the middle goes on where it stopped. A line counts if the input has the same content and it was judged in
//! the same way; whatever else is in the file (half a line, too) is done again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Outcome;

/// What every line begins with, half of one as well.
const LINE: &[u8] = b"{\"schema\":\"";

/// Why a file can't be gone on with.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The lines of a run, on disk.
#[derive(Debug)]
pub struct Journal {
    file: File,
    done: HashMap<Done, Outcome>,
    /// Lines that were there and do not count.
    pub left_out: usize,
}

/// Which input was done: its path and the hash of its content.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Done {
    path: String,
    sha256: String,
}

/// As much of a line as tells what was done.
#[derive(Deserialize)]
struct Line {
    schema: String,
    judged_by: String,
    input: Done,
    outcome: Outcome,
}

impl Journal {
    /// Goes on with a file, or begins one. `judged_by` tells what else a result depends on, `hashes` those of the inputs that are to
    /// be judged now, by their paths: what is told of another content of them does not count.
    pub fn resume(
        path: &Path,
        schema: &str,
        judged_by: &str,
        hashes: &HashMap<String, String>,
    ) -> Result<Self, JournalError> {
        let failed = |source| JournalError { path: path.to_owned(), source };
        let (mut done, mut left_out) = (HashMap::new(), 0);
        let old = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let mut old = old.into_iter().flat_map(|file| BufReader::new(file).split(b'\n')).peekable();
        // Nobody's file is taken for a run's that has not one line of one.
        if let Some(Ok(first)) = old.peek()
            && !first.starts_with(LINE)
        {
            let reason = "it is no file of results, and nothing of it would be left";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        // What counts is in place at every moment.
        let beside = path.with_added_extension("part");
        let mut kept = BufWriter::new(File::create(&beside).map_err(failed)?);
        for line in old {
            let mut line = line.map_err(failed)?;
            let told = serde_json::from_slice::<Line>(&line).ok();
            let is_current = |input: &Done| hashes.get(&input.path).is_none_or(|sha256| *sha256 == input.sha256);
            let counts =
                told.filter(|told| told.schema == schema && told.judged_by == judged_by && is_current(&told.input));
            if counts.is_some_and(|told| done.insert(told.input, told.outcome).is_none()) {
                line.push(b'\n');
                kept.write_all(&line).map_err(failed)?;
            } else {
                left_out += 1;
            }
        }
        kept.flush().and_then(|()| fs::rename(&beside, path)).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { file, done, left_out })
    }

    /// How an input of this content came out, if it is done.
    #[must_use]
    pub fn outcome(&self, path: &str, sha256: &str) -> Option<Outcome> {
        self.done.get(&Done { path: path.to_owned(), sha256: sha256.to_owned() }).copied()
    }

    /// Adds a whole line, which ends in a newline.
    pub fn add(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_behind_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.ndjson");
        let line = |path: &str, by: &str| {
            format!(
                "{{\"schema\":\"s/1\",\"judged_by\":\"{by}\",\"input\":{{\"path\":\"{path}\",\"sha256\":\"ab\"}},\"outcome\":\"denied\"}}\n"
            )
        };
        let resume = |path: &Path, schema: &str| Journal::resume(path, schema, "x", &HashMap::new());
        let mut journal = resume(&path, "s/1").unwrap();
        journal.add(line("a", "x").as_bytes()).unwrap();
        journal.add(line("b", "y").as_bytes()).unwrap();
        journal.add(line("a", "x").as_bytes()).unwrap();
        journal.add(&line("c", "x").as_bytes()[..30]).unwrap();
        let journal = resume(&path, "s/1").unwrap();
        assert_eq!((journal.done.len(), journal.left_out), (1, 3));
        assert_eq!(journal.outcome("a", "ab"), Some(Outcome::Denied));
        assert!(journal.outcome("a", "cd").is_none() && journal.outcome("b", "ab").is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), line("a", "x"));
        let changed = HashMap::from([("a".to_owned(), "cd".to_owned())]);
        assert_eq!(Journal::resume(&path, "s/1", "x", &changed).unwrap().done.len(), 0);
        assert_eq!(resume(&path, "s/2").unwrap().done.len(), 0);
        assert!(resume(folder.path(), "s/1").is_err());
    }
}
