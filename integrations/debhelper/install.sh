#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Puts dh_symgate where debhelper looks: install.sh [ROOT].

set -eu
here=$(dirname "$0")
root=${1-}

install -D -m 755 "$here/dh_symgate" "$root/usr/bin/dh_symgate"
install -D -m 644 "$here/symgate.pm" "$root/usr/share/perl5/Debian/Debhelper/Sequence/symgate.pm"
if command -v pod2man >/dev/null; then
    install -d "$root/usr/share/man/man1"
    pod2man --section=1 --release=symgate --center=Debhelper --utf8 "$here/dh_symgate" "$root/usr/share/man/man1/dh_symgate.1"
fi
