// SPDX-License-Identifier: MIT OR Apache-2.0
//! `integrations/rpm`: packages of test modules are built by `rpmbuild`, with what `install.sh` put in place.

use super::layer::{End, Layer};
use super::{register, waive};
use crate::shell::{self, TaskError, repository};

/// What symgate says begins so.
const OURS: &str = "symgate: ";

/// The module of `sg_get.c`, refused.
const REFUSED: [&str; 3] =
    ["ERROR: symgate: module sg_get gets at dma-buf and is not registered", ": denied, as said above", "(%install)"];

/// No verdict, and so no package.
const UNJUDGED: &str = "what nobody has judged does not pass";

/// Where rpmbuild works.
const TOP: &str = "/r";

pub(super) fn try_in(suite: &str) -> Result<(), TaskError> {
    let layer = Layer::new("rpm", suite)?;
    layer.install("rpm zstd")?;
    layer.put(&shell::symgate()?, "/usr/bin/symgate")?;
    layer.put(&repository().join("integrations/rpm"), "/opt/symgate")?;
    layer.put(&repository().join("testdata/src"), "/opt/modules")?;
    layer.put(&repository().join("integrations/kbuild/include"), "/opt/include")?;
    let trial = Trial { release: layer.release()?, layer };
    let version = trial.layer.sure("rpm --version")?;
    println!("{suite}: {} with {}", version.trim(), trial.release);
    trial.another_rpm()?;
    trial.layer.sure("sh /opt/symgate/install.sh && sh /opt/symgate/install.sh")?;
    trial.one_package()?;
    trial.several_packages()?;
    trial.let_in()?;
    trial.options()?;
    trial.when_nothing_can_be_judged()?;
    trial.odd_places()?;
    trial.dependencies()?;
    trial.not_asked()
}

struct Trial {
    layer: Layer,
    release: String,
}

/// A spec file of test modules.
#[derive(Default)]
struct Spec<'a> {
    name: &'a str,
    /// The modules of the package itself.
    modules: &'a [&'a str],
    /// Those of a package beside it.
    user: &'a [&'a str],
    /// What stands before all.
    globals: &'a str,
    /// What %install does more; `UPDATES` is where modules go.
    more: &'a str,
}

impl Trial {
    fn updates(&self) -> String {
        format!("/lib/modules/{}/updates", self.release)
    }

    fn spec(&self, spec: &Spec<'_>) -> Result<(), TaskError> {
        let Spec { name, modules, user, globals, more } = spec;
        let (release, updates) = (&self.release, self.updates());
        let objects: String = modules.iter().chain(*user).map(|module| format!(" {module}.o")).collect();
        let put = |folder: &str, modules: &[&str]| -> String {
            let line = |module: &&str| {
                format!("install -D -m 644 src/{module}.ko %{{buildroot}}{updates}/{folder}/{module}.ko\n")
            };
            modules.iter().map(line).collect()
        };
        let (own, beside) = (put("own", modules), put("user", user));
        let more = more.replace("UPDATES", &format!("%{{buildroot}}{updates}/own"));
        let (mut package, mut files, mut make) = (String::new(), String::new(), String::new());
        if !user.is_empty() {
            package.push_str("%package user\nSummary: the test's\n%description user\nThe test's.\n");
            files = format!("%exclude {updates}/user\n%files user\n{updates}/user\n");
        }
        if !objects.is_empty() {
            make = format!("make -C /lib/modules/{release}/build M=$PWD/src modules\n");
        }
        let text = format!(
            "{globals}\nName: {name}\nVersion: 1\nRelease: 1\nSummary: the test's\nLicense: GPL-2.0-only\n\
             %description\nThe test's.\n{package}%prep\n%build\nrm -rf src && cp -r /opt/modules src\n\
             printf 'obj-m :={objects}\\nccflags-y += -I/opt/include\\n' > src/Kbuild\n{make}\
             %install\nmkdir -p %{{buildroot}}/usr/share/{name}\n{own}{beside}{more}\n%files\n/*\n{files}"
        );
        self.layer.write(&format!("{TOP}/{name}.spec"), &text)
    }

    /// Builds it, and tells which packages that made.
    fn build(name: &str) -> String {
        format!(
            "rm -rf {TOP}/RPMS; rpmbuild --define '_topdir {TOP}' -bb {TOP}/{name}.spec; status=$?; find {TOP}/RPMS -name '*.rpm' | sed 's,.*/,made: ,'; exit $status"
        )
    }

    /// It is refused for this reason, and no package is made.
    fn refused(&self, what: &str, name: &str, says: &[&str]) -> Result<(), TaskError> {
        self.layer.see(what, &Self::build(name), End::Badly, says, &["made: ", "\u{1b}"]).map(|_| ())
    }

    /// It passes without a word.
    fn passes(&self, what: &str, name: &str) -> Result<(), TaskError> {
        let made = format!("made: {name}-1-1.");
        self.layer.see(what, &Self::build(name), End::Well, &["brp-symgate", &made], &[OURS]).map(|_| ())
    }

    fn simple(&self, name: &str, modules: &[&str], globals: &str) -> Result<(), TaskError> {
        self.spec(&Spec { name, modules, globals, ..Spec::default() })
    }

    /// Sees what a package that was built last is, asked by one of rpm's options.
    fn package(&self, what: &str, ask: &str, name: &str, says: &[&str], lacks: &[&str]) -> Result<(), TaskError> {
        let query = format!("rpm -qp {ask} {TOP}/RPMS/*/{name}-1-1.*.rpm");
        self.layer.see(what, &query, End::Well, says, lacks).map(|_| ())
    }

    /// Where rpm does something else behind %install, the macros would take that away.
    fn another_rpm(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        layer.write("/etc/rpm/macros.other", "%__spec_install_post /usr/lib/rpm/brp-other\n")?;
        let says = ["another __spec_install_post", "/usr/lib/rpm/brp-other"];
        layer.see("with another rpm nothing is installed", "sh /opt/symgate/install.sh", End::With(1), &says, &[])?;
        layer.see("nothing at all", "ls /etc/rpm", End::Well, &[], &["symgate"])?;
        layer.sure("rm /etc/rpm/macros.other").map(|_| ())
    }

    fn one_package(&self) -> Result<(), TaskError> {
        self.simple("sg-harmless", &["sg_harmless", "sg_export"], "")?;
        self.passes("a harmless package is built without a word", "sg-harmless")?;
        self.package("and the package has the module", "-l", "sg-harmless", &["/own/sg_harmless.ko"], &[])?;
        self.simple("sg-none", &[], "")?;
        self.passes("so is one without modules", "sg-none")?;
        self.simple("sg-get", &["sg_get", "sg_harmless"], "")?;
        let says = [
            REFUSED[0],
            // Debug info is still there.
            "at dma_buf_get: get_init() at /r/BUILD/",
            "symgate registry new --origin rpm/sg-get /r/",
            "symgate registry init --origin rpm/sg-get --owner WHO --symvers /lib/modules/",
            "ERROR: symgate: package sg-get for ",
            REFUSED[2],
        ];
        self.refused("an importer fails the build", "sg-get", &says)?;
        self.simple("sg-get", &["sg_get"], "%global __os_install_post %{nil}\n%global __arch_install_post %{nil}")?;
        self.refused("whatever a spec file makes of other macros", "sg-get", &REFUSED)
    }

    fn several_packages(&self) -> Result<(), TaskError> {
        let user = ["sg_shim_ops", "sg_shim_default", "sg_shim_user"];
        self.spec(&Spec { name: "sg-pair", modules: &["sg_shim"], user: &user, ..Spec::default() })?;
        let says = [
            "module sg_shim gets at dma-buf and is not registered",
            "module sg_shim_user gets at dma-buf through exports of others",
            "sg_shim:sg_shim_get -> dma_buf_get [SG002]",
            "/user/sg_shim_user.ko",
        ];
        self.refused("what goes through another package's module is seen", "sg-pair", &says)?;
        waive(
            &self.layer,
            "rpm/sg-pair",
            &self.release,
            &format!("$(find {TOP} -path '*sg-pair*' -path '*BUILDROOT*/lib')"),
        )?;
        self.passes("waived, both are built", "sg-pair")?;
        self.package("the one", "-l", "sg-pair", &["/own/sg_shim.ko"], &["sg_shim_user"])?;
        self.package("and the other", "-l", "sg-pair-user", &["/user/sg_shim_user.ko"], &["own"])?;
        self.layer.sure("rm /etc/symgate/*.toml").map(|_| ())
    }

    fn let_in(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        self.simple("sg-registered", &["sg_get"], "")?;
        layer.write("/etc/symgate/modules.toml", &register("sg_get", "origin:rpm/sg-registered"))?;
        self.passes("registered in /etc/symgate it passes", "sg-registered")?;
        let other =
            ["bears the name of module:sg_get", "it was taken from rpm/sg-get, and not from rpm/sg-registered [SG004]"];
        self.refused("of another package it does not", "sg-get", &other)?;
        // What the refusal says to write down.
        layer.sure("mkdir /own && mv /etc/symgate/modules.toml /own")?;
        self.simple("sg-registered", &["sg_get"], "%global symgate_flags --add-allowlists /own --cross-check")?;
        let says =
            ["NOTE: symgate: by %symgate_flags or SYMGATE_FLAGS: --add-allowlists /own", "made: sg-registered-1-1."];
        layer.see(
            "by a registration of its own, which is said",
            &Self::build("sg-registered"),
            End::Well,
            &says,
            &["ERROR"],
        )?;
        layer.write("/etc/symgate/lock.toml", "rules = [\"SG001\", \"SG003\", \"SG004\"]\n")?;
        self.refused("unless the rule is locked", "sg-registered", &["locked", UNJUDGED, "(exit status 2)"])?;
        layer.sure("rm /etc/symgate/*.toml").map(|_| ())
    }

    fn options(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        self.simple("sg-get", &["sg_get"], "%global symgate_flags --warn SG001")?;
        let says = ["WARNING: symgate: module sg_get", "NOTE: symgate: SG001 is set to warn", "made: sg-get-1-1."];
        layer.see("a package can ask for a warning", &Self::build("sg-get"), End::Well, &says, &[])?;
        layer.write("/etc/symgate/lock.toml", "rules = [\"SG001\"]\n")?;
        let locked = ["SG001 is locked by /etc/symgate/lock.toml:1, and can't be set to warn", UNJUDGED];
        self.refused("but not for a rule that is locked", "sg-get", &locked)?;
        layer.sure("rm /etc/symgate/lock.toml")?;
        for (option, says) in [
            ("--origin dkms/evdi", "--origin is no option that is for a package to say"),
            ("--allowlists=/own", "--allowlists=/own is no option that is for a package to say"),
            ("--kernel-build /lib", "--kernel-build is no option that is for a package to say"),
            ("/usr/bin/true", "/usr/bin/true is no option that is for a package to say"),
            ("--symvers /nowhere", "/nowhere: No such file"),
            ("--warn", "--warn needs a value"),
        ] {
            self.simple("sg-get", &["sg_get"], &format!("%global symgate_flags {option}"))?;
            self.refused(&format!("{option} is refused"), "sg-get", &[says, UNJUDGED])?;
        }
        self.simple("sg-get", &["sg_get"], "%global symgate 0")?;
        let says = ["sg-get is judged, though its spec file asks not to be", REFUSED[0], REFUSED[2]];
        self.refused("%symgate 0 is not for a package to say", "sg-get", &says)?;
        layer.sure("echo 'SYMGATE_MAY_SKIP=\"kernel sg-get\"' >> /etc/symgate/rpm.conf")?;
        let says = ["sg-get is not judged: its spec file asks for that", "made: sg-get-1-1."];
        layer.see("unless the operator lets it", &Self::build("sg-get"), End::Well, &says, &["ERROR"])?;
        self.simple("sg-get", &["sg_get"], "")?;
        self.refused("who does not ask for it is judged", "sg-get", &REFUSED)
    }

    fn when_nothing_can_be_judged(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        layer.sure("mv /usr/bin/symgate /")?;
        let seen = self.refused("without symgate", "sg-harmless", &[UNJUDGED, "(exit status 127)"]);
        layer.sure("mv /symgate /usr/bin")?;
        seen?;
        let symvers = format!("/usr/src/linux-headers-{}/Module.symvers", self.release);
        // The module is built with it; the package is made without.
        let more = format!("mv {symvers} /kept");
        let spec = Spec { name: "sg-headers", modules: &["sg_harmless"], more: &more, ..Spec::default() };
        self.spec(&spec)?;
        let package = format!("linux-headers-{} (Debian)", self.release);
        let seen =
            self.refused("without headers", "sg-headers", &["could not be judged", "build/Module.symvers", &package]);
        layer.sure(&format!("mv /kept {symvers}"))?;
        seen?;
        self.spec(&Spec { globals: "%global symgate_flags --symvers=/kept", ..spec })?;
        let build = Self::build("sg-headers");
        let seen = layer.see("unless they are named", &build, End::Well, &["made: "], &["ERROR", "WARNING: symgate"]);
        layer.sure(&format!("mv /kept {symvers}"))?;
        seen?;
        layer.write("/etc/symgate/lock.toml", "x\n")?;
        let seen = self.refused("with a bad allowlist", "sg-get", &[UNJUDGED, "(exit status 2)"]);
        layer.sure("rm /etc/symgate/lock.toml")?;
        seen?;
        self.spec(&Spec { name: "sg-empty", more: "mkdir -p UPDATES; : > UPDATES/sg_empty.ko", ..Spec::default() })?;
        self.refused("what is no module", "sg-empty", &[UNJUDGED, "sg_empty.ko", "(exit status 3)"])
    }

    fn odd_places(&self) -> Result<(), TaskError> {
        let moved = |what: &str, more: &str, says: &[&str]| {
            self.spec(&Spec { name: "sg-odd", modules: &["sg_get"], more, ..Spec::default() })?;
            self.refused(what, "sg-odd", says)
        };
        moved("packed with xz", "xz UPDATES/sg_get.ko", &[REFUSED[0], "sg_get.ko.xz"])?;
        moved("packed with zstd", "zstd --rm UPDATES/sg_get.ko", &[REFUSED[0], "sg_get.ko.zst"])?;
        moved("packed with bzip2, which is not read", "bzip2 UPDATES/sg_get.ko", &["packed with bzip2", UNJUDGED])?;
        moved(
            "in a folder of its own",
            "mkdir -p '%{buildroot}/opt/a b' && mv UPDATES/sg_get.ko '%{buildroot}/opt/a b/@sg get.ko'",
            &[REFUSED[0], "opt/a b/@sg get.ko", &format!("sg-odd for {}", self.release)],
        )?;
        moved(
            "behind a link of the system that it becomes",
            "mkdir %{buildroot}/opt && mv UPDATES/sg_get.ko %{buildroot}/opt/data && ln -s /opt/there UPDATES/x.ko && \
             ln -s data %{buildroot}/opt/there",
            &[REFUSED[0], "/opt/"],
        )?;
        moved(
            "for a kernel that nobody names",
            "mkdir -p %{buildroot}/lib/modules/.0 && mv UPDATES/sg_get.ko %{buildroot}/lib/modules/.0",
            &[REFUSED[0]],
        )?;
        moved(
            "twice",
            "ln UPDATES/sg_get.ko UPDATES/copy.ko; ln -s sg_get.ko UPDATES/link.ko",
            &[REFUSED[0], "copy.ko"],
        )?;
        moved(
            "with a newline in its name",
            "mv UPDATES/sg_get.ko UPDATES/\"$(printf 'a\\nb.ko')\"",
            &["has a newline in it", UNJUDGED],
        )?;
        let root = "for root in '' / /. /nowhere; do RPM_BUILD_ROOT=$root /usr/lib/rpm/brp-symgate x 1 || exit; done";
        self.layer.see("the system itself is nobody's build root", root, End::Well, &[], &["symgate"])?;
        let root = format!(
            "mkdir /real && ln -s real /link && cp \"$(find {TOP} -name sg_get.ko | head -n 1)\" /real && \
             RPM_BUILD_ROOT=/link /usr/lib/rpm/brp-symgate x 1"
        );
        self.layer.see("a link to one is followed", &root, End::With(1), &REFUSED[..2], &[]).map(|_| ())
    }

    /// Who exports and who imports, both sides or none.
    fn dependencies(&self) -> Result<(), TaskError> {
        let layer = &self.layer;
        let kernel = format!(
            "gzip -c /lib/modules/{0}/build/Module.symvers > %{{buildroot}}/lib/modules/{0}/symvers.gz",
            self.release
        );
        let kernel = Spec { name: "sg-kernel", modules: &["sg_tier"], more: &kernel, ..Spec::default() };
        let user = Spec {
            name: "sg-get",
            modules: &["sg_get", "sg_harmless"],
            globals: "%global symgate 0",
            ..Spec::default()
        };
        self.spec(&kernel)?;
        self.spec(&user)?;
        layer.sure(&format!("({}) && mv {TOP}/RPMS /kept", Self::build("sg-kernel")))?;
        layer.sure(&format!("({}) && cp /kept/*/*.rpm {TOP}/RPMS/*/", Self::build("sg-get")))?;
        self.package("without %symgate_deps nothing is provided", "--provides", "sg-kernel", &[], &["symgate("])?;
        self.package("nor required", "--requires", "sg-get", &[], &["symgate("])?;
        layer.sure("rm -r /kept; sed -i 's/^#%symgate_deps/%symgate_deps/' /etc/rpm/macros.symgate")?;
        layer.sure(&format!("({}) && mv {TOP}/RPMS /kept", Self::build("sg-kernel")))?;
        layer.sure(&format!("({}) && cp /kept/*/*.rpm {TOP}/RPMS/*/", Self::build("sg-get")))?;
        let provides = ["symgate(dma-buf)\n", "symgate(p2pdma)\n", "symgate(native:sg_tier)\n"];
        self.package("with it a kernel provides its families", "--provides", "sg-kernel", &provides, &[])?;
        self.package(
            "and an importer requires its own",
            "--requires",
            "sg-get",
            &["symgate(dma-buf)\n"],
            &["p2pdma", "native"],
        )?;
        self.package("and provides none", "--provides", "sg-get", &[], &["symgate("])?;
        let install = format!("rpm --dbpath /db --initdb; rpm --dbpath /db -i --test {TOP}/RPMS/*/sg-get-*.rpm");
        layer.see(
            "rpm asks for a kernel that has it",
            &install,
            End::Badly,
            &["symgate(dma-buf) is needed by sg-get-1-1"],
            &[],
        )?;
        let install = format!("rpm --dbpath /db -i --test {TOP}/RPMS/*/*.rpm 2>&1");
        layer.see("which is content with this one", &install, End::Well, &[], &["is needed"]).map(|_| ())
    }

    /// Who does not ask the author sees it in the finished package.
    fn not_asked(&self) -> Result<(), TaskError> {
        self.simple("sg-get", &["sg_get"], "%global __spec_install_post %{nil}")?;
        let build = Self::build("sg-get");
        self.layer.see("a spec file can leave it out", &build, End::Well, &["made: sg-get-1-1."], &[OURS])?;
        let check = format!(
            "symgate check --format kbuild --origin rpm/sg-get --symvers /lib/modules/{}/build/Module.symvers {TOP}/RPMS/*/*.rpm",
            self.release
        );
        self.layer.see("who judges the finished package sees it", &check, End::With(1), &REFUSED[..1], &[])?;
        waive(&self.layer, "rpm/sg-get", &self.release, &format!("{TOP}/RPMS/*/*.rpm"))?;
        self.layer.see("and can let it in", &check, End::Well, &[], &["ERROR"]).map(|_| ())
    }
}
