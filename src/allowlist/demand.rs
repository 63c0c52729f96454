// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proof that a registration or a waiver asks of a module that bears its name: a name is only a claim.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use super::TakenFrom;
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
    /// The caller's word that it was taken from there.
    Origin(TakenFrom),
}

impl Demand {
    /// Whether somebody's word does for it, so that only an operator's own allowlists can ask for it.
    fn takes_a_word(&self) -> bool {
        matches!(self, Self::Operator | Self::Origin(_))
    }

    /// Whether it is met by words alone, whatever the module is: by the operator's, or by the caller's of where it was taken from.
    #[must_use]
    pub fn is_met_by_word(&self, taken_from: Option<&TakenFrom>) -> bool {
        match self {
            Self::Operator => true,
            Self::Origin(origin) => taken_from == Some(origin),
            Self::Kernel | Self::Content(_) => false,
        }
    }
}

impl FromStr for Demand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "kernel" => Ok(Self::Kernel),
            None if text == "operator" => Ok(Self::Operator),
            Some(("sha256", digits)) => text::bytes_of_digits(digits)
                .map(Self::Content)
                .ok_or_else(|| format!("{digits:?} are not the 64 hexadecimal digits of a SHA-256")),
            Some(("origin", origin)) => origin.parse().map(Self::Origin),
            _ => Err(format!("{text:?} is no proof; there are kernel, operator, origin:KIND/NAME and sha256:DIGITS")),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("kernel"),
            Self::Content(hash) => write!(f, "sha256:{}", text::digits(hash)),
            Self::Operator => f.write_str("operator"),
            Self::Origin(origin) => write!(f, "origin:{origin}"),
        }
    }
}

/// What is asked for, as a file has it; `kernel` where it says nothing.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct RawDemands(Spanned<Vec<Spanned<String>>>);

/// Reads what is asked for.
///
/// The data that ships with symgate can't give the operator's word, and knows nobody who could say where he took a module from.
pub(super) fn read(file: &SourceFile, raw: Option<&RawDemands>, faults: &mut Vec<Fault>) -> Vec<Demand> {
    let Some(RawDemands(raw)) = raw else { return vec![Demand::Kernel] };
    let mut demands = Vec::with_capacity(raw.get_ref().len());
    if raw.get_ref().is_empty() {
        faults.push(file.fault(&raw.span(), "it has to ask for some proof: a name is only a claim"));
    }
    for text in raw.get_ref() {
        match file.read::<Demand>(text, faults) {
            Some(demand) if demand.takes_a_word() && file.is_embedded => {
                faults.push(file.fault(&text.span(), "only an operator's own allowlists can take the operator's word"));
            }
            Some(demand) => demands.push(demand),
            None => {}
        }
    }
    demands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_read_as_they_are_written() {
        for text in ["kernel", "operator", "origin:dkms/evdi", &format!("sha256:{}", "0f".repeat(32))] {
            assert_eq!(text.parse::<Demand>().unwrap().to_string(), text);
        }
        for text in
            ["", "Kernel", "kernel:", "operator:x", "origin", "origin:", "origin:dkms", "dkms/evdi", "sha256:0f"]
        {
            text.parse::<Demand>().unwrap_err();
        }
    }

    #[test]
    fn the_shipped_data_takes_nobodys_word() {
        #[derive(Deserialize)]
        struct File {
            proof: RawDemands,
        }
        let read_as = |proof: &str, is_embedded: bool| {
            let file = SourceFile { name: "x.toml".into(), text: format!("proof = [\"{proof}\"]").into(), is_embedded };
            let mut faults = Vec::new();
            let raw: File = file.parse().unwrap();
            (read(&file, Some(&raw.proof), &mut faults).len(), faults.len())
        };
        for proof in ["operator", "origin:dkms/evdi"] {
            assert_eq!((read_as(proof, false), read_as(proof, true)), ((1, 0), (0, 1)), "{proof}");
        }
        assert_eq!(read_as("kernel", true), (1, 0));
    }
}
