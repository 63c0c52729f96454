// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the loader reads from `.modinfo`.

use super::{Loader, Refused, Step, need};
use crate::mutate::raw::{index, string};

impl<'a> Loader<'a> {
    /// `module_next_tag_pair`, `next_string` in 6.1: over what is no NUL, then over what is one, but not beyond what is left.
    fn next_tag(&self, mut at: u64, left: &mut u64) -> Step<Option<u64>> {
        for is_padding in [false, true] {
            let rest = self.file.get(index(at)..).ok_or(Refused("tags are outside"))?;
            let end = if is_padding { rest.iter().position(|byte| *byte != 0) } else { memchr::memchr(0, rest) };
            let len = end.unwrap_or(rest.len()) as u64;
            if len > 0 && *left <= len {
                return Ok(None);
            }
            need(end.is_some(), "tags are outside")?;
            at += len;
            *left -= len;
        }
        Ok(Some(at))
    }

    /// `get_next_modinfo`: where the value of the next tag of this name is. Without tags it looks at section 0.
    fn tag(&self, name: &str, previous: Option<u64>) -> Step<Option<u64>> {
        let section = self.section(self.tags);
        let mut left = section.size;
        let mut at = Some(section.offset);
        if let Some(previous) = previous {
            left = left.wrapping_sub(previous.wrapping_sub(section.offset));
            at = self.next_tag(previous, &mut left)?;
        }
        while let Some(start) = at {
            let rest = self.file.get(index(start)..).ok_or(Refused("tags are outside"))?;
            if rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'=')) {
                return Ok(Some(start + name.len() as u64 + 1));
            }
            at = self.next_tag(start, &mut left)?;
        }
        Ok(None)
    }

    /// The value of the first tag of this name.
    fn first(&self, name: &str) -> Step<Option<&'a [u8]>> {
        Ok(self.tag(name, None)?.and_then(|at| string(self.file, at)))
    }

    /// `check_modinfo`, `check_modstruct_version`, `setup_modinfo`.
    pub fn check_tags(&mut self) -> Step<()> {
        let magic = self.first("vermagic")?;
        if let Some(magic) = magic.filter(|_| !self.request.force) {
            let from = |magic: &'a [u8]| match magic.iter().position(|byte| *byte == b' ') {
                Some(space) if self.versions != 0 => magic.get(space..).unwrap_or_default(),
                None if self.versions != 0 => &[],
                _ => magic,
            };
            need(from(magic) == from(&self.request.original.vermagic), "vermagic")?;
        }
        let layout = self.request.kernel.find(b"module_layout", "");
        need(layout.is_none_or(|layout| self.fits_version(b"module_layout", layout)), "version of struct module")?;
        let mut previous = None;
        while let Some(at) = self.tag("import_ns", previous)? {
            self.namespaces.extend(string(self.file, at));
            previous = Some(at);
        }
        let for_modules = self.namespaces.iter().any(|imported| imported.starts_with(b"module:"));
        need(!self.is_new() || !for_modules, "a module's namespace is imported")
    }

    /// `verify_namespace_is_imported`
    pub fn imports(&self, namespace: &[u8]) -> bool {
        let for_it = || self.is_new() && is_for_module(namespace, self.module_name());
        namespace.is_empty() || self.namespaces.contains(&namespace) || for_it()
    }

    fn module_name(&self) -> &'a [u8] {
        let at = self.section(self.module).offset.checked_add(self.machine.name_in_module());
        at.and_then(|at| string(self.file, at)).unwrap_or_default()
    }

    /// `module_license_taint_check`, `module_augment_kernel_taints`; `set_license` in 6.1.
    pub fn is_proprietary(&self) -> Step<bool> {
        const COMPATIBLE: [&[u8]; 6] =
            [b"GPL", b"GPL v2", b"GPL and additional rights", b"Dual BSD/GPL", b"Dual MIT/GPL", b"Dual MPL/GPL"];
        const OFFENDERS: [&[u8]; 2] = [b"driverloader", b"lve"];
        let license = self.first("license")?.unwrap_or(b"unspecified");
        Ok(!COMPATIBLE.contains(&license) || OFFENDERS.contains(&self.module_name()))
    }
}

/// `verify_module_namespace`: whether a namespace `module:a,b*` is for a module of this name.
fn is_for_module(namespace: &[u8], module: &[u8]) -> bool {
    let same = |a: u8, b: u8| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
    let Some(patterns) = namespace.strip_prefix(b"module:") else { return false };
    patterns.split(|byte| *byte == b',').any(|pattern| match pattern.strip_suffix(b"*") {
        Some(start) => start.len() <= module.len() && start.iter().zip(module).all(|(a, b)| same(*a, *b)),
        None => pattern.len() == module.len() && pattern.iter().zip(module).all(|(a, b)| same(*a, *b)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_for_modules() {
        assert!(is_for_module(b"module:kvm-intel,kvm-amd", b"kvm_amd"));
        assert!(is_for_module(b"module:cxl_*", b"cxl-core") && !is_for_module(b"module:cxl_", b"cxl_core"));
        assert!(!is_for_module(b"DMA_BUF", b"DMA_BUF"));
    }
}
