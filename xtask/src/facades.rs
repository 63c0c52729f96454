// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask facades`: which exports of real kernels lead to a family, written to the tables that ship; and who imports
//! them, written to the list that people read.
//!
//! The policy alone counts here: what a registration says of who owes is not in a kernel's code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use symgate::allowlist::{Allowlists, Origin};
use symgate::check::Gathered;
use symgate::gate::rules;
use symgate::input::Inputs;
use symgate::module::graph::Grade;
use symgate::reach::table::{Series, Tables};
use symgate::reach::{Hop, Reach, Reached};
use symgate::trust::Named;

use crate::corpus::{Kernel, kernels};
use crate::shell::{TaskError, repository};

/// Kernels whose exports the tables tell of.
const KERNELS: [&str; 11] = [
    "5.10",
    "6.1",
    "bookworm-arm64",
    "bookworm-armhf",
    "6.12",
    "trixie-arm64",
    "trixie-armhf",
    "newest",
    "sid-arm64",
    "sid-armhf",
    "experimental-amd64",
];

/// Kernels of which the modules are listed, too, with the file names of the lists.
const LISTED: [(&str, &str); 2] = [("6.1", "6.1-amd64.md"), ("newest", "7.2-amd64.md")];

/// What one kernel's exports lead to.
struct Followed {
    kernel: Kernel,
    gathered: Gathered,
    /// The same where the registrations say who passes something on: the best way may end there, and another go on.
    registered: Reach,
}

/// Of what there is one best way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    export: String,
    family: Arc<str>,
    /// Whether the registrations said who passes something on.
    is_registered: bool,
}

/// `cargo xtask facades`
pub fn task(names: &[String]) -> Result<(), TaskError> {
    let (print, names) = match names {
        [option, names @ ..] if option == "--compare" => return compare_two(names),
        [option, names @ ..] if option == "--print" => (true, names),
        names => (false, names),
    };
    let all: Vec<String> = KERNELS.iter().map(|name| (*name).to_owned()).collect();
    let mut followed: BTreeMap<Series, Vec<Followed>> = BTreeMap::new();
    for kernel in kernels(if names.is_empty() { &all } else { names })? {
        let one = follow(kernel)?;
        println!("{}: {} modules looked into", one.kernel.release, one.gathered.reach.looked_into);
        let series: Series = one.kernel.release.parse().map_err(|error: &str| TaskError::Other(error.to_owned()))?;
        followed.entry(series).or_default().push(one);
    }
    let ways: BTreeMap<Series, BTreeMap<Key, &Hop>> =
        followed.iter().map(|(series, kernels)| (*series, ways(kernels))).collect();
    let leading: BTreeSet<&str> = ways.values().flat_map(BTreeMap::keys).map(|key| &*key.export).collect();
    for (series, kernels) in &followed {
        let text = table(*series, kernels, ways.get(series), &leading);
        if print {
            print!("{text}");
        } else {
            write(&repository().join(format!("allowlists/reach/{series}.tsv")), &text)?;
        }
    }
    if print {
        return Ok(());
    }
    for one in followed.values().flatten() {
        if let Some((_, file)) = LISTED.iter().find(|(name, _)| one.kernel.name == *name) {
            write(&repository().join("docs/reach").join(file), &list(one)?)?;
        }
    }
    Ok(())
}

/// The embedded allowlists, but for the tables.
fn embedded() -> Result<Allowlists, TaskError> {
    let mut allowlists =
        Allowlists::load(&Origin::default(), &rules::ids()).map_err(|error| TaskError::Other(error.to_string()))?;
    allowlists.tables = Tables::default();
    Ok(allowlists)
}

/// The embedded policy without any registration.
fn policy_alone() -> Result<Allowlists, TaskError> {
    let mut allowlists = embedded()?;
    allowlists.registrations.clear();
    allowlists.classes.clear();
    Ok(allowlists)
}

fn follow(kernel: Kernel) -> Result<Followed, TaskError> {
    let allowlists = policy_alone()?;
    let inputs = Inputs {
        paths: vec![kernel.modules.clone()],
        symvers: vec![kernel.symvers.clone()],
        to_judge: true,
        ..Inputs::default()
    };
    let own = Named { builds: vec![kernel.modules.clone()], ..Named::default() };
    let mut gathered =
        Gathered::read(&inputs, &own, &allowlists).map_err(|error| TaskError::Other(error.to_string()))?;
    let alone = std::mem::take(&mut gathered.reach);
    gathered.follow(&embedded()?);
    let registered = std::mem::replace(&mut gathered.reach, alone);
    Ok(Followed { kernel, gathered, registered })
}

/// The ways out of the modules of several machines' kernels of one series. The first kernel that has an export decides: compilers
/// for some machines put several objects behind one address, and what is meant can't be told.
fn ways(kernels: &[Followed]) -> BTreeMap<Key, &Hop> {
    let mut all: BTreeMap<Key, &Hop> = BTreeMap::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for one in kernels {
        for (reach, is_registered) in [(&one.gathered.reach, false), (&one.registered, true)] {
            for (export, ways) in reach.exports().into_iter().filter(|(export, _)| !known.contains(export)) {
                for (way, hop) in ways.iter().filter_map(|way| Some((way, way.hops.first()?))) {
                    let family = Arc::clone(&way.family);
                    all.insert(Key { export: export.to_owned(), family, is_registered }, hop);
                }
            }
        }
        known.extend(one.gathered.exports.iter().map(|provided| &*provided.export.name));
    }
    all
}

/// The table of a series.
fn table(series: Series, kernels: &[Followed], ways: Option<&BTreeMap<Key, &Hop>>, leading: &BTreeSet<&str>) -> String {
    let releases: Vec<&str> = kernels.iter().map(|one| &*one.kernel.release).collect();
    let acquiring: BTreeSet<&str> = kernels
        .iter()
        .flat_map(|one| one.gathered.reach.exports().into_values().flatten())
        .map(|way| &*way.symbol)
        .collect();
    let mut text = format!(
        "# SPDX-License-Identifier: MIT OR Apache-2.0\n# What exports of Linux {series} lead to, seen in {} (cargo xtask \
         facades)\n# module, export, grade, import, functions and objects\n",
        releases.join(", ")
    );
    let mut lines: BTreeSet<String> = BTreeSet::new();
    let mut leading_on: BTreeMap<Key, &Hop> =
        ways.into_iter().flatten().map(|(key, hop)| (key.clone(), *hop)).collect();
    // A way ends where it does not on the machine that decided.
    loop {
        let known: BTreeSet<String> = leading_on.keys().map(|key| key.export.clone()).collect();
        let before = leading_on.len();
        leading_on.retain(|_, hop| known.contains(&*hop.import) || acquiring.contains(&*hop.import));
        if leading_on.len() == before {
            break;
        }
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (Key { export, .. }, hop) in &leading_on {
        told.insert(export);
        let Hop { module, grade, import, .. } = hop;
        lines.insert(format!("{module}\t{export}\t{grade}\t{import}\t{}\n", hop.parts.join(" ")));
    }
    // What leads somewhere in another series, and is here, but leads nowhere.
    for provided in kernels.iter().flat_map(|one| one.gathered.exports.iter()) {
        let name = &*provided.export.name;
        if leading.contains(name) && !told.contains(name) {
            lines.insert(format!("{}\t{name}\tnone\n", provided.provider));
        }
    }
    text.extend(lines);
    text
}

/// The list of one kernel's facades and of the modules that get at a family.
fn list(one: &Followed) -> Result<String, TaskError> {
    let Followed { kernel, gathered, .. } = one;
    let reach = &gathered.reach;
    let mut text = format!(
        "<!-- SPDX-License-Identifier: MIT OR Apache-2.0 -->\n# What gets at a family in {}\n\nWritten by `cargo xtask \
         facades`: by the policy alone, as if nothing were registered. What was checked by hand is in\n[README.md]\
         (README.md).\n\n## Modules\n\nA module is listed by the best way that it has: it imports an acquiring symbol itself \
         (direct), or an export of another\nthat leads to one by a chain of calls, or one that leads there somewhere through \
         a table of pointers.\n\n",
        kernel.release
    );
    let policy = policy_alone()?.policy;
    let mut modules: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for module in &gathered.modules {
        let name = module.facts.name_or_of(&module.path).to_string();
        let mut best: BTreeMap<String, (u8, &str)> = BTreeMap::new();
        let mut take = |family: &str, rank: (u8, &'static str)| {
            let old = best.entry(family.to_owned()).or_insert(rank);
            *old = rank.min(*old);
        };
        for import in &module.facts.imports {
            let provided = gathered.exports.get(&import.name);
            if let Some(of) = symgate::tier::membership(&policy, &import.name, provided)
                && of.gives_access()
            {
                take(&of.family, (0, "direct"));
            }
            for way in reach.of(&import.name) {
                take(&way.family, if way.grade == Grade::Call { (1, "by calls") } else { (2, "by tables") });
            }
        }
        for (family, (_, how)) in best {
            modules.entry((family, how)).or_default().insert(name.clone());
        }
    }
    for ((family, how), names) in modules {
        let names: Vec<String> = names.into_iter().collect();
        let _ = writeln!(text, "### {family}, {how}: {}\n\n{}\n", names.len(), names.join(" "));
    }
    text.push_str("## Exports that lead to a family, by module\n");
    let mut exports: BTreeMap<String, Vec<(&str, &Reached)>> = BTreeMap::new();
    for (export, ways) in reach.exports() {
        for way in ways {
            let module = way.facade().map(ToString::to_string).unwrap_or_default();
            exports.entry(module).or_default().push((export, way));
        }
    }
    for (module, exports) in exports {
        let _ = write!(text, "\n### {module}\n\n");
        for (export, way) in exports {
            let _ = writeln!(text, "- `{export}` ({}, {}): {}", way.family, way.grade, way.via().join(" → "));
        }
    }
    Ok(text)
}

/// Compares what two kernels' modules of the same name get at.
fn compare_two(names: &[String]) -> Result<(), TaskError> {
    let mut sets = Vec::new();
    for kernel in kernels(names)? {
        let one = follow(kernel)?;
        let mut all: BTreeSet<String> = BTreeSet::new();
        let mut reached: BTreeMap<(String, Arc<str>), Grade> = BTreeMap::new();
        for module in &one.gathered.modules {
            let name = module.facts.name_or_of(&module.path).to_string();
            for way in module.facts.imports.iter().flat_map(|import| one.gathered.reach.of(&import.name)) {
                let old = reached.entry((name.clone(), Arc::clone(&way.family))).or_insert(way.grade);
                *old = way.grade.min(*old);
            }
            all.insert(name);
        }
        sets.push((one, all, reached));
    }
    let [(a, all_a, of_a), (b, all_b, of_b)] = sets.as_slice() else {
        return Err(TaskError::Other("give the names of two kernels".to_owned()));
    };
    println!("{} and {}: {} modules in both", a.kernel.release, b.kernel.release, all_a.intersection(all_b).count());
    let keys: BTreeSet<&(String, Arc<str>)> = of_a.keys().chain(of_b.keys()).collect();
    let in_both = keys.into_iter().filter(|(name, _)| all_a.contains(name) && all_b.contains(name));
    let (mut alike, mut differ) = (0, 0);
    for key in in_both {
        if of_a.get(key) == of_b.get(key) {
            alike += 1;
            continue;
        }
        differ += 1;
        println!("{} {}: {:?} and {:?}", key.0, key.1, of_a.get(key), of_b.get(key));
        for one in [a, b] {
            let module =
                one.gathered.modules.iter().find(|module| module.facts.name_or_of(&module.path).as_str() == key.0);
            let imports = module.into_iter().flat_map(|module| &module.facts.imports);
            for way in imports.flat_map(|import| one.gathered.reach.of(&import.name)).filter(|way| way.family == key.1)
            {
                println!("    {}: {} {}", one.kernel.release, way.grade, way.via().join(" > "));
            }
        }
    }
    println!("{alike} alike, {differ} differ");
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), TaskError> {
    let failed = |error: std::io::Error| TaskError::Other(format!("{}: {error}", path.display()));
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(path, text).map_err(failed)?;
    println!("wrote {}", path.display());
    Ok(())
}
