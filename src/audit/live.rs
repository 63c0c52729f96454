// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running kernel says of the modules that it has loaded: `/proc/modules` (`kernel/module/procfs.c:m_show`) and
//! `/sys/module` (`kernel/module/main.c:modinfo_attrs`, `kernel/module/sysfs.c:add_notes_attrs`; all 7.2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::root::Root;
use super::taint::Taint;
use crate::module::build_id_of_note;

/// A running kernel.
#[derive(Debug, Default)]
pub struct Running {
    /// Its version (`/proc/sys/kernel/osrelease`).
    pub version: Option<String>,
    /// Its taint (`/proc/sys/kernel/tainted`).
    pub taint: Option<Taint>,
    /// The modules that it has loaded, by their names as they stand there: to the kernel `a-b` and `a_b` are two.
    pub modules: BTreeMap<String, Loaded>,
    /// What can't be told of it.
    pub untold: Vec<String>,
}

/// A module that is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Its size in memory, in bytes.
    pub size: Option<u64>,
    /// The modules that use it.
    pub used_by: Vec<String>,
    /// `Live`, `Loading` or `Unloading`.
    pub state: Option<String>,
    /// The modules that it uses.
    pub uses: Vec<String>,
    /// Its own taint.
    pub taint: Taint,
    /// The hash of its source, where it has one.
    pub srcversion: Option<String>,
    /// The build-id of the file that it was loaded from, as hexadecimal digits.
    pub build_id: Option<String>,
    /// Which of the two lists lacks it, if one does: that is what hides a module.
    pub missing_in: Option<&'static str>,
}

const LIST: &str = "/proc/modules";
const FOLDER: &str = "/sys/module";

impl Running {
    /// Reads what is to be seen below a root: of the system that runs, or where its `/proc` and `/sys` were mounted or saved.
    /// Nothing, if there is no list of loaded modules.
    #[must_use]
    pub fn read(root: &Root) -> Option<Self> {
        let line = |path: &str| root.text(path).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut running = Self {
            version: line("/proc/sys/kernel/osrelease"),
            taint: line("/proc/sys/kernel/tainted").and_then(|text| Taint::of_bits(&text)),
            ..Self::default()
        };
        match root.read(LIST) {
            Ok(Some(list)) => running.read_list(&String::from_utf8_lossy(&list)),
            Ok(None) => return None,
            Err(error) => running.untold.push(format!("{LIST}: {error}")),
        }
        running.read_folder(root);
        running.look_again(root);
        running.turn_round();
        if running.taint.is_none() {
            running.untold.push("whether the kernel is tainted: /proc/sys/kernel/tainted can't be read".to_owned());
        }
        Some(running)
    }

    fn read_list(&mut self, list: &str) {
        let mut unread = 0;
        for line in list.lines() {
            match module(line) {
                Some((name, loaded)) => drop(self.modules.insert(name, loaded)),
                None => unread += 1,
            }
        }
        if unread > 0 {
            self.untold.push(format!("{LIST}: {unread} lines that are not of a module"));
        }
    }

    fn read_folder(&mut self, root: &Root) {
        let names = root.names(FOLDER);
        if names.is_empty() {
            self.untold.push(format!("{FOLDER} is not there: by it a loaded module is compared with its file"));
            return;
        }
        let mut seen = BTreeSet::new();
        for name in names {
            let folder = Path::new(FOLDER).join(&name);
            // What is built into the kernel has a folder for its parameters, and no state.
            if root.resolve(folder.join("initstate")).is_none() {
                continue;
            }
            let line = |file: &str| root.text(folder.join(file)).map(|text| text.trim().to_owned());
            let hidden = || Loaded { missing_in: Some(LIST), ..Loaded::default() };
            let loaded = self.modules.entry(name.clone()).or_insert_with(hidden);
            loaded.srcversion = line("srcversion").filter(|text| is_digits(text));
            let note = root.read(folder.join("notes/.note.gnu.build-id")).ok().flatten();
            loaded.build_id = note.and_then(|note| build_id_of_note(&note));
            if let Some(taint) = line("taint") {
                loaded.taint = Taint::of_letters(&taint);
            }
            seen.insert(name);
        }
        for (name, loaded) in &mut self.modules {
            if !seen.contains(name) {
                loaded.missing_in = Some(FOLDER);
            }
        }
    }

    /// What is in one of the two lists alone may have come or gone while they were read.
    fn look_again(&mut self, root: &Root) {
        if self.modules.values().all(|loaded| loaded.missing_in.is_none()) {
            return;
        }
        let list = root.text(LIST).unwrap_or_default();
        let listed: BTreeMap<String, Loaded> = list.lines().filter_map(module).collect();
        let is_there = |name: &str| root.resolve(Path::new(FOLDER).join(name).join("initstate")).is_some();
        self.modules.retain(|name, loaded| {
            let (in_list, in_folder) = (listed.contains_key(name), is_there(name));
            if loaded.missing_in.is_some() && in_list == in_folder {
                loaded.missing_in = None;
            }
            in_list || in_folder
        });
    }

    /// Whether the kernel shows the build-ids of what it has loaded.
    #[must_use]
    pub fn shows_build_ids(&self) -> bool {
        self.modules.values().any(|loaded| loaded.build_id.is_some())
    }

    /// Says of each module which ones it uses: the kernel says of each by which ones it is used.
    fn turn_round(&mut self) {
        let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, loaded) in &self.modules {
            for user in &loaded.used_by {
                uses.entry(user.clone()).or_default().push(name.clone());
            }
        }
        for (name, uses) in uses {
            if let Some(loaded) = self.modules.get_mut(&name) {
                loaded.uses = uses;
            }
        }
    }
}

/// `evdi 65536 2 drm,drm_kms_helper, Live 0x0000000000000000 (OE)`
///
/// It is read from its end: nothing keeps a blank out of a module's name.
fn module(line: &str) -> Option<(String, Loaded)> {
    let (line, flags) = match line.rsplit_once(" (") {
        Some((line, flags)) => (line, flags.strip_suffix(')')?.trim_end_matches(['+', '-'])),
        None => (line, ""),
    };
    let mut fields = line.rsplitn(6, ' ');
    let _address = fields.next()?;
    let state = fields.next()?.to_owned();
    // `[permanent]` stands among the users of one that can't be unloaded.
    let users = fields.next()?.split(',').filter(|user| !matches!(*user, "" | "-") && !user.starts_with('['));
    let _references = fields.next()?;
    let size = fields.next()?.parse().ok()?;
    let name = fields.next().filter(|name| !name.is_empty())?;
    let loaded = Loaded {
        size: Some(size),
        used_by: users.map(str::to_owned).collect(),
        state: Some(state),
        taint: Taint::of_letters(flags),
        ..Loaded::default()
    };
    Some((name.to_owned(), loaded))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let root = Root::new(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        let note = b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0\xde\xad\xbe\xef";
        let (_folder, root) = written(&[
            ("proc/sys/kernel/osrelease", b"6.1.0-57-amd64\n"),
            ("proc/sys/kernel/tainted", b"12288\n"),
            (
                "proc/modules",
                b"evdi 65536 2 - Live 0x0000000000000000 (OE)\ndrm 1 7 evdi,kms-x, Live 0xffffffffc0000000\nkms_x 2 1 [permanent], Loading 0x0 (+)\nbroken\n",
            ),
            ("sys/module/evdi/initstate", b"live\n"),
            ("sys/module/evdi/taint", b"OE\n"),
            ("sys/module/evdi/srcversion", b"0123456789ABCDEF01234567\n"),
            ("sys/module/evdi/notes/.note.gnu.build-id", note),
            ("sys/module/drm/initstate", b"live\n"),
            ("sys/module/hidden/initstate", b"live\n"),
            ("sys/module/hidden/taint", b"PO\n"),
            ("sys/module/printk/parameters/time", b"Y\n"),
        ]);
        let running = Running::read(&root).unwrap();
        assert_eq!(running.version.as_deref(), Some("6.1.0-57-amd64"));
        assert_eq!(running.taint.as_ref().unwrap().letters(), "OE");
        let of = |name: &str| &running.modules[name];
        assert_eq!(running.modules.len(), 4, "{running:?}");
        assert_eq!(of("evdi").build_id.as_deref(), Some("deadbeef"));
        assert_eq!(of("evdi").srcversion.as_deref(), Some("0123456789ABCDEF01234567"));
        assert_eq!((of("evdi").taint.letters().as_str(), of("evdi").missing_in), ("OE", None));
        assert_eq!(of("hidden").missing_in, Some("/proc/modules"));
        assert_eq!(of("kms_x").missing_in, Some("/sys/module"));
        assert_eq!(of("drm").used_by, ["evdi", "kms-x"]);
        assert!(of("kms_x").used_by.is_empty() && of("kms_x").taint.is_empty());
        assert_eq!(of("evdi").uses, ["drm"]);
        assert_eq!(running.untold, ["/proc/modules: 1 lines that are not of a module"]);
    }

    #[test]
    fn what_is_not_running_is_not_there() {
        let (_folder, root) = written(&[("etc/hostname", b"x")]);
        assert!(Running::read(&root).is_none());
    }
}
