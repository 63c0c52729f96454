// SPDX-License-Identifier: MIT OR Apache-2.0
//! A system to do anything with: a suite's chroot (see `testdata`), with a layer above that takes what is changed. The chroot
//! stays as it is, whoever else uses it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::corpus;
use crate::shell::{Said, TaskError, attempt};
use crate::testdata;

/// What every script begins with.
const BEFORE: &str =
    "export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin\n";

/// A suite's system that lasts as long as this value.
#[derive(Debug)]
pub struct Layer {
    suite: String,
    chroot: PathBuf,
    home: PathBuf,
}

impl Layer {
    /// A fresh one.
    pub fn new(name: &str, suite: &str) -> Result<Self, TaskError> {
        let home = corpus::home().join("integrations").join(format!("{name}-{suite}"));
        let layer = Self { suite: suite.to_owned(), chroot: testdata::chroot(suite)?, home };
        layer.clear();
        for folder in ["above", "work", "root"] {
            let folder = layer.home.join(folder);
            fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
        }
        Ok(layer)
    }

    /// The release whose headers are installed in it.
    pub fn release(&self) -> Result<String, TaskError> {
        testdata::headers(&self.chroot).map(|(release, _)| release)
    }

    /// Runs a script in it.
    pub fn run(&self, script: &str) -> Result<Said, TaskError> {
        // A mount namespace of its own takes the mounts away again.
        let outer = "mount -t overlay overlay -o \"lowerdir=$1,upperdir=$2/above,workdir=$2/work\" \"$2/root\" && \
                     mount -t proc proc \"$2/root/proc\" && exec chroot \"$2/root\" sh -c \"$0\" 2>&1";
        let (chroot, home) = (self.chroot.display().to_string(), self.home.display().to_string());
        let script = format!("{BEFORE}{script}");
        attempt(Path::new("unshare"), ["--mount", "sh", "-c", outer, &script, &chroot, &home], &self.home)
    }

    /// Runs a script that has to end well, and returns what it said.
    pub fn sure(&self, script: &str) -> Result<String, TaskError> {
        let Said { status, stdout, .. } = self.run(script)?;
        if status == Some(0) {
            return Ok(stdout);
        }
        Err(TaskError::Other(format!("{}: {script}: ended with {status:?}\n{stdout}", self.suite)))
    }

    /// Installs packages of the suite.
    pub fn install(&self, packages: &str) -> Result<String, TaskError> {
        let install = format!("apt-get -qy install --no-install-recommends {packages}");
        // The lists that the chroot has do, as long as the archive has what is in them.
        self.sure(&format!("{install} || {{ apt-get -q update && {install}; }}"))
    }

    /// Puts a file or a folder of files into it.
    pub fn put(&self, from: &Path, to: &str) -> Result<(), TaskError> {
        if from.is_dir() {
            for entry in fs::read_dir(from).map_err(TaskError::io(from))?.flatten() {
                self.put(&entry.path(), &format!("{to}/{}", entry.file_name().to_string_lossy()))?;
            }
            return Ok(());
        }
        let place = self.place(to)?;
        fs::copy(from, &place).map(|_| ()).map_err(TaskError::io(from))
    }

    /// Writes a file in it.
    pub fn write(&self, to: &str, text: &str) -> Result<(), TaskError> {
        let place = self.place(to)?;
        fs::write(&place, text).map_err(TaskError::io(&place))
    }

    fn place(&self, to: &str) -> Result<PathBuf, TaskError> {
        let place = self.home.join("above").join(to.trim_start_matches('/'));
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
        }
        Ok(place)
    }

    /// Runs a script, and sees whether it ended and said what it should.
    pub fn see(&self, what: &str, script: &str, end: End, says: &[&str], lacks: &[&str]) -> Result<String, TaskError> {
        let Said { status, stdout, .. } = self.run(script)?;
        let missing = says.iter().find(|text| !stdout.contains(**text)).map(|text| format!("it does not say {text:?}"));
        let unwanted = || lacks.iter().find(|text| stdout.contains(**text)).map(|text| format!("it says {text:?}"));
        let ended = || (!end.is(status)).then(|| format!("it ended with {status:?}, not {end:?}"));
        if let Some(fault) = missing.or_else(unwanted).or_else(ended) {
            return Err(TaskError::Other(format!("{}: {what}: {fault}: {script}\n{stdout}", self.suite)));
        }
        println!("{}: {what}", self.suite);
        Ok(stdout)
    }

    fn clear(&self) {
        // What is not there need not go.
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How a script should end.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// Well.
    Well,
    /// Badly, in any way.
    Badly,
    /// With this status.
    With(i32),
}

impl End {
    fn is(self, status: Option<i32>) -> bool {
        match self {
            Self::Well => status == Some(0),
            Self::Badly => status.is_some_and(|status| status != 0),
            Self::With(wanted) => status == Some(wanted),
        }
    }
}
