// SPDX-License-Identifier: MIT OR Apache-2.0
//! The modpost of the newest kernel's build tools, which reads every class and byte order, run with the libc of its
//! suite, because it is newer than what this machine may have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::breach::{Breach, Kind, stem};
use super::yard::Yard;
use crate::apt::{Apt, Package};
use crate::corpus;
use crate::shell::{TaskError, attempt, text};

/// modpost, with what it needs to run.
#[derive(Debug)]
pub(in super::super) struct Modpost {
    /// The dynamic loader, and the folder of the libraries that it is to use.
    loader: PathBuf,
    libraries: PathBuf,
    /// The program's path, but for the variant at its end.
    program: PathBuf,
}

/// Which of its programs reads a kernel's modules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant(&'static str);

/// Symbols that it finds an export of, by module.
pub(super) type Versioned = BTreeMap<String, BTreeSet<String>>;

/// What it said of some modules.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Breaches. Of undefined symbols it names only the first ten.
    pub(super) breaches: BTreeSet<Breach>,
    /// How many undefined symbols it counted and did not name.
    pub(super) suppressed: usize,
    /// Errors that are no breach of a rule that is compared.
    pub(super) faults: Vec<String>,
}

impl Modpost {
    /// Fetches it, unless it is there.
    pub(in super::super) fn fetch() -> Result<Self, TaskError> {
        let architecture = text("dpkg", ["--print-architecture"])?.trim().to_owned();
        let root = corpus::home().join(format!("modpost-{architecture}"));
        let apt = corpus::apt("sid", &architecture)?;
        corpus::keep(&apt, "modpost", &root, || packages(&apt, &architecture))?;
        let find = |wanted: &dyn Fn(&str) -> bool| {
            let files = WalkDir::new(&root).sort_by_file_name().into_iter().flatten().map(walkdir::DirEntry::into_path);
            files.into_iter().find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(wanted))
        };
        let missing = |what: &str| TaskError::Other(format!("{}: no {what} in it", root.display()));
        let library = find(&|name| name == "libc.so.6").ok_or_else(|| missing("libc"))?;
        let loader = find(&|name| name.starts_with("ld-linux") || name.starts_with("ld64.so"));
        let program = find(&|name| name == "modpost.real-lsb-64").ok_or_else(|| missing("modpost"))?;
        Ok(Self {
            loader: loader.ok_or_else(|| missing("dynamic loader"))?,
            libraries: library.parent().unwrap_or(&root).to_owned(),
            program: program.with_file_name("modpost.real"),
        })
    }

    /// Lets it judge the modules of a yard.
    pub(super) fn judge(&self, variant: Variant, yard: &Yard) -> Result<Said, TaskError> {
        Said::parse(&self.run(variant, yard, &["-M", "-e"])?)
    }

    /// The symbols that it finds an export of. It writes them down as those to have a version, but
    /// nothing at all once it found an error; so the yard's table must be an open one.
    pub(super) fn resolve(&self, variant: Variant, yard: &Yard) -> Result<Versioned, TaskError> {
        // -w makes warnings of undefined symbols, -x writes names of any length.
        let said = Said::parse(&self.run(variant, yard, &["-M", "-e", "-m", "-x", "-w"])?)?;
        let errors = said.breaches.iter().map(ToString::to_string).chain(said.faults);
        if let Some(error) = errors.into_iter().next() {
            return Err(TaskError::Other(format!("modpost said: {error}")));
        }
        let read = |module: &String| {
            let path = yard.path().join(format!("{module}.mod.c"));
            let code = fs::read_to_string(&path).map_err(TaskError::io(&path))?;
            Ok((module.clone(), versioned(&code)))
        };
        yard.modules().iter().map(read).collect()
    }

    /// Runs it, and returns what it said on standard error.
    fn run(&self, Variant(variant): Variant, yard: &Yard, options: &[&str]) -> Result<String, TaskError> {
        let program = format!("{}-{variant}", self.program.display());
        let libraries = self.libraries.display().to_string();
        let mut args = vec!["--library-path", &libraries, &program];
        args.extend(options);
        args.extend(["-i", Yard::SYMVERS, "-T", Yard::ORDER]);
        let said = attempt(&self.loader, args, yard.path())?;
        match said.status {
            Some(0 | 1) if !said.stderr.contains("FATAL: ") => Ok(said.stderr),
            _ => Err(TaskError::Command { command: program, reason: said.stderr.lines().last().unwrap_or("").into() }),
        }
    }
}

/// The build tools of the newest kernel, and the libc that they were built with.
fn packages(apt: &Apt, architecture: &str) -> Result<Vec<Package>, TaskError> {
    let depended = |package: &Package, prefix: &str| {
        let name = package.depends.iter().find(|name| name.starts_with(prefix));
        apt.show(name.ok_or_else(|| TaskError::Other(format!("{} depends on no {prefix}*", package.name)))?)
    };
    let headers = depended(&apt.show(&format!("linux-headers-{architecture}"))?, "linux-headers-")?;
    Ok(vec![depended(&headers, "linux-kbuild-")?, apt.show("libc6")?])
}

impl Variant {
    /// By the first bytes of a module.
    pub(super) fn of(module: &Path) -> Result<Self, TaskError> {
        let bytes = fs::read(module).map_err(TaskError::io(module))?;
        match bytes.get(4..6) {
            Some([1, 1]) => Ok(Self("lsb-32")),
            Some([1, 2]) => Ok(Self("msb-32")),
            Some([2, 1]) => Ok(Self("lsb-64")),
            Some([2, 2]) => Ok(Self("msb-64")),
            _ => Err(TaskError::Other(format!("{}: of no class or byte order", module.display()))),
        }
    }
}

/// The strings of `____version_ext_names` in a `.mod.c`.
fn versioned(code: &str) -> BTreeSet<String> {
    let lines = code.lines().skip_while(|line| !line.contains("____version_ext_names")).skip(2);
    let names = lines.map_while(|line| line.trim().strip_prefix('"')?.strip_suffix("\\0\""));
    names.map(str::to_owned).collect()
}

impl Said {
    /// Reads its errors; its warnings are about other things.
    fn parse(stderr: &str) -> Result<Self, TaskError> {
        let mut said = Self::default();
        for line in stderr.lines() {
            if let Some(error) = line.strip_prefix("ERROR: modpost: ") {
                match breach(error) {
                    Some(breach) => _ = said.breaches.insert(breach),
                    None => said.faults.push(error.to_owned()),
                }
            } else if let Some(rest) = line.strip_prefix("WARNING: modpost: suppressed ") {
                let count = rest.split(' ').next().and_then(|count| count.parse().ok());
                said.suppressed = count.ok_or_else(|| TaskError::Other(format!("modpost said: {line}")))?;
            }
        }
        Ok(said)
    }
}

/// The breach that an error speaks of.
fn breach(error: &str) -> Option<Breach> {
    /// What stands between two texts, and behind the second.
    fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<(&'a str, &'a str)> {
        text.strip_prefix(before)?.split_once(behind)
    }
    if let Some((symbol, rest)) = between(error, "\"", "\" [") {
        let module = rest.strip_suffix("] undefined!")?;
        return Some(Breach::new(Kind::Undefined, stem(module), symbol, ""));
    }
    if let Some((module, rest)) = between(error, "GPL-incompatible module ", " uses GPL-only symbol '") {
        return Some(Breach::new(Kind::GplOnly, stem(module), rest.strip_suffix('\'')?, ""));
    }
    if let Some((module, rest)) = between(error, "module ", " uses symbol ") {
        let (symbol, namespace) = rest.strip_suffix(", but does not import it.")?.split_once(" from namespace ")?;
        return Some(Breach::new(Kind::Namespace, module, symbol, namespace));
    }
    if let Some((module, rest)) = between(error, "", ": explicitly importing namespace \"") {
        return Some(Breach::new(Kind::Declares, stem(module), "", rest.strip_suffix("\" is not allowed.")?));
    }
    let module = error.strip_prefix("missing MODULE_LICENSE() in ")?;
    Some(Breach::new(Kind::Unlicensed, stem(module), "", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_modpost_says() {
        let said = Said::parse(
            "ERROR: modpost: \"f\" [a/b-c.ko] undefined!\n\
             ERROR: modpost: GPL-incompatible module b-c.ko uses GPL-only symbol 'g'\n\
             ERROR: modpost: module b-c uses symbol h from namespace N, but does not import it.\n\
             ERROR: modpost: a/b-c: explicitly importing namespace \"module:x\" is not allowed.\n\
             ERROR: modpost: missing MODULE_LICENSE() in a/b-c.o\n\
             WARNING: modpost: missing MODULE_DESCRIPTION() in a/b-c.o\n\
             ERROR: modpost: a/b-c: t[] is not terminated with a NULL entry\n\
             WARNING: modpost: suppressed 12 unresolved symbol warnings because there were too many)\n",
        )
        .unwrap();
        let expected = [
            Breach::new(Kind::Undefined, "b-c", "f", ""),
            Breach::new(Kind::GplOnly, "b-c", "g", ""),
            Breach::new(Kind::Namespace, "b-c", "h", "N"),
            Breach::new(Kind::Declares, "b-c", "", "module:x"),
            Breach::new(Kind::Unlicensed, "b-c", "", ""),
        ];
        assert_eq!(said.breaches, BTreeSet::from(expected));
        assert_eq!((said.suppressed, said.faults.len()), (12, 1));
    }

    #[test]
    fn reads_which_symbols_are_resolved() {
        let code = "static const char ____version_ext_names[]\n__used __section(\"__version_ext_names\") =\n\
                    \t\"a\\0\"\n\t\"b\\0\"\n;\n\nMODULE_INFO(depends, \"c\");\n";
        assert_eq!(versioned(code), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(versioned("MODULE_INFO(depends, \"\");\n"), BTreeSet::new());
    }
}
