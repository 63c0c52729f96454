// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/debhelper`: packages of test modules are built by `dpkg-buildpackage`, with the addon that `install.sh` put in place.

use super::layer::{End, Layer};
use super::{register, waive};
use crate::shell::{self, TaskError, repository};

/// What the addon and symgate say begins so; the step itself (`dh_symgate`) stands in every log.
const OURS: &str = "symgate: ";

/// The module of `sg_get.c`, refused.
const REFUSED: [&str; 3] = [
    "ERROR: symgate: module sg_get gets at dma-buf and is not registered",
    ": denied, as said above",
    "dh_symgate: error: symgate did not let ",
];

/// No verdict, and so no package.
const UNJUDGED: &str = "could not be judged";

pub(super) fn try_in(suite: &str) -> Result<(), TaskError> {
    let layer = Layer::new("debhelper", suite)?;
    layer.install("debhelper")?;
    layer.put(&shell::symgate()?, "/usr/bin/symgate")?;
    layer.put(&repository().join("integrations/debhelper"), "/opt/symgate")?;
    layer.put(&repository().join("testdata/src"), "/opt/modules")?;
    // A package as a distribution may have it.
    let control = "Package: dh-symgate\\nVersion: 1\\nArchitecture: all\\nMaintainer: the test <test@example.org>\\n\
                   Provides: dh-sequence-symgate\\nDescription: the test\\n";
    layer.sure(&format!(
        "sh /opt/symgate/install.sh /pkg && perl -c /pkg/usr/bin/dh_symgate && mkdir /pkg/DEBIAN && \
         printf '{control}' > /pkg/DEBIAN/control && dpkg-deb --build /pkg /pkg.deb && dpkg -i /pkg.deb && \
         man -w dh_symgate 2>/dev/null || ls /pkg/usr/share/man/man1/dh_symgate.1"
    ))?;
    let trial = Trial { release: layer.release()?, layer };
    let version = trial.layer.sure("dpkg-query -W debhelper")?;
    println!("{suite}: {} with {}", version.trim().replace('\t', " "), trial.release);
    trial.one_package()?;
    trial.several_packages()?;
    trial.let_in()?;
    trial.options()?;
    trial.when_nothing_can_be_judged()?;
    trial.odd_places()?;
    trial.other_kernels()?;
    trial.not_asked()
}

struct Trial {
    layer: Layer,
    release: String,
}

impl Trial {
    /// A source package: of each binary package its architecture, its test modules, and the folder that they go to.
    fn source(&self, name: &str, packages: &[(&str, &str, &[&str], &str)]) -> Result<(), TaskError> {
        let folder = format!("/b/{name}");
        self.layer.sure(&format!(
            "rm -rf /b/{name}* && mkdir -p {folder}/debian/source && cp -r /opt/modules {folder}/src"
        ))?;
        let write = |file: &str, text: &str| self.layer.write(&format!("{folder}/{file}"), text);
        let mut control = format!(
            "Source: {name}\nMaintainer: the test <test@example.org>\nSection: kernel\nPriority: optional\n\
             Standards-Version: 4.6.2\nBuild-Depends: debhelper-compat (= 13), dh-sequence-symgate, linux-headers-{}\n\
             Rules-Requires-Root: no\n",
            self.release
        );
        let (mut objects, mut install) = (String::new(), String::new());
        for (package, architecture, modules, place) in packages {
            control.push_str(&format!(
                "\nPackage: {package}\nArchitecture: {architecture}\nDescription: the test's {package}\n The test's.\n"
            ));
            for module in *modules {
                objects.push_str(&format!(" {module}.o"));
                install
                    .push_str(&format!("\tinstall -D -m 644 src/{module}.ko debian/{package}/{place}/{module}.ko\n"));
            }
        }
        let build = if objects.is_empty() {
            String::new()
        } else {
            format!("\t$(MAKE) -C /lib/modules/{}/build M=$(CURDIR)/src modules\n", self.release)
        };
        write("src/Kbuild", &format!("obj-m :={objects}\n"))?;
        write("debian/control", &control)?;
        write(
            "debian/changelog",
            &format!(
                "{name} (1.0) unstable; urgency=low\n\n  * Try it.\n\n -- the test <test@example.org>  Mon, 02 Jan 2023 10:00:00 +0000\n"
            ),
        )?;
        write("debian/source/format", "3.0 (native)\n")?;
        write(
            "debian/rules",
            &format!(
                "#!/usr/bin/make -f\n%:\n\tdh $@\noverride_dh_auto_clean:\noverride_dh_auto_build:\n{build}\
                 override_dh_auto_install:\n{install}"
            ),
        )?;
        self.layer.sure(&format!("chmod +x {folder}/debian/rules")).map(|_| ())
    }

    /// One binary package with these modules where modules belong.
    fn simple(&self, name: &str, modules: &[&str]) -> Result<(), TaskError> {
        self.source(name, &[(name, "any", modules, &self.updates())])
    }

    fn updates(&self) -> String {
        format!("lib/modules/{}/updates", self.release)
    }

    fn append(&self, path: &str, text: &str) -> Result<(), TaskError> {
        self.layer.sure(&format!("cat >> {path} <<'END'\n{text}\nEND")).map(|_| ())
    }

    /// Builds it, and tells which packages that made.
    fn build(name: &str, environment: &str) -> String {
        format!(
            "cd /b/{name} && rm -f ../*.deb && {{ {environment} dpkg-buildpackage -us -uc -b -d; status=$?; \
             ls .. | sed -n 's/_.*[.]deb$/ is made/p'; exit $status; }}"
        )
    }

    /// It is refused for this reason, and no package is made.
    fn refused(&self, what: &str, name: &str, environment: &str, says: &[&str]) -> Result<String, TaskError> {
        self.layer.see(what, &Self::build(name, environment), End::Badly, says, &[" is made", "\u{1b}"])
    }

    /// It passes without a word.
    fn passes(&self, what: &str, name: &str) -> Result<(), TaskError> {
        let made = format!("{name} is made");
        self.layer.see(what, &Self::build(name, ""), End::Well, &[&made, "   dh_symgate\n"], &[OURS])?;
        Ok(())
    }

    fn has(&self, package: &str, file: &str) -> Result<(), TaskError> {
        let list = format!("dpkg-deb -c /b/{package}_*.deb");
        self.layer.see("and the package has the module", &list, End::Well, &[file], &[]).map(|_| ())
    }

    fn one_package(&self) -> Result<(), TaskError> {
        self.simple("sg-harmless", &["sg_harmless", "sg_export"])?;
        self.passes("a harmless package is built without a word", "sg-harmless")?;
        self.has("sg-harmless", &format!("./{}/sg_harmless.ko", self.updates()))?;
        let verbose = Self::build("sg-harmless", "DH_VERBOSE=1");
        let command = ["symgate check --profile distro --format kbuild", "--origin deb/sg-harmless"];
        self.layer.see("DH_VERBOSE shows what is run", &verbose, End::Well, &command, &[OURS])?;
        let no_act = "cd /b/sg-harmless && mv /usr/bin/symgate / && printf '#!/bin/sh\\necho is run\\n' > /usr/bin/symgate && \
                      chmod +x /usr/bin/symgate; dh_symgate --no-act -v; status=$?; mv /symgate /usr/bin; exit $status";
        self.layer.see("--no-act runs nothing", no_act, End::Well, &["symgate check"], &["is run"])?;
        self.simple("sg-get", &["sg_get", "sg_harmless"])?;
        let says = [
            REFUSED[0],
            // Debug info is still there.
            "at dma_buf_get: get_init() at /b/sg-get/src/get_body.h:",
            "symgate registry new --origin deb/sg-get debian/sg-get/lib/modules/",
            "symgate registry init --origin deb/sg-get --owner WHO --symvers=/lib/modules/",
            "dh_symgate: error: symgate did not let sg-get through",
        ];
        self.refused("an importer fails the build", "sg-get", "", &says)?;
        let options = "DEB_BUILD_OPTIONS='nocheck nostrip parallel=4'";
        self.refused("and with nocheck", "sg-get", options, &REFUSED)?;
        let dkms = [("sg-dkms", "all", &[][..], "")];
        self.source("sg-dkms", &dkms)?;
        let put = "mkdir -p debian/sg-dkms/usr/src/sg-1.0; cp src/sg_get.c debian/sg-dkms/usr/src/sg-1.0/";
        self.append("/b/sg-dkms/debian/rules", &format!("\t{put}"))?;
        self.passes("sources alone are not judged", "sg-dkms")?;
        let verbose = Self::build("sg-dkms", "DH_VERBOSE=1");
        self.layer.see("which DH_VERBOSE says", &verbose, End::Well, &["sg-dkms: no module to judge"], &[OURS])?;
        Ok(())
    }

    fn several_packages(&self) -> Result<(), TaskError> {
        let updates = self.updates();
        let packages = [
            ("sg-pair-shim", "any", &["sg_shim"][..], updates.as_str()),
            ("sg-pair-user", "any", &["sg_shim_ops", "sg_shim_default", "sg_shim_user"], &updates),
        ];
        self.source("sg-pair", &packages)?;
        let says = [
            "module sg_shim gets at dma-buf and is not registered",
            "module sg_shim_user gets at dma-buf through exports of others",
            "sg_shim:sg_shim_get -> dma_buf_get [SG002] (debian/sg-pair-user/lib/modules/",
            "sg-pair-shim, sg-pair-user for ",
        ];
        self.refused("what goes through another package's module is seen", "sg-pair", "", &says)?;
        self.append("/b/sg-pair/debian/rules", "override_dh_symgate:\n\tdh_symgate -Nsg-pair-shim -- --warn SG012")?;
        let says =
            ["sg-pair-shim has modules, too, but is not acted on", "dh_symgate: by the command line: --warn=SG012"];
        let build = Self::build("sg-pair", "");
        self.layer.see("what is left out is said", &build, End::Well, &says, &["module sg_shim gets at"])?;
        Ok(())
    }

    fn let_in(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        self.simple("sg-registered", &["sg_get"])?;
        self.refused("unregistered it is refused", "sg-registered", "", &REFUSED)?;
        layer.write("/etc/symgate/modules.toml", &register("sg_get", "origin:deb/sg-registered"))?;
        self.passes("registered in /etc/symgate it passes", "sg-registered")?;
        self.has("sg-registered", "sg_get.ko")?;
        let other =
            ["bears the name of module:sg_get", "it was taken from deb/sg-get, and not from deb/sg-registered [SG004]"];
        self.refused("of another source it does not", "sg-get", "", &other)?;
        layer.sure("rm -r /etc/symgate")?;
        // What the refusal says to write down.
        let symvers = format!("/lib/modules/{}/build/Module.symvers", self.release);
        let init = format!(
            "cd /b/sg-registered && symgate registry init --origin deb/sg-registered --owner WHO --symvers={symvers} \
             --from debian/sg-registered > /waivers.toml && mkdir -p /etc/symgate && cp /waivers.toml /etc/symgate/"
        );
        layer.sure(&init)?;
        self.passes("waived as the message says, it passes", "sg-registered")?;
        layer.sure("rm -r /etc/symgate; mkdir -p '/b/sg-registered/debian/symgate d' && cp /waivers.toml '/b/sg-registered/debian/symgate d'")?;
        layer.write(
            "/b/sg-registered/debian/sg-registered.symgate",
            "# a waiver of our own\n--add-allowlists=debian/symgate${Space}d --cross-check\n",
        )?;
        let says =
            ["dh_symgate: by debian/sg-registered.symgate: --add-allowlists=debian/symgate d", "sg-registered is made"];
        let build = Self::build("sg-registered", "");
        layer.see("by a waiver of its own it passes, which is said", &build, End::Well, &says, &["ERROR", "denied"])?;
        layer.write("/etc/symgate/lock.toml", "rules = [\"SG001\", \"SG003\", \"SG004\"]\n")?;
        let locked = ["ERROR: symgate: ", "locked", UNJUDGED, "(exit status 2)"];
        self.refused("unless the rule is locked", "sg-registered", "", &locked)?;
        layer.sure("rm -r /etc/symgate").map(|_| ())
    }

    fn options(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        let file = "/b/sg-get/debian/sg-get.symgate";
        layer.write(file, "--warn SG001\n")?;
        let says = ["WARNING: symgate: module sg_get", "NOTE: symgate: SG001 is set to warn", "sg-get is made"];
        layer.see("a package can ask for a warning", &Self::build("sg-get", ""), End::Well, &says, &[])?;
        layer.write("/etc/symgate/lock.toml", "rules = [\"SG001\"]\n")?;
        let locked = ["SG001 is locked by /etc/symgate/lock.toml:1, and can't be set to warn", UNJUDGED];
        self.refused("but not for a rule that is locked", "sg-get", "", &locked)?;
        layer.sure("rm -r /etc/symgate")?;
        for (option, says) in [
            ("--origin dkms/evdi", "debian/sg-get.symgate: --origin is not for a package to say"),
            ("--allowlists=debian", "--allowlists is not for a package to say"),
            ("--kernel-build debian/sg-get/lib/modules/1", "--kernel-build is not for a package to say"),
            ("--today 2020-01-01", "--today is not for a package to say"),
            ("--format json", "--format is not for a package to say"),
            ("debian/other.ko", "debian/other.ko is no option"),
            ("-j4", "-j4 is no option"),
            ("--warn \"SG001\"", "?SG001?: quotes mean nothing here"),
            ("--warn", "--warn needs a value"),
        ] {
            layer.write(file, &format!("{option}\n"))?;
            self.refused(&format!("{option} is refused"), "sg-get", "", &[says])?;
        }
        layer.write(file, "--symvers=/nowhere/@KERNEL@/Module.symvers\n")?;
        let missing = format!("/nowhere/{}/Module.symvers: No such file", self.release);
        self.refused("what it names has to be there", "sg-get", "", &[&missing, UNJUDGED, "(exit status 3)"])?;
        layer.sure(&format!("rm {file}")).map(|_| ())
    }

    fn when_nothing_can_be_judged(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        layer.sure("mv /usr/bin/symgate /")?;
        let seen = self.refused("without symgate", "sg-harmless", "", &["dh_symgate: error: symgate is not installed"]);
        layer.sure("mv /symgate /usr/bin")?;
        seen?;
        let symvers = format!("/usr/src/linux-headers-{}/Module.symvers", self.release);
        // The module is built with it; the package is made without.
        self.append("/b/sg-harmless/debian/rules", &format!("override_dh_symgate:\n\tmv {symvers} /kept; dh_symgate"))?;
        let package = format!("add linux-headers-{} to Build-Depends", self.release);
        let seen = self.refused("without headers", "sg-harmless", "", &[UNJUDGED, &symvers, &package]);
        self.layer.write("/b/sg-harmless/debian/sg-harmless.symgate", "--symvers /kept\n")?;
        let named = layer.see(
            "unless they are named",
            "cd /b/sg-harmless && dh_symgate",
            End::Well,
            &["by debian/sg-harmless.symgate: --symvers=/kept"],
            &["ERROR", "warning"],
        );
        layer.sure(&format!("mv /kept {symvers}"))?;
        seen?;
        named?;
        layer.write("/etc/symgate/lock.toml", "x\n")?;
        let seen = self.refused("with a bad allowlist", "sg-get", "", &[UNJUDGED, "(exit status 2)"]);
        layer.sure("rm -r /etc/symgate")?;
        seen?;
        self.simple("sg-empty", &["sg_harmless"])?;
        self.append("/b/sg-empty/debian/rules", &format!("\t: > debian/sg-empty/{}/sg_empty.ko", self.updates()))?;
        self.refused("what is no module", "sg-empty", "", &[UNJUDGED, "sg_empty.ko", "(exit status 3)"])?;
        Ok(())
    }

    fn odd_places(&self) -> Result<(), TaskError> {
        self.simple("sg-odd", &["sg_get"])?;
        let rules = self.layer.sure("cat /b/sg-odd/debian/rules")?;
        let updates = self.updates();
        let moved = |what: &str, script: &str, says: &[&str]| {
            let script = script.replace("UPDATES", &updates);
            self.layer.write("/b/sg-odd/debian/rules", &format!("{rules}\tcd debian/sg-odd && {script}\n"))?;
            self.refused(what, "sg-odd", "", says)
        };
        moved("packed with xz", "xz UPDATES/sg_get.ko", &[REFUSED[0], "sg_get.ko.xz"])?;
        moved("packed with gzip", "gzip UPDATES/sg_get.ko", &[REFUSED[0], "sg_get.ko.gz"])?;
        moved("packed with bzip2, which is not read", "bzip2 UPDATES/sg_get.ko", &["packed with bzip2", UNJUDGED])?;
        moved(
            "in a folder of its own",
            "mkdir -p 'opt/a b' && mv UPDATES/sg_get.ko 'opt/a b/@sg get.ko' && rm -r lib",
            &[REFUSED[0], "opt/a b/@sg get.ko", &format!("sg-odd for {}", self.release)],
        )?;
        moved(
            "behind a link of the system that it becomes",
            "mkdir -p opt/hidden && mv UPDATES/sg_get.ko opt/hidden/data && ln -s /opt/there/data UPDATES/x.ko && ln -s hidden opt/there",
            &[REFUSED[0], "opt/hidden/data"],
        )?;
        moved(
            "with a name that hurts terminals",
            "mv UPDATES/sg_get.ko \"$$(printf 'UPDATES/\\033[31m\\nx.ko')\"",
            &[REFUSED[0]],
        )?;
        moved(
            "in a folder behind a link",
            "cd .. && rm -rf real && mv sg-odd real && ln -s real sg-odd",
            &[REFUSED[0], "(debian/sg-odd/lib/modules/"],
        )?;
        self.layer.sure("rm -rf /b/sg-odd/debian/sg-odd /b/sg-odd/debian/real")?;
        moved(
            "for a kernel that nobody names",
            "mkdir lib/modules/0 && mv UPDATES/sg_get.ko lib/modules/0/",
            &[REFUSED[0]],
        )?;
        moved(
            "twice",
            "ln UPDATES/sg_get.ko UPDATES/copy.ko; ln -s sg_get.ko UPDATES/link.ko",
            &[REFUSED[0], "copy.ko"],
        )?;
        self.layer.write(
            "/b/sg-odd/debian/rules",
            &format!(
                "{rules}\tln -s /nowhere.ko debian/sg-odd/{updates}/\noverride_dh_symgate:\n\tdh_symgate -Xsg_get\n"
            ),
        )?;
        let says = ["sg_get.ko is left out, by --exclude", "nowhere.ko leads to no file of these packages"];
        self.layer.see("what is excluded is said", &Self::build("sg-odd", ""), End::Well, &says, &["ERROR"])?;
        self.source("sg-all", &[("sg-all", "all", &["sg_get"], &updates)])?;
        self.refused("of Architecture: all", "sg-all", "", &REFUSED).map(|_| ())
    }

    fn other_kernels(&self) -> Result<(), TaskError> {
        self.simple("sg-two", &["sg_harmless"])?;
        // Another kernel, that is installed, too.
        let kernel = format!(
            "mkdir -p /lib/modules/9.9-test/kernel && cd /lib/modules/9.9-test && ln -s ../{}/build build && \
             cp /b/sg-two/src/sg_harmless.ko kernel && echo kernel/sg_harmless.ko > modules.order && : > modules.builtin",
            self.release
        );
        let packed = "debian/sg-two/usr/lib/modules/9.9-test/x.ko";
        let rules = format!("\tinstall -D -m 644 src/sg_harmless.ko {packed}\n\txz {packed}\n\t{kernel}");
        self.append("/b/sg-two/debian/rules", &rules)?;
        let says = [
            "--context /lib/modules/9.9-test --symvers=/lib/modules/9.9-test/build/Module.symvers",
            "usr/lib/modules/9.9-test/x.ko.xz",
            "sg-two is made",
        ];
        let build = Self::build("sg-two", "DH_VERBOSE=1");
        let said =
            self.layer.see("each kernel's modules are judged by its own headers", &build, End::Well, &says, &[OURS])?;
        if said.matches("\tsymgate check").count() != 2 {
            return Err(TaskError::Other(format!("it is run once for each kernel:\n{said}")));
        }
        self.layer.sure("rm -r /lib/modules/9.9-test").map(|_| ())
    }

    /// Who does not ask the author sees it in the finished package.
    fn not_asked(&self) -> Result<(), TaskError> {
        self.append("/b/sg-get/debian/rules", "override_dh_symgate:")?;
        let build = Self::build("sg-get", "");
        self.layer.see("debian/rules can leave it out", &build, End::Well, &["sg-get is made"], &[OURS])?;
        let check = format!(
            "symgate check --format kbuild --origin deb/sg-get --symvers /lib/modules/{}/build/Module.symvers /b/sg-get_*.deb",
            self.release
        );
        self.layer.see("who judges the finished package sees it", &check, End::With(1), &REFUSED[..1], &[])?;
        waive(&self.layer, "deb/sg-get", &self.release, "/b/sg-get_*.deb")?;
        self.layer.see("and can let it in", &check, End::Well, &[], &["ERROR"]).map(|_| ())
    }
}
