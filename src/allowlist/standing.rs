// SPDX-License-Identifier: MIT OR Apache-2.0
//! From recorded axes to a standing, by the criteria of the module's subsystem.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::date::Date;
use super::registration::Use;
use super::userspace::{Axis, Outcome, Record, Userspace};
use super::{Allowlists, Registration, Subsystem};

/// How a registration's userspace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It meets what the subsystem asks.
    Approved,
    /// It meets it in part.
    Partial,
    /// It is on the way.
    Pending,
    /// Nobody found out.
    Unknown,
    /// It does not meet it.
    Rejected,
}

impl From<Outcome> for Standing {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Met => Self::Approved,
            Outcome::Partly => Self::Partial,
            Outcome::Pending => Self::Pending,
            Outcome::Unknown => Self::Unknown,
            Outcome::Unmet => Self::Rejected,
        }
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Approved, Self::Partial, Self::Pending, Self::Unknown, Self::Rejected];
        all.into_iter()
            .find(|standing| standing.to_string() == text)
            .ok_or_else(|| format!("{text:?} is no standing; there are {}", all.map(|one| one.to_string()).join(", ")))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Approved => "approved",
            Self::Partial => "partial",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Rejected => "rejected",
        })
    }
}

/// A standing and what it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The standing.
    pub standing: Standing,
    /// Title of the userspace that stands best.
    pub userspace: String,
    /// Its axes that are not met, as `kind is reference`.
    pub because: Vec<String>,
}

/// A registration's best userspace, and how it stands.
#[derive(Debug)]
pub struct Best<'a> {
    /// How it stands.
    pub assessment: Assessment,
    /// The userspace.
    pub userspace: &'a Userspace,
    /// What was recorded of what the subsystem asks for: all of it decided.
    pub records: Vec<(Axis, &'a Record)>,
}

/// Computes a registration's standing: that of its best userspace, which in turn is that of its worst
/// axis among those that the subsystem asks for. Nothing if no userspace is recorded.
#[must_use]
pub fn best<'a>(allowlists: &'a Allowlists, registration: &'a Registration) -> Option<Best<'a>> {
    let subsystem = allowlists.policy.subsystem(&registration.subsystem)?;
    let uses = registration.uses.iter();
    uses.filter_map(|usage| Some(assess_use(subsystem, usage, allowlists.userspaces.get(&usage.userspace)?)))
        // Of two that stand alike, the one that was looked at last.
        .min_by_key(|best| (best.assessment.standing, std::cmp::Reverse(best.oldest())))
}

impl Best<'_> {
    /// The day on which the oldest of what decided was looked at.
    fn oldest(&self) -> Option<Date> {
        self.records.iter().map(|(_, record)| record.checked).min()
    }
}

/// The same without what decided.
#[must_use]
pub fn assess(allowlists: &Allowlists, registration: &Registration) -> Option<Assessment> {
    best(allowlists, registration).map(|best| best.assessment)
}

fn assess_use<'a>(subsystem: &Subsystem, usage: &'a Use, userspace: &'a Userspace) -> Best<'a> {
    let mut worst = Outcome::Met;
    let mut because = Vec::new();
    if !subsystem.projects.is_empty() && !subsystem.projects.contains(&usage.userspace) {
        worst = Outcome::Partly;
        let projects: Vec<_> = subsystem.projects.iter().cloned().collect();
        because.push(format!("it is not the subsystem's own project ({})", projects.join(", ")));
    }
    let mut records = Vec::new();
    for &axis in &subsystem.asks {
        let record = if axis == Axis::Coverage { Some(&usage.coverage) } else { userspace.axis(axis) };
        let outcome = record.map_or(Outcome::Unknown, |record| record.outcome);
        if outcome != Outcome::Met {
            because.push(format!("{axis} is {}", record.map_or("not recorded", |record| &record.is)));
        }
        worst = worst.max(outcome);
        records.extend(record.map(|record| (axis, record)));
    }
    let assessment = Assessment { standing: worst.into(), userspace: userspace.title.clone(), because };
    Best { assessment, userspace, records }
}
