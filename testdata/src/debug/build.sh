#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Builds testdata/debug anew: one source, with debug info of all kinds. Needs gcc, and gcc for arm64.
set -eu
cd "$(dirname "$0")"
out=../../debug
flags="-O2 -g -ffreestanding -fno-pie -fno-asynchronous-unwind-tables -fdebug-prefix-map=$PWD=/src/debug"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
mkdir -p $out

build() { # NAME GCC LD FLAGS...
	name=$1 gcc=$2 ld=$3
	shift 3
	$gcc $flags "$@" -c sg_debug.c -o "$work/one.o"
	$gcc $flags "$@" -c sg_debug.mod.c -o "$work/two.o"
	$ld -r --build-id=sha1 "$work/one.o" "$work/two.o" -o "$out/$name"
}

x86="-mcmodel=kernel -fcf-protection=none"
build dwarf5.ko gcc ld $x86
build dwarf4.ko gcc ld $x86 -gdwarf-4
build i386.ko gcc "ld -m elf_i386" -m32 -fcf-protection=none
build arm64.ko aarch64-linux-gnu-gcc aarch64-linux-gnu-ld
objcopy --compress-debug-sections=zlib $out/dwarf5.ko $out/zlib.ko
objcopy --compress-debug-sections=zlib-gnu $out/dwarf5.ko $out/zdebug.ko
objcopy --compress-debug-sections=zstd $out/dwarf5.ko $out/zstd.ko
objcopy --only-keep-debug $out/dwarf5.ko $out/only.debug
objcopy --strip-debug $out/dwarf5.ko $out/stripped.ko
# The relative name is the one in the file.
gcc $flags $x86 -gsplit-dwarf -c sg_debug.c -o sg_debug.o
mv sg_debug.o $out/split.ko
rm sg_debug.dwo

# The same in two files each with debug info in files of its own, as CONFIG_DEBUG_INFO_SPLIT leaves it: a module, two .dwo files
# (whose names in the module are split/...), the package that dwp makes of them, and all of it in one file.
split() { # VERSION
	name=split$1
	mkdir split
	for file in sg_debug sg_debug.mod; do
		gcc $flags $x86 -gdwarf-$1 -gsplit-dwarf -c $file.c -o split/$file.o
	done
	ld -r --build-id=sha1 split/sg_debug.o split/sg_debug.mod.o -o $out/$name.ko
	mv split/sg_debug.dwo $out/$name.dwo
	mv split/sg_debug.mod.dwo $out/$name.mod.dwo
	rm -r split
	$dwp -o $out/$name.dwp $out/$name.dwo $out/$name.mod.dwo
	set --
	for section in $(objdump -h $out/$name.dwp | sed -n 's/^ *[0-9]* \(\.debug_[^ ]*\) .*/\1/p'); do
		objcopy -O binary --only-section=$section --set-section-flags $section=alloc $out/$name.dwp "$work/$section"
		set -- "$@" --add-section "$section=$work/$section"
	done
	objcopy "$@" $out/$name.ko $out/$name.all
}

# That of binutils packs no DWARF 5.
dwp=dwp split 4
dwp=llvm-dwp split 5
