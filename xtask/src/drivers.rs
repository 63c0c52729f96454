// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drivers that are not in the kernel, as the archive has them for dkms, built with their debug info: what real modules
//! look like that nobody wrote for symgate. They are built in the suite's chroot (see `testdata`), as dkms would, and
//! go to `drivers/SERIES/PACKAGE` among the corpora.

use std::fs;
use std::path::{Path, PathBuf};

use crate::apt::{Apt, Package};
use crate::corpus;
use crate::shell::TaskError;
use crate::testdata::{chroot, headers, inside, series};

/// The suites for which drivers can be built, and the one that is usual.
const SUITES: [&str; 2] = ["bookworm", "sid"];
const USUAL: &str = "bookworm";

/// Those that are built unless others are named. Not all suites have all of them.
const PACKAGES: [&str; 44] = [
    "acpi-call-dkms",
    "adv-17v35x-dkms",
    "apfs-dkms",
    "bbswitch-dkms",
    "dahdi-dkms",
    "ddcci-dkms",
    "digimend-dkms",
    "dm-writeboost-dkms",
    "dpdk-kmods-dkms",
    "evdi-dkms",
    "ezurio-qcacld-2.0-dkms",
    "falcosecurity-scap-dkms",
    "gost-crypto-dkms",
    "hinic-dkms",
    "iptables-netflow-dkms",
    "jool-dkms",
    "langford-dkms",
    "leds-alix-dkms",
    "lenovolegionlinux-dkms",
    "librem-ec-acpi-dkms",
    "lime-forensics-dkms",
    "lttng-modules-dkms",
    "mimic-dkms",
    "mstflint-dkms",
    "nat-rtsp-dkms",
    "openafs-modules-dkms",
    "openrazer-driver-dkms",
    "openvpn-dco-dkms",
    "osmocom-dahdi-dkms",
    "rapiddisk-dkms",
    "reform2-lpc-dkms",
    "rtpengine-kernel-dkms",
    "smifb2-dkms",
    "tp-smapi-dkms",
    "v4l2loopback-dkms",
    "vhba-dkms",
    "vpoll-dkms",
    "west-chamber-dkms",
    "xone-dkms",
    "xpadneo-dkms",
    "xrt-xocl-dkms",
    "xtables-addons-dkms",
    "xtrx-dkms",
    "yt6801-dkms",
];

/// What is left out of a driver because the suite's kernel moved on and the driver did not: a file, and the lines that go.
const LEFT_OUT: [(&str, &str, &str, &str); 1] =
    // 6.1's hrtimer_start has a parameter more since a stable update.
    [("bookworm", "lttng-modules-dkms", "src/probes/Kbuild", "lttng-probe-timer.o")];

/// What a compiler is told of a driver for the same reason.
const FLAGS: [(&str, &str, &str); 1] =
    // 7.2 has no strncpy any more.
    [("sid", "xrt-xocl-dkms", "-Dstrncpy=strscpy")];

/// What their Makefiles and dkms.conf ask for beside a compiler.
const TOOLS: &str = "bc bzip2 dpkg-dev gawk kmod libelf-dev libxtables-dev openssl patch perl pkg-config xz-utils";

/// Does what dkms does with a folder that holds a dkms.conf, but for the strip, so that functions, lines and types stay.
/// `$1` is the folder, `$2` the release.
const BUILD: &str = r#"
set -e
export LC_ALL=C MAKEFLAGS=-j2
PATH=/usr/sbin:/usr/bin:/sbin:/bin
kernelver=$2 arch=x86_64 source_tree=/usr/src dkms_tree=/build
kernel_source_dir=/lib/modules/$kernelver/build
# As dkms finds them: dkms.conf may use them while it is read.
module=$(sed -n "s/^PACKAGE_NAME=[\"']\{0,1\}\([^\"' ]*\).*/\1/p" "$1/dkms.conf" | head -n 1)
module_version=$(sed -n "s/^PACKAGE_VERSION=[\"']\{0,1\}\([^\"' ]*\).*/\1/p" "$1/dkms.conf" | head -n 1)
folder=$dkms_tree/$module/$module_version/build
rm -rf "${dkms_tree:?}/$module"
mkdir -p "$folder"
cp -r "$1/." "$folder"
cd "$folder"
declare -a MAKE MAKE_MATCH PATCH PATCH_MATCH BUILT_MODULE_NAME
set +e
. ./dkms.conf
set -e
for index in "${!PATCH[@]}"; do
    if [[ -z ${PATCH_MATCH[index]} || $kernelver =~ ${PATCH_MATCH[index]} ]]; then
        patch -p1 < "patches/${PATCH[index]}"
    fi
done
make="make -C $kernel_source_dir M=$folder"
for index in "${!MAKE[@]}"; do
    if [[ -z ${MAKE_MATCH[index]} || $kernelver =~ ${MAKE_MATCH[index]} ]]; then
        make=${MAKE[index]}
    fi
done
if [ -n "$PRE_BUILD" ]; then
    eval "./$PRE_BUILD"
fi
eval "${make/#make/make KERNELRELEASE=$kernelver}"
"#;

/// `cargo xtask drivers [--suite SUITE] [DKMS-PACKAGE...]`
pub fn task(args: &[String]) -> Result<(), TaskError> {
    let (suite, packages) = match args {
        [flag, suite, packages @ ..] if flag == "--suite" => (suite.as_str(), packages),
        packages => (USUAL, packages),
    };
    if !SUITES.contains(&suite) {
        return Err(TaskError::Other(format!("drivers are built for {}, not for {suite}", SUITES.join(" and "))));
    }
    let root = chroot(suite)?;
    let (release, _) = headers(&root)?;
    let place = Place { suite, root, release };
    let series = series(&place.release);
    let home = corpus::home().join("drivers").join(&series);
    // The lists that debootstrap left do, as long as the archive has what is in them.
    let install = format!("apt-get -qy install --no-install-recommends {TOOLS}");
    let tools = format!("{install} || {{ apt-get -q update && {install}; }}");
    inside(&place.root, &format!("export DEBIAN_FRONTEND=noninteractive; {tools}"))?;
    let apt = corpus::apt(suite, "amd64")?;
    let all: Vec<String> = PACKAGES.iter().map(|package| (*package).to_owned()).collect();
    let (mut built, mut failed) = (0, Vec::new());
    for package in if packages.is_empty() { &all } else { packages } {
        let Ok(found) = apt.show(package) else {
            println!("{series}: {package}: not in {suite}");
            continue;
        };
        match build(&apt, &place, &found, &home.join(package)) {
            Ok(modules) => {
                println!("{series}: {package} {}: {}", found.version, modules.join(" "));
                built += 1;
            }
            Err(error) => {
                // A compiler's first words say why, else the last ones.
                let said = error.to_string();
                let why = said.lines().find(|line| line.contains("error: ")).or(said.lines().last());
                println!("{series}: {package}: {}", why.unwrap_or(&said));
                failed.push(package.as_str());
            }
        }
    }
    println!("{series}: {built} built; without {}", if failed.is_empty() { "none".into() } else { failed.join(" ") });
    Ok(())
}

/// Where drivers are built, and for what.
struct Place<'p> {
    suite: &'p str,
    root: PathBuf,
    release: String,
}

/// Builds one package, and returns the names of its modules.
fn build(apt: &Apt, place: &Place, package: &Package, to: &Path) -> Result<Vec<String>, TaskError> {
    let Place { suite, root, release } = place;
    let _ = fs::remove_dir_all(to);
    let unpacked = root.join("driver");
    let built = root.join("build");
    for folder in [&unpacked, &built] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(TaskError::io(folder))?;
    }
    apt.unpack(package, &unpacked)?;
    let script = root.join("driver/build.sh");
    fs::write(&script, BUILD).map_err(TaskError::io(&script))?;
    let sources = unpacked.join("usr/src");
    let mut folders: Vec<PathBuf> = fs::read_dir(&sources)
        .map_err(TaskError::io(&sources))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("dkms.conf").is_file())
        .collect();
    folders.sort();
    for folder in &folders {
        for (_, _, file, lines) in LEFT_OUT.iter().filter(|(of, driver, ..)| of == suite && *driver == package.name) {
            leave_out(&folder.join(file), lines)?;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let flags = FLAGS.iter().find(|(of, driver, _)| of == suite && *driver == package.name);
        let flags = flags.map_or("", |(.., flags)| flags);
        inside(root, &format!("export KCFLAGS='{flags}'; bash /driver/build.sh '/driver/usr/src/{name}' '{release}'"))?;
    }
    let modules = corpus::module_files(&built);
    if modules.is_empty() {
        return Err(TaskError::Other(format!("{} builds no modules", package.name)));
    }
    fs::create_dir_all(to).map_err(TaskError::io(to))?;
    let mut names = Vec::new();
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_owned();
        fs::copy(&module, to.join(&name)).map_err(TaskError::io(&module))?;
        names.push(name.to_string_lossy().into_owned());
    }
    for folder in [&unpacked, &built] {
        fs::remove_dir_all(folder).map_err(TaskError::io(folder))?;
    }
    Ok(names)
}

/// Takes lines out of a file.
fn leave_out(file: &Path, lines: &str) -> Result<(), TaskError> {
    let text = fs::read_to_string(file).map_err(TaskError::io(file))?;
    let left: String = text.lines().filter(|line| !line.contains(lines)).map(|line| format!("{line}\n")).collect();
    fs::write(file, left).map_err(TaskError::io(file))
}
