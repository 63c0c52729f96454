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
