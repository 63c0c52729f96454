// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a module goes along the kernel's list of modules, from its own place in that.

use std::collections::BTreeSet;

use object::elf::SHF_EXECINSTR;

use super::data::Data;
use super::program::{Extent, Program};
use super::step::{Base, Effect};
use super::values::{Follow, Op};
use crate::module::elf::{Elf, Section, Symbols};
use crate::module::graph::{Place, THIS_MODULE};

/// Bytes of code that are read for it. Of the drivers in Debian's archive a tenth have more.
const CODE_BYTES: u64 = 1 << 20;

/// Whether the code reads or takes the place of the list in the module's own `struct module`: behind its state
/// (`include/linux/module.h:struct module`, the same from 5.10 to 7.2).
pub(in crate::module) fn walks_modules(elf: &Elf<'_>, symbols: &Symbols<'_>) -> bool {
    let own: Vec<u32> = elf.named(THIS_MODULE).filter_map(|(index, _)| u32::try_from(index).ok()).collect();
    let is_of_it =
        |symbol: u32| symbols.get(symbol as usize).is_some_and(|symbol| own.contains(&u32::from(symbol.section)));
    // Most code has nothing to do with it; but where there is not much, it is followed to whom it is handed.
    let code: u64 =
        elf.sections().iter().filter(|section| section.flags & SHF_EXECINSTR.0 != 0).map(Section::size).sum();
    let extent = if code > CODE_BYTES { Extent::Around(&is_of_it) } else { Extent::Whole };
    let Some(program) = Program::read(elf, symbols, &[], &extent) else { return false };
    let list = program.word..program.word * 3;
    let within = |bytes: std::ops::Range<u64>| {
        let places = own.iter().map(move |section| {
            let place = |offset| Place { section: *section, offset };
            place(bytes.start)..place(bytes.end)
        });
        places.flat_map(|places| program.uses.range(places)).flat_map(|(_, steps)| steps).copied()
    };
    if within(list.clone()).next().is_some() {
        return true;
    }
    // By the address of the whole, in a function that takes it.
    let data = Data::new(elf, symbols);
    let functions: BTreeSet<Place> =
        within(0..1).filter_map(|index| program.function(program.steps.get(index)?.at)).collect();
    let functions = program.reached(functions);
    let is_list = |place: &Place| own.contains(&place.section) && list.contains(&place.offset);
    let reads_list = |index: usize, effect: &Effect| {
        let Some(memory) = effect.parts().1.memory() else { return false };
        let (Base::Register(register), Some(offset)) = (memory.base, memory.offset) else { return false };
        u64::try_from(offset).is_ok_and(|offset| list.contains(&offset)) && {
            let values = Follow::new(&program, &data).register(index, register, &[Op::Add(Some(offset))]);
            values.places.iter().any(is_list)
        }
    };
    program.steps.iter().enumerate().any(|(index, step)| {
        program.function(step.at).is_some_and(|function| functions.contains(&function))
            && step.effects.iter().any(|effect| reads_list(index, effect))
    })
}
