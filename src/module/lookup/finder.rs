// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's functions by which a module finds others while it runs, and where each is told which.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// What a function gives who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gives {
    /// The address of what bears a name.
    Address,
    /// It is called where what bears a name is, and may change what that does.
    Hook,
    /// The names of addresses: who asks for enough of them finds any.
    Names,
}

/// Where a function is told what it is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By the name that this argument points to.
    Name(u8),
    /// By a pattern that this argument points to.
    Pattern(u8),
    /// By the name to which a field of what this argument points to does: at so many bytes where an address has eight of them,
    /// and where it has four.
    Field(u8, [i64; 2]),
    /// By the name of a `struct kprobe` to which this argument points, or by its address.
    Probe(u8),
    /// By all names to which what this argument points to leads.
    All(u8),
    /// By an address that the module has to have from elsewhere.
    Address(u8),
    /// By nothing: it shows all that there are.
    Nothing,
}

/// One such function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finder {
    pub(super) name: &'static str,
    pub(super) told: Told,
    pub(super) gives: Gives,
    /// Whether most who call it find nothing by a name: then nothing is to be said where none is told.
    pub(super) is_mostly_harmless: bool,
    /// Others that tell it what it is to find; it is told nothing if the module has none of them.
    pub(super) told_by: &'static [&'static str],
}

const fn finder(name: &'static str, gives: Gives, told: Told) -> Finder {
    Finder { name, told, gives, is_mostly_harmless: false, told_by: &[] }
}

/// `symbol_name` in `struct kprobe`, with which `struct kretprobe` begins: behind two lists, a counter and an address
/// (`include/linux/kprobes.h`, the same from 5.10 to 7.2).
pub(super) const SYMBOL_NAME: [i64; 2] = [48, 24];

/// `addr`, before that.
pub(super) const ADDRESS: [i64; 2] = [40, 20];

/// `kprobe_func` in `struct perf_event_attr` (`include/uapi/linux/perf_event.h`, the same from 5.10 to 7.2).
const KPROBE_FUNC: [i64; 2] = [56, 56];

const FILTERS: &[&str] =
    &["ftrace_set_filter", "ftrace_set_filter_ip", "ftrace_set_filter_ips", "ftrace_set_global_filter"];

/// All by name: what kernels from 5.10 to 7.2 export, what older ones and vendors' do, and what does the same within the kernel, at
/// which only another of these gets.
static FINDERS: [Finder; 37] = [
    // Its fourth argument is where the probe is to be (`kernel/trace/trace_kprobe.c`, 7.2).
    finder("__kprobe_event_gen_cmd_start", Gives::Hook, Told::Name(3)),
    finder("__symbol_get", Gives::Address, Told::Name(0)),
    finder("bpf_kallsyms_lookup_name", Gives::Address, Told::Name(0)),
    finder("find_kallsyms_symbol_value", Gives::Address, Told::Name(1)),
    finder("find_symbol", Gives::Address, Told::Name(0)),
    finder("ftrace_lookup_symbols", Gives::Address, Told::All(0)),
    finder("ftrace_set_filter", Gives::Hook, Told::Pattern(1)),
    finder("ftrace_set_filter_ip", Gives::Hook, Told::Address(1)),
    finder("ftrace_set_filter_ips", Gives::Hook, Told::Address(1)),
    finder("ftrace_set_global_filter", Gives::Hook, Told::Pattern(0)),
    finder("kallsyms_lookup_name", Gives::Address, Told::Name(0)),
    finder("kallsyms_lookup_names", Gives::Address, Told::Name(0)),
    finder("kallsyms_on_each_match_symbol", Gives::Address, Told::Name(1)),
    finder("kallsyms_on_each_symbol", Gives::Address, Told::Nothing),
    finder("kdbgetsymval", Gives::Address, Told::Name(0)),
    // A program that it loads may be attached to any function (`kernel/bpf/syscall.c`, 7.2).
    finder("kern_sys_bpf", Gives::Hook, Told::Nothing),
    finder("klp_enable_patch", Gives::Hook, Told::All(0)),
    finder("klp_find_object_symbol", Gives::Address, Told::Name(1)),
    finder("kprobe_lookup_name", Gives::Address, Told::Name(0)),
    finder("lookup_symbol_name", Gives::Names, Told::Nothing),
    finder("module_kallsyms_lookup_name", Gives::Address, Told::Name(0)),
    finder("module_kallsyms_on_each_symbol", Gives::Address, Told::Nothing),
    Finder {
        is_mostly_harmless: true,
        ..finder("perf_event_create_kernel_counter", Gives::Hook, Told::Field(0, KPROBE_FUNC))
    },
    finder("register_fprobe", Gives::Hook, Told::Pattern(1)),
    finder("register_fprobe_ips", Gives::Hook, Told::Address(1)),
    finder("register_fprobe_syms", Gives::Hook, Told::All(1)),
    Finder { told_by: FILTERS, ..finder("register_ftrace_direct", Gives::Hook, Told::Nothing) },
    Finder { told_by: FILTERS, ..finder("register_ftrace_function", Gives::Hook, Told::Nothing) },
    finder("register_kprobe", Gives::Hook, Told::Probe(0)),
    finder("register_kprobes", Gives::Hook, Told::All(0)),
    finder("register_kretprobe", Gives::Hook, Told::Probe(0)),
    finder("register_kretprobes", Gives::Hook, Told::All(0)),
    finder("resolve_symbol", Gives::Address, Told::Name(2)),
    finder("sprint_backtrace", Gives::Names, Told::Nothing),
    finder("sprint_symbol", Gives::Names, Told::Nothing),
    finder("sprint_symbol_build_id", Gives::Names, Told::Nothing),
    finder("sprint_symbol_no_offset", Gives::Names, Told::Nothing),
];

/// The function of this name, if it is one. Every import of every module is asked for.
pub(super) fn find(name: &str) -> Option<&'static Finder> {
    static BY_NAME: OnceLock<HashMap<&str, &Finder>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| FINDERS.iter().map(|finder| (finder.name, finder)).collect());
    by_name.get(name).copied()
}

/// Whether it gives addresses by names.
pub(super) fn gives_addresses(name: &str) -> bool {
    find(name).is_some_and(|finder| finder.gives == Gives::Address)
}

/// Whether what bears a name leads to the symbols of all: it gives addresses by names, or is a part of the kernel's tables of them
/// (`kernel/kallsyms.c`, `kernel/module/`, 7.2).
pub(super) fn leads_to_symbols(name: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "each_symbol_section",
        "find_exported_symbol_in_section",
        "find_module",
        "find_module_all",
        "get_symbol_pos",
        "module_address_lookup",
        "modules",
        "update_iter",
    ];
    gives_addresses(name) || name.contains("kallsym") || name.contains("ksymtab") || OTHERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_sorted() {
        assert!(FINDERS.is_sorted_by_key(|finder| finder.name));
        assert!(leads_to_symbols("modules") && leads_to_symbols("kallsyms_names") && !leads_to_symbols("vfs_read"));
        assert!(gives_addresses("__symbol_get") && !gives_addresses("register_kprobe") && !gives_addresses("printk"));
    }
}
