#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Has rpmbuild ask symgate: install.sh [ROOT]. What is in /etc/symgate already stays as it is.

set -eu
here=$(dirname "$0")
root=${1-}

put() {
    install -D -m "$1" "$here/$2" "$root$3"
}

# What macros.symgate puts in the place of has to be what it knows.
if [ -z "$root" ] && [ ! -e /etc/rpm/macros.symgate ]; then
    # shellcheck disable=SC2016 # as it stands in rpm's own file
    known='%{?__debug_package:%{__debug_install_post}}%{__arch_install_post}%{__os_install_post}%{nil}'
    found=$(rpm --showrc | awk '/^-?[0-9]+[:=] / { is_it = sub(/^[^ ]+ __spec_install_post[^a-z_]/, "") } is_it' | tr -d ' \t\n')
    if [ "$found" != "$known" ]; then
        echo "ERROR: symgate: this rpm has another __spec_install_post than macros.symgate, which would stand in its place:" >&2
        echo "  symgate: it is $found; see integrations/rpm/README.md" >&2
        exit 1
    fi
fi

put 755 brp-symgate /usr/lib/rpm/brp-symgate
put 755 symgate-deps /usr/lib/rpm/symgate-deps
put 644 symgate.attr /usr/lib/rpm/fileattrs/symgate.attr
if [ ! -e "$root/etc/symgate/rpm.conf" ]; then
    put 644 rpm.conf /etc/symgate/rpm.conf
fi
# The last, so that rpm asks nobody who is not there.
put 644 macros.symgate /etc/rpm/macros.symgate
