// SPDX-License-Identifier: MIT OR Apache-2.0
//! By what a module is taken to be from outside of the kernel that it is installed for, or not to be what is installed: each is a
//! sign, and one is enough to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::live::Loaded;
use super::owner::Owner;
use super::taint::Taint;
use crate::gate::Candidate;
use crate::module::name::without_ending;
use crate::module::pkcs7::Signer;
use crate::trust::Verdict;

/// One sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// It is not where a kernel installs its own modules.
    Place(String),
    /// The kernel's own list of what was built does not have it.
    NotListed,
    /// There are several files for one module of that list, and nobody can tell which was built.
    NotAlone,
    /// It does not even say that it is of the kernel's tree.
    NoIntree,
    /// It bears no signature, and the kernel's own modules do.
    Unsigned,
    /// Somebody else signed it than the kernel's own modules.
    SignedByOthers(String),
    /// It names who signed the kernel's own modules, and no key proves that it was: a name can be copied.
    Unproven(String),
    /// The signature is not of what it holds.
    BrokenSignature,
    /// No package has it, and one has the kernel's own.
    NoPackage,
    /// DKMS built it here.
    Dkms,
    /// What the running kernel says of it.
    Taint(Taint),
    /// What is loaded is not what is stored.
    Differs(&'static str),
    /// It is loaded, and not stored where modules of this kernel are.
    NotStored,
    /// It is loaded, and the file that bears its name can't be read.
    Unread,
    /// One of the kernel's two lists of loaded modules lacks it.
    Hidden(&'static str),
}

impl Sign {
    /// Whether it says that the module is from elsewhere, and not only that another one is loaded.
    #[must_use]
    pub fn is_of_elsewhere(&self) -> bool {
        !matches!(self, Self::Differs(_))
    }

    /// What scripts call it.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::Place(_) => "place",
            Self::NotListed => "not-listed",
            Self::NotAlone => "not-alone",
            Self::NoIntree => "no-intree",
            Self::Unsigned => "unsigned",
            Self::SignedByOthers(_) => "signed-by-others",
            Self::Unproven(_) => "unproven-signature",
            Self::BrokenSignature => "broken-signature",
            Self::NoPackage => "no-package",
            Self::Dkms => "dkms",
            Self::Taint(_) => "taint",
            Self::Differs(_) => "differs",
            Self::NotStored => "not-stored",
            Self::Unread => "unread",
            Self::Hidden(_) => "hidden",
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(folder) => write!(f, "it is in {folder}/, and not in kernel/"),
            Self::NotListed => f.write_str("the kernel's modules.order does not list it"),
            Self::NotAlone => f.write_str("there are several files for one line of the kernel's modules.order"),
            Self::NoIntree => f.write_str("it does not say intree"),
            Self::Unsigned => f.write_str("it is not signed, and the kernel's own are"),
            Self::SignedByOthers(who) => write!(f, "{who} signed it, and not who signed the kernel's own"),
            Self::Unproven(who) => {
                write!(f, "its signature names {who}, which none of the keys proves that prove the others")
            }
            Self::BrokenSignature => f.write_str("its signature is not of what it holds"),
            Self::NoPackage => f.write_str("no package has it, and one has the kernel's own"),
            Self::Dkms => f.write_str("DKMS built it"),
            Self::Taint(taint) => write!(f, "the running kernel marks it {taint}"),
            Self::Differs(by) => write!(f, "what is loaded is another than this file, by its {by}"),
            Self::NotStored => f.write_str("it is loaded, and no file of it is installed"),
            Self::Unread => f.write_str("it is loaded, and its file can't be read"),
            Self::Hidden(list) => write!(f, "it is loaded, and {list} does not list it"),
        }
    }
}

/// How a loaded module and a stored one compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// They are the same, by this.
    Same(&'static str),
    /// They are not, by this.
    Differ(&'static str),
    /// Neither has anything to compare that the other has, too.
    Untold,
}

/// Compares a stored module with one that is loaded; `shows_ids` if the kernel shows the build-ids of what it loads.
///
/// A file that has a build-id is no file of what was loaded without one.
#[must_use]
pub(super) fn compare(stored: &Candidate, loaded: &Loaded, shows_ids: bool) -> Compared {
    const BUILD_ID: &str = "build-id";
    const SRCVERSION: &str = "srcversion";
    let facts = &stored.facts;
    let same = |stored: Option<&str>, loaded: Option<&str>| Some(stored?.eq_ignore_ascii_case(loaded?));
    let by_id = match (&facts.build_id, &loaded.build_id) {
        (Some(_), None) if shows_ids => Some(false),
        (stored, loaded) => same(stored.as_deref(), loaded.as_deref()),
    };
    let by_source = same(facts.modinfo.first("srcversion"), loaded.srcversion.as_deref());
    match (by_id, by_source) {
        (Some(false), _) => Compared::Differ(BUILD_ID),
        (_, Some(false)) => Compared::Differ(SRCVERSION),
        // A hash of the whole file says more than one of its source, which another compiler leaves as it is.
        (Some(true), _) => Compared::Same(BUILD_ID),
        (None, Some(true)) => Compared::Same(SRCVERSION),
        (None, None) => Compared::Untold,
    }
}

/// A module that is stored.
#[derive(Debug)]
pub(super) struct Stored<'m> {
    pub(super) module: &'m Candidate,
    pub(super) owner: &'m Owner,
    /// The path by which it is installed.
    pub(super) place: String,
}

/// Who signed, by the signature's word: the issuer of the key and its number.
type Who = (Option<Box<str>>, Box<str>);

/// What is usual among the modules that are where a kernel installs its own.
///
/// Where the kernel's list is there, these are what it lists: what somebody puts beside them, however much, decides nothing.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// The kernel's list, without endings; empty if there is none that is of these modules.
    listed: BTreeSet<String>,
    /// What is stored, without endings.
    stored: BTreeSet<String>,
    /// What there is more than one file for.
    twice: BTreeSet<String>,
    /// Who signed most of them.
    signer: Option<Who>,
    /// Whether keys prove who signed them.
    is_verified: bool,
    /// Whether packages have most of them.
    packaged: bool,
    /// Where they are.
    layout: Layout,
}

/// Where a kernel has its own modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Layout {
    /// There are none.
    #[default]
    None,
    /// In `kernel/`.
    Kernel,
    /// In no folder of their own, as `OpenWrt` installs them.
    Flat,
}

/// A path within `lib/modules/VERSION`, if it is of a module that is installed there.
#[must_use]
pub fn within(path: &str) -> Option<&str> {
    const TREE: &str = "lib/modules/";
    let start = path.find(TREE)? + TREE.len();
    path.get(start..)?.split_once('/').map(|(_, within)| within)
}

fn is_kernels_place(within: &str, layout: Layout) -> bool {
    within.starts_with("kernel/") || (layout == Layout::Flat && !within.contains('/'))
}

fn signers(module: &Candidate) -> Option<&[Signer]> {
    module.facts.signature.as_ref()?.signers.as_deref().ok()
}

fn who(signer: &Signer) -> Who {
    (signer.issuer.clone(), signer.key.clone())
}

fn is_valid(module: &Candidate) -> bool {
    matches!(module.signature, Some(Verdict::Valid { .. }))
}

impl Usual {
    /// Looks at all modules of a kernel; `order` is its list of what was built (`modules.order`).
    #[must_use]
    pub(super) fn of(modules: &[Stored<'_>], order: Option<&str>) -> Self {
        let paths = || modules.iter().filter_map(|stored| Some((within(&stored.place)?, stored)));
        let layout = if paths().any(|(path, _)| path.starts_with("kernel/")) { Layout::Kernel } else { Layout::Flat };
        let own: Vec<_> = paths().filter(|(path, _)| is_kernels_place(path, layout)).collect();
        let listed: BTreeSet<String> =
            order.unwrap_or_default().lines().map(|line| without_ending(line.trim()).to_owned()).collect();
        let (mut stems, mut twice, mut on_list) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (path, stored) in paths() {
            let stem = without_ending(path);
            if !stems.insert(stem) {
                twice.insert(stem.to_owned());
            } else if listed.contains(stem) {
                on_list.push(stored);
            }
        }
        // Of a list that is of another kernel hardly anything is here.
        let is_list = on_list.len() * 2 > listed.len() || on_list.len() * 4 > own.len();
        let usual = if is_list { on_list } else { own.iter().map(|(_, stored)| *stored).collect() };
        let of = |count: usize, part: usize| count * part > usual.len();
        let mut keys: BTreeMap<Who, usize> = BTreeMap::new();
        for signer in usual.iter().filter_map(|stored| signers(stored.module)?.first()) {
            *keys.entry(who(signer)).or_default() += 1;
        }
        let signer = keys.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| of(*count, 2));
        let packaged = usual.iter().filter(|stored| matches!(stored.owner, Owner::Package(_))).count();
        Self {
            twice,
            stored: stems.into_iter().map(str::to_owned).collect(),
            layout: if usual.is_empty() { Layout::None } else { layout },
            signer: signer.map(|(who, _)| who),
            // Nobody else can make one of these, so that a part of them is enough.
            is_verified: of(usual.iter().filter(|stored| is_valid(stored.module)).count(), 4),
            packaged: of(packaged, 2),
            listed: if is_list { listed } else { BTreeSet::new() },
        }
    }

    /// What of a stored module is not as it is with the others.
    #[must_use]
    pub(super) fn signs(&self, stored: &Stored<'_>, loaded: Option<(&Loaded, Compared)>) -> Vec<Sign> {
        let Stored { module, owner, place } = stored;
        let mut signs = Vec::new();
        if let Some(within) = within(place) {
            let (folder, stem) = (within.rsplit_once('/').map_or(".", |(folder, _)| folder), without_ending(within));
            if !is_kernels_place(within, self.layout) {
                signs.extend((!self.was_moved(module, stem)).then(|| Sign::Place(folder.to_owned())));
            } else if !self.listed.is_empty() && !self.listed.contains(stem) {
                signs.push(Sign::NotListed);
            }
            signs.extend(self.twice.contains(stem).then_some(Sign::NotAlone));
        }
        if !module.facts.claims_intree() {
            signs.push(Sign::NoIntree);
        }
        signs.extend(self.signature(module));
        match owner {
            Owner::Dkms { .. } => signs.push(Sign::Dkms),
            Owner::Nobody if self.packaged => signs.push(Sign::NoPackage),
            Owner::Nobody | Owner::Package(_) | Owner::Unknown => {}
        }
        if let Some((loaded, compared)) = loaded {
            signs.extend(self.taint(&loaded.taint).map(Sign::Taint));
            if let Compared::Differ(by) = compared {
                signs.push(Sign::Differs(by));
            }
            signs.extend(loaded.missing_in.map(Sign::Hidden));
        }
        signs
    }

    /// What of a signature is not as it is with the others. Where keys prove those, only what they prove is as usual.
    fn signature(&self, module: &Candidate) -> Option<Sign> {
        let is_usual = |signer: &Signer| self.signer.as_ref().is_some_and(|usual| *usual == who(signer));
        match (&module.signature, signers(module)) {
            (Some(Verdict::Broken { .. }), _) => Some(Sign::BrokenSignature),
            (Some(Verdict::Valid { .. }), _) => None,
            _ if self.signer.is_none() && !self.is_verified => None,
            (_, None | Some([])) => Some(Sign::Unsigned),
            (_, Some(all @ [first, ..])) => match all.iter().find(|signer| !is_usual(signer)) {
                Some(other) => Some(Sign::SignedByOthers(named(other))),
                None => self.is_verified.then(|| Sign::Unproven(named(first))),
            },
        }
    }

    /// Whether it is one of the kernel's own that was installed elsewhere, as RHEL's kernel-modules-extra are: the list has it in
    /// `kernel/`, nothing is there, and a key proves who signed it.
    fn was_moved(&self, module: &Candidate, stem: &str) -> bool {
        let Some((_, rest)) = stem.split_once('/') else { return false };
        let place = format!("kernel/{rest}");
        self.listed.contains(&place) && !self.stored.contains(&place) && is_valid(module)
    }

    /// Which signs can't speak, because the kernel's own modules do not have what others lack.
    #[must_use]
    pub(super) fn silent(&self) -> Vec<String> {
        let (is_there, is_signed) = (self.layout != Layout::None, self.signer.is_some() || self.is_verified);
        let silent = [
            (!is_there, "by their places whether modules are from elsewhere: none is in a kernel's own folder"),
            (
                is_there && !is_signed,
                "by its signature whether a module is from elsewhere: most of the kernel's own are not signed by one key",
            ),
            (
                is_signed && !self.is_verified,
                "whether the modules hold what was signed: there is no key that could tell (--trusted-keys), and the signers' \
                 names are what the modules say",
            ),
            (
                is_there && self.listed.is_empty(),
                "by the kernel's list whether a module is from elsewhere: there is no modules.order that is of these modules",
            ),
        ];
        silent.into_iter().filter(|(is_silent, _)| *is_silent).map(|(_, says)| says.to_owned()).collect()
    }

    /// What is said of a module that is loaded and of which no file was read; `first` says why, where there is something to say.
    #[must_use]
    pub(super) fn signs_of_loaded(&self, loaded: &Loaded, first: Option<Sign>) -> Vec<Sign> {
        let taint = self.taint(&loaded.taint).map(Sign::Taint);
        first.into_iter().chain(taint).chain(loaded.missing_in.map(Sign::Hidden)).collect()
    }

    /// The taint of a module, if it is one that the kernel's own do not have: where these are not signed, all are marked for that.
    fn taint(&self, taint: &Taint) -> Option<Taint> {
        let is_sign = taint.has('P')
            || taint.has('O')
            || taint.has('F')
            || (taint.has('E') && (self.signer.is_some() || self.is_verified));
        is_sign.then(|| taint.clone())
    }
}

/// How a signer is called.
#[must_use]
pub fn named(signer: &Signer) -> String {
    let name = signer.common_name.as_deref().or(signer.issuer.as_deref());
    name.map_or_else(|| format!("the key {}", signer.key), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told() {
        assert_eq!(within("/lib/modules/6.1/updates/dkms/a.ko"), Some("updates/dkms/a.ko"));
        assert_eq!(within("x.deb!./usr/lib/modules/6.1/kernel/a.ko"), Some("kernel/a.ko"));
        assert_eq!(within("lib/modules/a.ko"), None);
        assert!(is_kernels_place("kernel/a.ko", Layout::Kernel) && is_kernels_place("a.ko", Layout::Flat));
        assert!(!is_kernels_place("a.ko", Layout::Kernel) && !is_kernels_place("updates/a.ko", Layout::Flat));
    }
}
