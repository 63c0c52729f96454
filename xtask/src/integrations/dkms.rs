// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/dkms`: a real package with an importer is refused, and passes once it is registered; a harmless one is not
//! spoken of.

use std::fs;

use super::layer::{End, Layer};
use super::register;
use crate::shell::{self, TaskError, repository};

/// What DKMS has installed.
const INSTALLED: &str = "find /lib/modules/*/ -path '*/updates/*' -type f";

/// What the test modules include.
const HEADERS: [&str; 2] = ["symgate_test.h", "get_body.h"];

/// The module of `sg_get.c`, refused.
const REFUSED: [&str; 3] = [
    "ERROR: symgate: module sg_get gets at dma-buf and is not registered",
    "  symgate: to let it in: register it in /etc/symgate/modules.toml, with proof = [\"origin:dkms/",
    "nothing was installed.",
];

/// No colour, and no word of ours.
const ESCAPE: &str = "\u{1b}";
const OURS: &str = "symgate";

pub(super) fn try_in(suite: &str) -> Result<(), TaskError> {
    let layer = Layer::new("dkms", suite)?;
    layer.install("dkms openssl")?;
    layer.put(&shell::symgate()?, "/usr/bin/symgate")?;
    layer.put(&repository().join("integrations/dkms"), "/opt/symgate")?;
    let trial = Trial { release: layer.release()?, layer };
    let version = trial.layer.sure("dkms --version")?;
    println!("{suite}: {} with {}", version.trim(), trial.release);
    trial.own_package("sg-get", &["sg_get"])?;
    trial.own_package("sg-pair", &["sg_harmless", "sg_get"])?;
    trial.own_package("sg@get", &["sg_get"])?;
    trial.without_a_gate()?;
    trial.layer.sure("cd /opt/symgate && sh ./install.sh")?;
    trial.layer.see("DKMS asks the gate", "symgate-dkms hook", End::Well, &[], &["ERROR"])?;
    trial.a_package_of_the_archive()?;
    trial.own_packages()?;
    trial.when_nothing_can_be_judged()?;
    trial.when_dkms_is_another()
}

struct Trial {
    layer: Layer,
    release: String,
}

impl Trial {
    /// A dkms package of test modules, for which nobody foresaw anything.
    fn own_package(&self, name: &str, modules: &[&str]) -> Result<(), TaskError> {
        let folder = format!("/usr/src/{name}-1.0");
        let mut conf = format!("PACKAGE_NAME=\"{name}\"\nPACKAGE_VERSION=\"1.0\"\nAUTOINSTALL=\"yes\"\n");
        let mut makefile = String::new();
        let put =
            |file: &str| self.layer.put(&repository().join("testdata/src").join(file), &format!("{folder}/{file}"));
        HEADERS.into_iter().try_for_each(put)?;
        for (index, module) in modules.iter().enumerate() {
            put(&format!("{module}.c"))?;
            conf.push_str(&format!(
                "BUILT_MODULE_NAME[{index}]=\"{module}\"\nDEST_MODULE_LOCATION[{index}]=\"/updates\"\n"
            ));
            makefile.push_str(&format!("obj-m += {module}.o\n"));
        }
        self.layer.write(&format!("{folder}/dkms.conf"), &conf)?;
        self.layer.write(&format!("{folder}/Makefile"), &makefile)
    }

    fn dkms(&self, command: &str, package: &str) -> String {
        format!("dkms {command} {package} -k {}", self.release)
    }

    /// Sees that DKMS has installed these files, and no others.
    fn installed(&self, modules: &[&str]) -> Result<(), TaskError> {
        let said = self.layer.sure(INSTALLED)?;
        let mut found: Vec<&str> = said
            .lines()
            .map(|path| path.rsplit('/').next().unwrap_or(path).split(".ko").next().unwrap_or(path))
            .collect();
        found.sort_unstable();
        if found == modules {
            return Ok(());
        }
        Err(TaskError::Other(format!("DKMS has installed {found:?}, not {modules:?}\n{said}")))
    }

    /// What is refused later is refused by the gate, and by nothing else.
    fn without_a_gate(&self) -> Result<(), TaskError> {
        let install = self.dkms("install", "sg-get/1.0");
        self.layer.see("without the gate an importer is installed", &install, End::Well, &[], &[OURS])?;
        self.installed(&["sg_get"])?;
        self.layer.sure("dkms remove sg-get/1.0 --all")?;
        self.installed(&[])
    }

    /// evdi, as the archive has it.
    fn a_package_of_the_archive(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        let apt = "apt-get -qy install --no-install-recommends";
        let refused = [
            "ERROR: symgate: module evdi gets at dma-buf and is not registered",
            "symgate registry new --origin dkms/evdi /var/lib/dkms/evdi/",
            "symgate: or waive it",
            "symgate registry init --origin dkms/evdi --owner WHO --symvers /lib/modules/",
            "symgate: or ask whoever answers for /etc/symgate",
            "nothing was installed.",
        ];
        layer.see("evdi-dkms is refused", &format!("{apt} evdi-dkms"), End::Badly, &refused, &[ESCAPE])?;
        self.installed(&[])?;
        let version = layer.sure("ls /usr/src | sed -n 's/^evdi-//p'")?;
        let evdi = format!("evdi/{}", version.trim());
        for (what, command) in [("by hand", "install"), ("with --force", "install --force")] {
            layer.see(&format!("and {what}"), &self.dkms(command, &evdi), End::With(101), &refused, &[ESCAPE])?;
        }
        let autoinstall = format!("dkms autoinstall -k {}", self.release);
        layer.see("and for a new kernel", &autoinstall, End::Badly, &refused[..1], &[])?;
        self.installed(&[])?;
        self.examples(&["userspaces.toml", "modules.toml"])?;
        let partly = ["[SG003]", "not installed"];
        let install = self.dkms("install", &evdi);
        layer.see("registered, its userspace is partial", &install, End::With(101), &partly, &["SG001", "SG004"])?;
        self.examples(&["waivers.toml"])?;
        layer.see("registered and waived, evdi-dkms is configured", "dpkg --configure -a", End::Well, &[], &[OURS])?;
        self.installed(&["evdi"])?;
        let passes = format!("{evdi}, {}: passes", self.release);
        layer.see("what is installed passes", "symgate-dkms check", End::Well, &[&passes], &["ERROR"])?;
        layer.sure(&format!("dkms uninstall {evdi} -k {}", self.release))?;
        let other = format!("other{evdi}");
        // The real one names its module by the package's name.
        let conf = "sed -i 's/^PACKAGE_NAME=.*/PACKAGE_NAME=otherevdi/' dkms.conf && \
                    printf 'BUILT_MODULE_NAME[0]=evdi\\nDEST_MODULE_NAME[0]=evdi\\n' >> dkms.conf";
        let folder = evdi.replace('/', "-");
        let copy = format!("cd /usr/src && cp -r {folder} other{folder} && cd other{folder} && {conf}");
        layer.sure(&copy)?;
        let unproven = [
            "bears the name of module:evdi, and nothing proves that it is this one: it was taken from dkms/otherevdi, and not \
             from dkms/evdi [SG004]",
        ];
        let install = self.dkms("install", &other);
        layer.see("the same of another package is refused", &install, End::With(101), &unproven, &[])?;
        self.installed(&[])?;
        layer.sure(&format!("dkms remove {other} --all; {}", self.dkms("install", &evdi)))?;
        layer.see(
            "a harmless package is not spoken of",
            &format!("{apt} v4l2loopback-dkms"),
            End::Well,
            &[],
            &[OURS],
        )?;
        self.installed(&["evdi", "v4l2loopback"])?;
        layer.sure("apt-get -qy purge evdi-dkms v4l2loopback-dkms")?;
        self.installed(&[])
    }

    /// Writes the examples of the page for users to where it says that they go.
    fn examples(&self, names: &[&str]) -> Result<(), TaskError> {
        let page = repository().join("integrations/dkms/README.md");
        let text = fs::read_to_string(&page).map_err(TaskError::io(&page))?;
        for name in names {
            let path = format!("/etc/symgate/{name}");
            let begin = format!("```toml\n# {path}\n");
            let block = text.split_once(&begin).and_then(|(_, rest)| rest.split_once("\n```")).map(|(block, _)| block);
            let Some(block) = block else {
                return Err(TaskError::Other(format!("{}: no example of {path}", page.display())));
            };
            self.layer.write(&path, &format!("{block}\n"))?;
        }
        Ok(())
    }

    fn own_packages(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        let install = self.dkms("install", "sg-get/1.0");
        layer.see("a package that nobody foresaw is refused", &install, End::With(101), &REFUSED, &[ESCAPE])?;
        let uninstall = self.dkms("uninstall", "sg-get/1.0");
        let pair = self.dkms("install", "sg-pair/1.0");
        layer.see("of two modules none is installed", &pair, End::With(101), &REFUSED, &["sg_harmless gets at"])?;
        let odd = self.dkms("install", "sg@get/1.0");
        let said = ["\"dkms/sg@get\" is no origin", "dkms package sg?get/1.0", "could not be judged"];
        layer.see("a name that is no origin is refused", &odd, End::With(101), &said, &[])?;
        self.installed(&[])?;
        // What the refusal says to write down.
        let file = layer.sure("ls /var/lib/dkms/sg-get/1.0/*/*/module/*.ko*")?;
        let symvers = format!("/lib/modules/{}/build/Module.symvers", self.release);
        let init = format!(
            "symgate registry init --origin dkms/sg-get --owner WHO --symvers {symvers} --from {}",
            file.trim()
        );
        layer.sure(&format!("{init} > /etc/symgate/waivers.toml"))?;
        layer.see("waived as the message says, it passes", &install, End::Well, &[], &[OURS])?;
        self.installed(&["sg_get"])?;
        layer.sure(&format!("{uninstall} && rm /etc/symgate/*.toml"))?;
        layer.write("/etc/symgate/modules.toml", &register("sg_get", "origin:dkms/sg-get"))?;
        layer.see("registered, it passes without a word", &install, End::Well, &[], &[OURS])?;
        self.installed(&["sg_get"])?;
        layer.see("in another package it does not", &pair, End::With(101), &["it was taken from dkms/sg-pair"], &[])?;
        layer.sure(&uninstall)?;
        self.installed(&[])
    }

    /// What nobody has judged does not pass, unless the operator says so.
    fn when_nothing_can_be_judged(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        let install = self.dkms("install", "sg-get/1.0");
        let refused = |what: &str, change: &str, back: &str, says: &str| {
            layer.sure(change)?;
            let seen = layer.see(what, &install, End::With(101), &[says], &[]);
            layer.sure(back)?;
            seen?;
            self.installed(&[])
        };
        let (program, hook) = ("/usr/bin/symgate", "/usr/lib/symgate/dkms-hook.bash");
        refused(
            "without symgate",
            &format!("mv {program} /"),
            &format!("mv /symgate {program}"),
            "could not be judged",
        )?;
        let lock = "/etc/symgate/lock.toml";
        refused("with a bad allowlist", &format!("echo x > {lock}"), &format!("rm {lock}"), "could not be judged")?;
        refused(
            "without the hook",
            &format!("mv {hook} /"),
            &format!("mv /dkms-hook.bash {hook}"),
            "the gate is not there",
        )?;
        layer.sure("rm /etc/symgate/*.toml")?;
        let conf = "/etc/symgate/dkms.conf";
        let set = |value: &str| layer.sure(&format!("sed -i 's/^SYMGATE_DKMS=.*/SYMGATE_DKMS={value}/' {conf}"));
        set("Warn")?;
        layer.see("with a policy that is none", &install, End::With(101), &["taken for enforce", REFUSED[0]], &[])?;
        self.installed(&[])?;
        for (value, says, lacks) in
            [("warn", &[REFUSED[0], "installed all the same"][..], &[][..]), ("off", &[], &[OURS])]
        {
            set(value)?;
            layer.see(&format!("with the policy {value} it is installed"), &install, End::Well, says, lacks)?;
            self.installed(&["sg_get"])?;
            layer.sure(&self.dkms("uninstall", "sg-get/1.0"))?;
        }
        set("enforce").map(|_| ())
    }

    /// A DKMS that nobody has looked at installs nothing, and one that reads its settings in another way is told of.
    fn when_dkms_is_another(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        layer
            .sure("sed 's/do_install/do_put/g' /usr/sbin/dkms > /usr/local/sbin/dkms; chmod +x /usr/local/sbin/dkms")?;
        let install = self.dkms("install", "sg-get/1.0");
        let said = ["this DKMS has other functions than those that its gate fits"];
        layer.see("another DKMS installs nothing", &install, End::With(101), &said, &[])?;
        layer.see("but tells what there is", "dkms status", End::Well, &["sg-get/1.0"], &["ERROR"])?;
        self.installed(&[])?;
        layer.sure("sed 's/framework.conf.d/framework.d/' /usr/sbin/dkms > /usr/local/sbin/dkms")?;
        let said = ["ERROR: symgate: DKMS does not ask symgate"];
        layer.see("one that does not ask is told of", "symgate-dkms hook", End::With(1), &said, &[])?;
        layer.see("and apt fails", "apt-get -qy install --reinstall kmod", End::Badly, &said, &[]).map(|_| ())
    }
}
