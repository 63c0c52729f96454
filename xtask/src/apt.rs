// SPDX-License-Identifier: MIT OR Apache-2.0
//! apt, with a state of its own, so that packages of any suite and architecture can be looked up and fetched
//! without touching what is installed. Which mirror it asks is what the machine's own sources say.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::shell::{TaskError, output, text};

/// Package lists younger than this are not fetched again.
const LISTS_AGE: Duration = Duration::from_hours(12);

/// The machine's mirrors.
#[derive(Debug)]
struct Mirrors {
    main: String,
    security: Option<String>,
    /// `[signed-by=...]`, or nothing.
    options: String,
}

/// apt for one suite and architecture.
#[derive(Debug)]
pub struct Apt {
    config: PathBuf,
    suite: String,
}

/// A package as the archive has it now.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub depends: Vec<String>,
}

impl Apt {
    /// Sets up apt under `root`, and fetches the package lists if they are old.
    pub fn new(root: &Path, suite: &str, architecture: &str) -> Result<Self, TaskError> {
        let home = root.join(format!("{suite}-{architecture}"));
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            let folder = home.join(folder);
            fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
        }
        let mirrors = Mirrors::of_this_machine()?;
        let mut sources = format!("deb {}{} {suite} main\n", mirrors.options, mirrors.main);
        if let Some(security) = mirrors.security.filter(|_| !["sid", "unstable", "experimental"].contains(&suite)) {
            sources.push_str(&format!("deb {}{security} {suite}-security main\n", mirrors.options));
        }
        let list = home.join("sources.list");
        fs::write(&list, &sources).map_err(TaskError::io(&list))?;
        let config = home.join("apt.conf");
        let shown = home.display();
        let settings = format!(
            "Dir::State \"{shown}/state\";\nDir::State::status \"/dev/null\";\nDir::Cache \"{shown}/cache\";\n\
             Dir::Etc::sourcelist \"{shown}/sources.list\";\nDir::Etc::sourceparts \"-\";\n\
             Dir::Etc::preferences \"-\";\nDir::Etc::preferencesparts \"-\";\nAcquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\nAPT::Sandbox::User \"root\";\nAPT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\n"
        );
        fs::write(&config, settings).map_err(TaskError::io(&config))?;
        let stamp = home.join("updated");
        let updated = fs::metadata(&stamp).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let apt = Self { config, suite: suite.to_owned() };
        if SystemTime::now().duration_since(updated).is_ok_and(|age| age > LISTS_AGE) {
            if let Err(error) = apt.run("apt-get", &["update", "--error-on=any"]) {
                // The mirror of the security archive is now and then half way between two states.
                println!("{suite}-{architecture}: without the security archive: {error}");
                let main = sources.lines().next().unwrap_or_default();
                fs::write(&list, format!("{main}\n")).map_err(TaskError::io(&list))?;
                apt.run("apt-get", &["update", "--error-on=any"])?;
            }
            fs::write(&stamp, "").map_err(TaskError::io(&stamp))?;
        }
        Ok(apt)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<String, TaskError> {
        let config = self.config.display().to_string();
        text(program, ["-c", &config, "-q"].iter().chain(args))
    }

    /// The newest version of a package.
    pub fn show(&self, name: &str) -> Result<Package, TaskError> {
        let stanza = self.run("apt-cache", &["show", "--no-all-versions", name])?;
        let field = |field: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": ")).unwrap_or_default().to_owned()
        };
        let version = field("Version");
        if version.is_empty() {
            return Err(TaskError::Other(format!("{} has no package {name}", self.suite)));
        }
        let depends = field("Depends");
        let depends = depends
            .split([',', '|'])
            .filter_map(|dependency| dependency.split_whitespace().next())
            .map(|name| name.split(':').next().unwrap_or(name).to_owned())
            .collect();
        Ok(Package { name: name.to_owned(), version, depends })
    }

    /// Fetches a package and unpacks it into a folder.
    pub fn unpack(&self, package: &Package, folder: &Path) -> Result<(), TaskError> {
        let download = folder.join("download");
        for deb in self.download(package, &download)? {
            output("dpkg-deb", ["-x".as_ref(), deb.as_os_str(), folder.as_os_str()])?;
        }
        fs::remove_dir_all(&download).map_err(TaskError::io(&download))
    }

    /// Fetches a package into a folder, and returns all packages that are in it.
    pub fn download(&self, package: &Package, download: &Path) -> Result<Vec<PathBuf>, TaskError> {
        fs::create_dir_all(download).map_err(TaskError::io(download))?;
        // `apt-get download` writes where it stands.
        let config = self.config.display().to_string();
        let script = format!(
            "cd '{}' && apt-get -c '{config}' -q download '{}={}'",
            download.display(),
            package.name,
            package.version
        );
        output("sh", ["-c", &script])?;
        let entries = fs::read_dir(download).map_err(TaskError::io(download))?;
        entries.map(|entry| Ok(entry.map_err(TaskError::io(download))?.path())).collect()
    }
}

/// The mirror of the machine's own suite.
pub fn mirror() -> Result<String, TaskError> {
    Ok(Mirrors::of_this_machine()?.main)
}

impl Mirrors {
    /// Reads the machine's apt sources: the mirror is the one that has the running suite.
    fn of_this_machine() -> Result<Self, TaskError> {
        let release = fs::read_to_string("/etc/os-release").map_err(TaskError::io(Path::new("/etc/os-release")))?;
        let codename = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .unwrap_or("sid")
            .trim_matches('"')
            .to_owned();
        let mut entries = Vec::new();
        let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
        if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
            files.extend(folder.flatten().map(|entry| entry.path()));
        }
        files.sort();
        for file in files {
            let Ok(content) = fs::read_to_string(&file) else { continue };
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => entries.extend(content.lines().filter_map(one_line)),
                Some("sources") => entries.extend(content.split("\n\n").filter_map(deb822)),
                _ => {}
            }
        }
        let find = |suite: &str| entries.iter().find(|entry| entry.suites.iter().any(|known| known == suite));
        let main =
            find(&codename).ok_or_else(|| TaskError::Other(format!("no apt source for {codename} on this machine")))?;
        let security = find(&format!("{codename}-security")).map(|entry| entry.uri.clone());
        let options = main.signed_by.as_ref().map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        Ok(Self { main: main.uri.clone(), security, options })
    }
}

#[derive(Debug)]
struct Source {
    uri: String,
    suites: Vec<String>,
    signed_by: Option<String>,
}

/// `deb [signed-by=KEY] URI SUITE COMPONENT...`
fn one_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(Into::into);
    Some(Source { uri: uri.into(), suites: vec![suite.into()], signed_by })
}

/// A stanza of a `.sources` file.
fn deb822(stanza: &str) -> Option<Source> {
    let field = |name: &str| {
        stanza.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let uri = field("URIs")?.split_whitespace().next()?;
    let suites = field("Suites")?.split_whitespace().map(Into::into).collect();
    Some(Source {
        uri: uri.into(),
        suites,
        signed_by: field("Signed-By").filter(|key| key.starts_with('/')).map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_sources() {
        let line = one_line("deb [arch=amd64 signed-by=/k.gpg] http://m/d bookworm main contrib").unwrap();
        assert_eq!(
            (line.uri.as_str(), line.suites, line.signed_by.as_deref()),
            ("http://m/d", vec!["bookworm".to_owned()], Some("/k.gpg"))
        );
        assert!(one_line("# deb http://m/d bookworm main").is_none());
        assert!(one_line("deb-src http://m/d bookworm main").is_none());
        let stanza =
            deb822("Types: deb\n# a: b\nURIs: http://m/d\nSuites: a a-updates\nComponents: main\nSigned-By: /k.gpg")
                .unwrap();
        assert_eq!(
            (stanza.uri.as_str(), stanza.suites.len(), stanza.signed_by.as_deref()),
            ("http://m/d", 2, Some("/k.gpg"))
        );
    }
}
