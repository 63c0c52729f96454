// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same modules as a tree, as a list and in every kind of package, made or fetched with the distribution's own
//! tools: what symgate says of them has to be the same.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::corpus::{self, Kernel};
use crate::shell::{TaskError, output, repository, symgate};

/// How rpm can pack what it installs; the name of each is one of its own macros' values.
const PAYLOADS: [&str; 3] = ["w3.zstdio", "w2.xzdio", "w9.gzdio"];

/// How mkinitramfs can pack an image.
const COMPRESSIONS: [&str; 3] = ["zstd", "xz", "gzip"];

/// `cargo xtask containers`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    let task = Task { program: symgate()?, place: corpus::home().join("containers") };
    fs::create_dir_all(&task.place).map_err(TaskError::io(&task.place))?;
    let usual = ["6.1".to_owned(), "newest".to_owned()];
    for kernel in corpus::kernels(if names.is_empty() { &usual } else { names })? {
        task.debs(&kernel)?;
        if kernel.name == "6.1" {
            task.initramfs(&kernel)?;
        }
    }
    task.rpms()
}

struct Task {
    program: PathBuf,
    place: PathBuf,
}

impl Task {
    /// The kernel's own packages, its tree, and the list of its files.
    fn debs(&self, kernel: &Kernel) -> Result<(), TaskError> {
        let tree = self.said(&kernel.symvers, &[&kernel.modules])?;
        let list = self.place.join("list");
        let files = corpus::module_files(&kernel.modules);
        let lines: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
        fs::write(&list, lines).map_err(TaskError::io(&list))?;
        let list = PathBuf::from(format!("@{}", list.display()));
        same(&format!("{}: the list of its files", kernel.release), &tree, &self.said(&kernel.symvers, &[&list])?)?;
        let folder = self.place.join("debs");
        for deb in corpus::packages_of(kernel, &folder)? {
            let name = deb.file_name().unwrap_or_default().to_string_lossy().into_owned();
            same(&name, &tree, &self.said(&kernel.symvers, &[&deb])?)?;
        }
        fs::remove_dir_all(&folder).map_err(TaskError::io(&folder))
    }

    /// What rpmbuild makes of the test modules.
    fn rpms(&self) -> Result<(), TaskError> {
        let testdata = repository().join("testdata/6.1");
        let symvers = testdata.join("Module.symvers");
        let folder = self.place.join("tree/lib/modules/6.1/extra");
        fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
        for module in fs::read_dir(&testdata).map_err(TaskError::io(&testdata))?.flatten() {
            if module.path().extension() == Some(OsStr::new("ko")) {
                let to = folder.join(module.file_name());
                fs::copy(module.path(), &to).map_err(TaskError::io(&to))?;
            }
        }
        let tree = self.said(&symvers, &[&self.place.join("tree")])?;
        let spec = self.place.join("symgate-test.spec");
        let text = format!(
            "Name: symgate-test\nVersion: 1\nRelease: 1\nSummary: test modules\nLicense: GPL-2.0-only\nBuildArch: noarch\n\
             %description\nTest modules.\n%install\nmkdir -p %{{buildroot}}\ncp -r '{}/tree/lib' %{{buildroot}}/\n\
             %files\n/lib/modules/6.1/extra\n",
            self.place.display()
        );
        fs::write(&spec, text).map_err(TaskError::io(&spec))?;
        for payload in PAYLOADS {
            let top = self.place.join(payload);
            let (top_define, payload_define) =
                (format!("_topdir {}", top.display()), format!("_binary_payload {payload}"));
            let mut arguments = vec!["-bb", "--quiet", "--define", &top_define, "--define", &payload_define];
            // Stripping is the packager's business, and nothing that the test modules need.
            arguments.extend(["--define", "__os_install_post %{nil}", "--define", "debug_package %{nil}"]);
            let spec = spec.display().to_string();
            output("rpmbuild", arguments.into_iter().chain([spec.as_str()]))?;
            let rpm = top.join("RPMS/noarch/symgate-test-1-1.noarch.rpm");
            same(&format!("rpm of {payload}"), &tree, &self.said(&symvers, &[&rpm])?)?;
        }
        Ok(())
    }

    /// What mkinitramfs makes of a kernel's modules, against what unmkinitramfs unpacks of it.
    fn initramfs(&self, kernel: &Kernel) -> Result<(), TaskError> {
        for compression in COMPRESSIONS {
            let image = self.place.join(format!("initrd.{compression}"));
            let settings = self.place.join("initramfs");
            for folder in ["conf.d", "hooks", "scripts"] {
                let folder = settings.join(folder);
                fs::create_dir_all(&folder).map_err(TaskError::io(&folder))?;
            }
            let file = settings.join("initramfs.conf");
            let text = format!("MODULES=most\nCOMPRESS={compression}\nBUSYBOX=auto\nKEYMAP=n\n");
            fs::write(&file, text).map_err(TaskError::io(&file))?;
            let file = settings.join("modules");
            fs::write(&file, "").map_err(TaskError::io(&file))?;
            // mkinitramfs looks at /lib/modules and /boot only; a mount namespace of its own takes the mount away again.
            let script = format!(
                "set -e; mount -t tmpfs none /lib/modules; mkdir /lib/modules/{release}; \
                 mount --bind '{modules}' /lib/modules/{release}; depmod {release}; mount --bind '{boot}' /boot; \
                 mkinitramfs -d '{settings}' -o '{image}' {release}",
                release = kernel.release,
                modules = kernel.modules.display(),
                boot = kernel.root.join("boot").display(),
                settings = settings.display(),
                image = image.display(),
            );
            output("unshare", ["--mount", "sh", "-c", &script])?;
            let unpacked = self.place.join("unpacked");
            if unpacked.exists() {
                fs::remove_dir_all(&unpacked).map_err(TaskError::io(&unpacked))?;
            }
            output("unmkinitramfs", [image.as_os_str(), unpacked.as_os_str()])?;
            let tree = self.said(&kernel.symvers, &[&unpacked])?;
            same(&format!("initramfs of {compression}"), &tree, &self.said(&kernel.symvers, &[&image])?)?;
            fs::remove_dir_all(&unpacked).map_err(TaskError::io(&unpacked))?;
        }
        Ok(())
    }

    /// All that `check` says of inputs: modules and findings, with what paths are relative to taken off.
    fn said(&self, symvers: &Path, inputs: &[&Path]) -> Result<BTreeSet<String>, TaskError> {
        let arguments = ["check", "--format", "json", "--all", "--today", "2026-12-01", "--symvers"].map(OsStr::new);
        let report = self.place.join("report.json");
        let arguments = arguments.into_iter().chain([symvers.as_os_str(), "-o".as_ref(), report.as_os_str()]);
        // The same key for all: what is found beside a tree is not beside its package.
        let key = repository().join("testdata/keys/test.x509");
        let arguments = arguments.chain(["--trusted-keys".as_ref(), key.as_os_str()]);
        let arguments = arguments.chain(inputs.iter().map(|input| input.as_os_str()));
        let run =
            std::process::Command::new(&self.program).args(arguments).output().map_err(TaskError::io(&self.program))?;
        // The test modules are denied, a kernel's own are not; that something could not be read is neither.
        if !matches!(run.status.code(), Some(0 | 1)) {
            return Err(TaskError::Other(String::from_utf8_lossy(&run.stderr).into_owned()));
        }
        let text = fs::read(&report).map_err(TaskError::io(&report))?;
        let document: Value = serde_json::from_slice(&text).map_err(|error| TaskError::Other(error.to_string()))?;
        let mut said = BTreeSet::new();
        for part in ["modules", "findings"] {
            for entry in document[part].as_array().into_iter().flatten() {
                let mut entry = entry.clone();
                let path = entry["path"].as_str().unwrap_or_default();
                entry["path"] = relative(path).into();
                said.insert(entry.to_string());
            }
        }
        Ok(said)
    }
}

/// A module's path below its kernel's folder.
fn relative(path: &str) -> String {
    let below = ["/kernel/", "/extra/", "/updates/"].iter().filter_map(|folder| path.rfind(folder)).max();
    let start = below.map_or(0, |at| at + 1);
    path.get(start..).unwrap_or(path).to_owned()
}

fn same(what: &str, tree: &BTreeSet<String>, other: &BTreeSet<String>) -> Result<(), TaskError> {
    let differing: Vec<&String> = tree.symmetric_difference(other).collect();
    println!("{what}: {} modules and findings as in the tree, {} different", tree.len(), differing.len());
    for line in differing.iter().take(5) {
        println!("    {line}");
    }
    match (tree.is_empty(), differing.len()) {
        (true, _) => Err(TaskError::Other(format!("{what}: nothing to compare"))),
        (false, 0) => Ok(()),
        (false, count) => Err(TaskError::Other(format!("{what}: {count} differences"))),
    }
}
