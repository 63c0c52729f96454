// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages and archives that hold modules, which are taken out of them one by one.
//!
//! The names of the files in them are labels in reports and never become paths on disk.

mod cpio;
mod deb;
mod initramfs;
mod rpm;
mod rpm_header;
mod take;

use std::io::{BufReader, Read};

pub(super) use deb::MAGIC as DEB_MAGIC;
pub(super) use initramfs::is_cpio;
pub(super) use rpm::MAGIC as RPM_MAGIC;
use take::Taker;
pub use take::{Choice, Member};

use super::InputErrorKind;
use super::collect::Format;

/// Gives every file of a package that is named like a module to `visit`, in the package's order; what is known at its end
/// only comes last. An error may come behind members that were good.
pub fn members(format: Format, package: &mut dyn Read, visit: &mut dyn FnMut(Member)) -> Result<(), InputErrorKind> {
    let mut taker = Taker::new(visit);
    read(format, package, &mut taker)?;
    taker.finish();
    Ok(())
}

/// The same of the files that are chosen by their paths. One is chosen before the next is looked at.
pub fn chosen(
    format: Format,
    package: &mut dyn Read,
    choose: &dyn Fn(&str) -> Choice,
    visit: &mut dyn FnMut(Member),
) -> Result<(), InputErrorKind> {
    read(format, package, &mut Taker::choosing(choose, visit))
}

fn read(format: Format, package: &mut dyn Read, taker: &mut Taker<'_>) -> Result<(), InputErrorKind> {
    let mut stream = BufReader::new(package);
    match format {
        Format::Deb => deb::modules(&mut stream, taker),
        Format::Initramfs => initramfs::modules(&mut stream, taker),
        Format::Rpm => rpm::modules(&mut stream, taker),
    }
}
