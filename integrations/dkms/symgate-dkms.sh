#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Looks after the gate in front of DKMS. Goes to /usr/sbin/symgate-dkms.

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

usage() {
    cat <<'USAGE'
usage: symgate-dkms hook    whether the DKMS that is installed asks the gate; exit status 1 if it does not
       symgate-dkms check   judge what DKMS has installed already; exit status as symgate's
USAGE
}

hook() {
    if ! command -v dkms >/dev/null; then
        return 0
    fi
    if [ "$(SYMGATE_DKMS_PROBE=1 dkms status 2>/dev/null)" != symgate-dkms-hook ]; then
        echo "ERROR: symgate: DKMS does not ask symgate before it installs modules: see /etc/dkms/framework.conf.d/symgate.conf" >&2
        return 1
    fi
}

# Where a module is that DKMS put in place: beside the kernel's own, under the name that DKMS keeps it by.
installed() {
    find "/lib/modules/$1/" -path "/lib/modules/$1/kernel" -prune -o -name "$2" -type f -print -quit
}

check() {
    worst=0
    list=$(dkms status) || return 2
    # As DKMS's own kernel hooks read it: evdi/1.12.0, 6.1.0-50-amd64, x86_64: installed
    while IFS=',:/ ' read -r package version kernel arch state; do
        [ "${state%% *}" = installed ] || continue
        set --
        for copy in "/var/lib/dkms/$package/$version/$kernel/$arch/module/"*.ko*; do
            module=$(installed "$kernel" "${copy##*/}")
            set -- "$@" "${module:-$copy}"
        done
        status=0
        /usr/lib/symgate/dkms-gate check "$package" "$version" "$kernel" /lib/modules "$@" || status=$?
        echo "$package/$version, $kernel: $([ "$status" = 0 ] && echo passes || echo "does not pass (exit status $status)")"
        [ "$status" -le "$worst" ] || worst=$status
    done <<LIST
$list
LIST
    return "$worst"
}

case ${1-} in
hook) hook ;;
check) hook && check ;;
*)
    usage
    exit 2
    ;;
esac
