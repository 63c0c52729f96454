// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breaches of rules, in words that both judges share.

use std::fmt;

/// One rule broken by one module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Breach {
    pub(super) kind: Kind,
    /// The name of the module's file, without `.ko`.
    pub(super) module: String,
    /// The symbol, where it is about one.
    pub(super) symbol: String,
    /// The namespace, where it is about one.
    pub(super) namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing exports a symbol: SG012.
    Undefined,
    /// A symbol is only for GPL-compatible modules: SG005.
    GplOnly,
    /// A symbol's namespace is not declared, or for others only: SG007.
    Namespace,
    /// A list of modules is declared as if it were a namespace: SG007.
    Declares,
    /// There is no licence tag: SG006.
    Unlicensed,
}

impl Kind {
    /// All of them, as the table names them.
    pub(super) const ALL: [(Self, &str); 5] = [
        (Self::Undefined, "SG012 undefined"),
        (Self::GplOnly, "SG005 GPL-only"),
        (Self::Namespace, "SG007 namespace"),
        (Self::Declares, "SG007 list of modules declared"),
        (Self::Unlicensed, "SG006 no licence"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl Breach {
    pub(super) fn new(kind: Kind, module: &str, symbol: &str, namespace: &str) -> Self {
        let [module, symbol, namespace] = [module, symbol, namespace].map(str::to_owned);
        Self { kind, module, symbol, namespace }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, module, symbol, namespace } = self;
        write!(f, "{}: {module} {symbol} {namespace}", kind.name())
    }
}

/// The name of a module by its file: without folders, `.ko` or `.o`.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".ko").or_else(|| name.strip_suffix(".o")).unwrap_or(name)
}
