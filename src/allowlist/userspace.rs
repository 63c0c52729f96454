// SPDX-License-Identifier: MIT OR Apache-2.0
//! `userspaces.toml`: the open projects that drive kernel drivers, each by its axes, each axis with dated
//! evidence.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::date::Date;
use super::policy::Policy;
use super::source::{Fault, Place, SourceFile};

/// What is recorded of a userspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// An SPDX expression.
    Licence,
    /// Whether it is the project's own tree and no vendor's fork.
    Upstream,
    /// Production, reference or test.
    Kind,
    /// Of a programmable device.
    Compiler,
    /// Of the device.
    Firmware,
    /// Of the kernel interface or the device.
    Documentation,
    /// Whether a release carries what the kernel's interface needs.
    Released,
    /// Whether distributions package it.
    Packaged,
    /// Whether it was reviewed by its project's own standards.
    Reviewed,
    /// Whether the tests that the subsystem asks for cover what it drives.
    Tests,
    /// How much of the driver's interface it uses; recorded where a module names the userspace.
    Coverage,
    /// When somebody last worked on it.
    Activity,
}

impl Axis {
    /// All axes, with the names that the files use.
    pub const ALL: [(&'static str, Self); 12] = [
        ("licence", Self::Licence),
        ("upstream", Self::Upstream),
        ("kind", Self::Kind),
        ("compiler", Self::Compiler),
        ("firmware", Self::Firmware),
        ("documentation", Self::Documentation),
        ("released", Self::Released),
        ("packaged", Self::Packaged),
        ("reviewed", Self::Reviewed),
        ("tests", Self::Tests),
        ("coverage", Self::Coverage),
        ("activity", Self::Activity),
    ];
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, axis)| axis == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|&(_, axis)| axis).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is no axis; there are {}", names.join(", "))
        })
    }
}

/// How one axis stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is as it should be.
    Met,
    /// It is so in part.
    Partly,
    /// It is on the way.
    Pending,
    /// Nobody found out.
    Unknown,
    /// It is not.
    Unmet,
}

/// One recorded axis.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was found, as the file says it.
    pub is: String,
    /// What that makes of the axis.
    pub outcome: Outcome,
    /// How it is known: a document with its kernel version, an address, a package.
    pub evidence: String,
    /// When it was looked at.
    pub checked: Date,
    /// Where that stands.
    pub place: Place,
}

impl Record {
    /// For how many days nobody has looked, where that is longer than the policy allows.
    #[must_use]
    pub fn old(&self, policy: &Policy, today: Date) -> Option<i64> {
        policy.old(self.checked, today)
    }

    /// Whether its evidence names what somebody else can look at: a path, an address or a version is in it. That something
    /// was not found, or that nobody looked, names nothing.
    #[must_use]
    pub fn names_its_evidence(&self) -> bool {
        let says_nothing = self.outcome == Outcome::Unknown || matches!(self.is.as_str(), "no" | "none" | "unproven");
        says_nothing || self.evidence.contains(|c: char| c == '/' || c.is_ascii_digit())
    }
}

/// An open project that drives a kernel driver.
#[derive(Debug, Clone)]
pub struct Userspace {
    /// The name that registrations use.
    pub name: String,
    /// For people.
    pub title: String,
    /// Where its source is.
    pub url: String,
    /// Where it stands in the files.
    pub place: Place,
    axes: BTreeMap<Axis, Record>,
}

impl Userspace {
    /// All that is recorded.
    pub fn axes(&self) -> impl Iterator<Item = (Axis, &Record)> {
        self.axes.iter().map(|(axis, record)| (*axis, record))
    }

    /// What is recorded of an axis.
    #[must_use]
    pub fn axis(&self, axis: Axis) -> Option<&Record> {
        self.axes.get(&axis)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    userspace: Vec<RawUserspace>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUserspace {
    name: Spanned<String>,
    title: String,
    url: Spanned<String>,
    licence: RawRecord,
    upstream: RawRecord,
    kind: RawRecord,
    compiler: RawRecord,
    firmware: RawRecord,
    documentation: RawRecord,
    released: RawRecord,
    packaged: RawRecord,
    reviewed: RawRecord,
    tests: RawRecord,
    activity: RawRecord,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    is: Spanned<String>,
    evidence: Spanned<String>,
    checked: Spanned<String>,
}

/// Reads `userspaces.toml`.
pub(super) fn read(file: &SourceFile, policy: &Policy, faults: &mut Vec<Fault>) -> BTreeMap<String, Userspace> {
    let mut all = BTreeMap::new();
    let Some(raw) = file.parsed::<RawFile>(faults) else { return all };
    for raw in raw.userspace {
        let RawUserspace { name, title, url, .. } = &raw;
        let mut userspace = Userspace {
            name: name.get_ref().clone(),
            title: title.clone(),
            url: url.get_ref().clone(),
            place: file.place(&name.span()),
            axes: BTreeMap::new(),
        };
        let span = name.span();
        if !["https://", "http://", "git://"].iter().any(|scheme| url.get_ref().starts_with(scheme)) {
            faults.push(file.fault(&url.span(), format!("{:?} is no address", url.get_ref())));
        }
        let records = [
            (Axis::Licence, raw.licence),
            (Axis::Upstream, raw.upstream),
            (Axis::Kind, raw.kind),
            (Axis::Compiler, raw.compiler),
            (Axis::Firmware, raw.firmware),
            (Axis::Documentation, raw.documentation),
            (Axis::Released, raw.released),
            (Axis::Packaged, raw.packaged),
            (Axis::Reviewed, raw.reviewed),
            (Axis::Tests, raw.tests),
            (Axis::Activity, raw.activity),
        ];
        for (axis, record) in records {
            if let Some(record) = read_record(file, axis, &record, policy, faults) {
                userspace.axes.insert(axis, record);
            }
        }
        if all.insert(userspace.name.clone(), userspace).is_some() {
            faults.push(file.fault(&span, "this userspace is there twice"));
        }
    }
    all
}

/// Reads one axis; what it may say depends on the axis.
pub(super) fn read_record(
    file: &SourceFile,
    axis: Axis,
    raw: &RawRecord,
    policy: &Policy,
    faults: &mut Vec<Fault>,
) -> Option<Record> {
    let is = raw.is.get_ref();
    let outcome = match axis {
        Axis::Licence => spdx::Expression::parse(is)
            .map(|licence| if policy.is_open(&licence) { Outcome::Met } else { Outcome::Unmet })
            .map_err(|error| format!("{is:?} is no SPDX expression: {}", error.reason)),
        Axis::Activity => outcome_of_activity(is, policy),
        _ => outcome_of_word(axis, is),
    };
    let outcome = outcome.map_err(|message| faults.push(file.fault(&raw.is.span(), message))).ok();
    if raw.evidence.get_ref().trim().is_empty() {
        faults.push(file.fault(&raw.evidence.span(), format!("the {axis} has no evidence")));
    }
    let checked = file.read(&raw.checked, faults)?;
    let place = file.place(&raw.checked.span());
    Some(Record { is: is.clone(), outcome: outcome?, evidence: raw.evidence.get_ref().clone(), checked, place })
}

fn outcome_of_activity(is: &str, policy: &Policy) -> Result<Outcome, String> {
    match is {
        "archived" => Ok(Outcome::Unmet),
        "unknown" => Ok(Outcome::Unknown),
        day => day
            .parse::<Date>()
            .map(|day| {
                let is_old = policy.date.days_since(day) > i64::from(policy.activity_days);
                if is_old { Outcome::Partly } else { Outcome::Met }
            })
            .map_err(|_| format!("{is:?} is neither a day such as 2026-11-22 nor \"archived\" nor \"unknown\"")),
    }
}

/// The words that an axis knows, best first.
fn words(axis: Axis) -> &'static [(&'static str, Outcome)] {
    use Outcome::{Met, Partly, Pending, Unknown, Unmet};
    match axis {
        Axis::Upstream => &[("canonical", Met), ("vendor", Partly), ("fork", Unmet), ("unknown", Unknown)],
        Axis::Kind => &[("production", Met), ("reference", Unmet), ("test", Unmet), ("unknown", Unknown)],
        Axis::Compiler | Axis::Firmware => {
            &[("none", Met), ("open", Met), ("partly-open", Partly), ("closed", Unmet), ("unknown", Unknown)]
        }
        Axis::Coverage => {
            &[("proven", Met), ("unproven", Met), ("part", Partly), ("none", Unmet), ("unknown", Unknown)]
        }
        // Merged on the default branch, but in no release yet: the state that libiio was in for years.
        Axis::Released => {
            &[("yes", Met), ("merged", Partly), ("pending", Pending), ("no", Unmet), ("unknown", Unknown)]
        }
        Axis::Documentation | Axis::Packaged | Axis::Reviewed | Axis::Tests => {
            &[("yes", Met), ("part", Partly), ("pending", Pending), ("no", Unmet), ("unknown", Unknown)]
        }
        Axis::Licence | Axis::Activity => &[],
    }
}

fn outcome_of_word(axis: Axis, is: &str) -> Result<Outcome, String> {
    let words = words(axis);
    words.iter().find(|(word, _)| *word == is).map(|&(_, outcome)| outcome).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("{axis} can't be {is:?}; it is one of {}", names.join(", "))
    })
}
