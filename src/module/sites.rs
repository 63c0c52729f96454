// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in a module something is asked for, or offered.

use std::collections::BTreeSet;

use object::elf::STT_FUNC;

use super::elf::{Elf, Symbols, until_nul};
use super::exports;
use super::graph::{Place, is_code, symbols_of};
use super::imports::{SHN_LIVEPATCH, livepatch_target, loader_name};
use super::lookup::Lookups;
use super::{Bytes, elf::ElfError, signature};
use crate::{limits, text};

/// A place in a module that has to do with a symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// Index of the section.
    pub section: u32,
    /// In bytes of it.
    pub offset: u64,
    /// The symbol.
    pub symbol: Box<str>,
    /// The function or the object there, by the symbol table.
    pub within: Option<Box<str>>,
    /// Whether that is a function.
    pub is_code: bool,
}

/// A module, as one in which something is looked for.
pub struct Sites<'d> {
    elf: Elf<'d>,
    symbols: Symbols<'d>,
    /// What the places are in, in their order.
    named: Vec<(Place, u64, &'d str)>,
}

impl std::fmt::Debug for Sites<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sites")
    }
}

impl<'d> Sites<'d> {
    /// Reads what is needed of a module; nothing of one without a symbol table.
    pub fn read(bytes: Bytes<'d>) -> Result<Option<Self>, ElfError> {
        let signed = signature::find(bytes).ok().flatten();
        let elf = Elf::parse(signed.map_or(bytes, |signature| bytes.up_to(signature.offset)))?;
        let Some(symbols) = elf.first_symbols() else { return Ok(None) };
        let mut named: Vec<(Place, u8, u64, &'d str)> = symbols_of(&symbols)
            .filter_map(|(place, symbol)| {
                let name = text::symbol(symbols.name(&symbol)?)?;
                Some((place, u8::from(symbol.kind == STT_FUNC), symbol.size, name))
            })
            .collect();
        // Of several names of a place the function's is the last.
        named.sort_unstable();
        let named = named.into_iter().map(|(place, _, size, name)| (place, size, name)).collect();
        Ok(Some(Self { elf, symbols, named }))
    }

    /// Where it asks for these: by relocations against their symbols, and by the calls that find them.
    #[must_use]
    pub fn asking(&self, wanted: &dyn Fn(&str) -> bool, lookups: &Lookups) -> Vec<Site> {
        let mut sites = Vec::new();
        let names: Vec<Option<&str>> = (0..self.symbols.len())
            .map(|index| {
                let symbol = self.symbols.get(index)?;
                let is_outside = symbol.is_undefined() || symbol.section == SHN_LIVEPATCH;
                let name = text::symbol(self.symbols.name(&symbol).filter(|_| is_outside)?)?;
                let name = livepatch_target(name).unwrap_or(name);
                Some(loader_name(name, self.elf.machine)).filter(|name| wanted(name))
            })
            .collect();
        for (index, section) in self.elf.sections().iter().enumerate() {
            if !section.allocated() {
                continue;
            }
            for relocation in self.elf.many_relocations(index).unwrap_or_default() {
                if let Some(Some(name)) = names.get(relocation.symbol as usize) {
                    sites.extend(self.site(u32::try_from(index).ok(), relocation.offset, name));
                }
            }
        }
        for call in &lookups.calls {
            for name in call.names.iter().filter(|name| wanted(name)) {
                sites.extend(self.site(Some(call.at.section), call.at.offset, name));
            }
        }
        bounded(sites)
    }

    /// Where it calls these functions, by which it finds what can't be told.
    #[must_use]
    pub fn untold(&self, lookups: &Lookups) -> Vec<Site> {
        let open = lookups.calls.iter().filter(|call| call.is_open);
        bounded(open.filter_map(|call| self.site(Some(call.at.section), call.at.offset, &call.by)).collect())
    }

    /// Where what it exports by these names is.
    #[must_use]
    pub fn offering(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Site> {
        let exports = exports::places(&self.elf, &self.symbols);
        let places =
            exports.into_iter().filter(|(name, _)| wanted(name)).filter_map(|(name, place)| Some((name, place?)));
        bounded(places.filter_map(|(name, place)| self.site(Some(place.section), place.offset, name)).collect())
    }

    /// The functions that it has of these names, whether or not others see them.
    #[must_use]
    pub fn functions(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Site> {
        let functions = self
            .named
            .iter()
            .filter(|(place, size, name)| *size > 0 && is_code(&self.elf, place.section) && wanted(name));
        bounded(functions.filter_map(|(place, _, name)| self.site(Some(place.section), place.offset, name)).collect())
    }

    /// The name of the file that holds its debug info, as it says itself (`.gnu_debuglink`).
    #[must_use]
    pub fn debug_link(&self) -> Option<String> {
        let (_, section) = self.elf.named(b".gnu_debuglink").next()?;
        let name = until_nul(self.elf.data(section), 0, limits::NAME_BYTES)?;
        text::name(name).map(ToOwned::to_owned)
    }

    fn site(&self, section: Option<u32>, offset: u64, symbol: &str) -> Option<Site> {
        let section = section?;
        let place = Place { section, offset };
        let before = self.named.partition_point(|(begin, ..)| *begin <= place).checked_sub(1);
        let within = before.and_then(|at| self.named.get(at)).filter(|(begin, size, _)| {
            begin.section == section && (*size == 0 || offset < begin.offset.saturating_add(*size))
        });
        let within = within.map(|(.., name)| (*name).into());
        Some(Site { section, offset, symbol: symbol.into(), within, is_code: is_code(&self.elf, section) })
    }
}

/// Each once, in their order, and not more than anybody reads.
fn bounded(sites: Vec<Site>) -> Vec<Site> {
    let sites: BTreeSet<Site> = sites.into_iter().collect();
    sites.into_iter().take(limits::SITES).collect()
}
