// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where modules were taken from, by the word of whoever took them.

use std::fmt;
use std::str::FromStr;

/// The most bytes of either part: more than any package's name has.
const LONGEST: usize = 200;

/// What took a module in, and from which of its packages: `dkms/evdi`, `deb/evdi-dkms`.
///
/// The kind is one that a hook of the operator's gives; the name is the package's own. That a package of this name is the one
/// that is meant is for the hook, and for who installs packages, to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFrom(String);

impl FromStr for TakenFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_sane = |part: &str, others: &str| {
            part.len() <= LONGEST
                && part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        let is_kind = |kind: &str| is_sane(kind, "") && !kind.contains(|c: char| c.is_ascii_uppercase());
        // A second slash is none of these.
        match text.split_once('/') {
            Some((kind, name)) if is_kind(kind) && is_sane(name, "._+~-") => Ok(Self(text.to_owned())),
            _ => {
                Err(format!("{text:?} is no origin; one is KIND/NAME, such as dkms/evdi, of letters, digits and ._+~-"))
            }
        }
    }
}

impl fmt::Display for TakenFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_kind_and_a_name_of_sane_characters() {
        for text in ["dkms/evdi", "deb/libfoo2.0++-dkms~x", "rpm/NVIDIA_open", "dkms/4front", "x/y"] {
            assert_eq!(text.parse::<TakenFrom>().unwrap().to_string(), text);
        }
        let long = format!("dkms/{}", "x".repeat(201));
        for text in
            ["", "/", "dkms", "dkms/", "/evdi", "dkms//evdi", "dkms/a/b", "dkms/.x", "dkms/-x", "Dkms/evdi", "d-k/x"]
                .into_iter()
                .chain([
                    "dkms/a b",
                    " dkms/a",
                    "dkms/a\n",
                    "dkms/\u{e9}",
                    "dkms/\u{202e}x",
                    "dkms/$x",
                    "../dkms",
                    &long,
                ])
        {
            text.parse::<TakenFrom>().unwrap_err();
        }
    }
}
