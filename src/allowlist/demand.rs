// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proof that a registration or a waiver asks of a module that bears its name: a name is only a claim.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::source::{Fault, SourceFile};
use crate::text;

/// One kind of proof. Of several that are asked for, one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// It is the kernel's own: in a place that the caller named as that, or signed by the kernel's key.
    Kernel,
    /// Its content has this SHA-256.
    Content([u8; 32]),
    /// The operator's word that it is the one: the entry stands in allowlists that the operator loaded.
    Operator,
}

impl FromStr for Demand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("sha256:")) {
            ("kernel", _) => Ok(Self::Kernel),
            ("operator", _) => Ok(Self::Operator),
            (_, Some(digits)) => text::bytes_of_digits(digits)
                .map(Self::Content)
                .ok_or_else(|| format!("{digits:?} are not the 64 hexadecimal digits of a SHA-256")),
            _ => Err(format!("{text:?} is no proof; there are kernel, operator and sha256:DIGITS")),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("kernel"),
            Self::Content(hash) => write!(f, "sha256:{}", text::digits(hash)),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// What is asked for, as a file has it; `kernel` where it says nothing.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct RawDemands(Spanned<Vec<Spanned<String>>>);

/// Reads what is asked for.
///
/// The data that ships with symgate can't give the operator's word.
pub(super) fn read(file: &SourceFile, raw: Option<&RawDemands>, faults: &mut Vec<Fault>) -> Vec<Demand> {
    let Some(RawDemands(raw)) = raw else { return vec![Demand::Kernel] };
    let mut demands = Vec::with_capacity(raw.get_ref().len());
    if raw.get_ref().is_empty() {
        faults.push(file.fault(&raw.span(), "it has to ask for some proof: a name is only a claim"));
    }
    for text in raw.get_ref() {
        match file.read(text, faults) {
            Some(Demand::Operator) if file.is_embedded => {
                faults.push(file.fault(&text.span(), "only an operator's own allowlists can take the operator's word"));
            }
            Some(demand) => demands.push(demand),
            None => {}
        }
    }
    demands
}
