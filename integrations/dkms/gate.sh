#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Judges the modules that DKMS is about to install. Goes to /usr/lib/symgate/dkms-gate.
#
#   dkms-gate judge PACKAGE VERSION KERNEL TREE MODULE...   exit status 0: they may be installed below TREE/KERNEL
#   dkms-gate check PACKAGE VERSION KERNEL TREE MODULE...   the same of what is installed; ends as symgate does
#   dkms-gate unknown                                       another DKMS than those that the gate fits

set -u
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# The operator's choices; an error in the file ends this, and so refuses.
SYMGATE=symgate
SYMGATE_DKMS=enforce
SYMGATE_CONTEXT=yes
SYMGATE_ASK=
if [ -e /etc/symgate/dkms.conf ]; then
    # shellcheck source-path=SCRIPTDIR source=dkms.conf
    . /etc/symgate/dkms.conf
fi

say() {
    printf '%s\n' "$*" >&2
}

# A name that nobody here has made, as one that does nothing to a terminal, nor to a shell that it is pasted into.
shown() {
    printf '%s' "$1" | tr -c 'A-Za-z0-9._+~:/-' '?'
}

# Ends with what the policy makes of a refusal.
refuse() {
    if [ "$SYMGATE_DKMS" = warn ]; then
        say "WARNING: symgate: $1: installed all the same, by SYMGATE_DKMS=warn in /etc/symgate/dkms.conf"
        exit 0
    fi
    say "ERROR: symgate: $1: not installed"
}

case $SYMGATE_DKMS in
enforce | warn) ;;
off) [ "${1-}" = check ] || exit 0 ;;
*)
    say "WARNING: symgate: SYMGATE_DKMS is '$(shown "$SYMGATE_DKMS")' in /etc/symgate/dkms.conf, taken for enforce; there are enforce, warn and off"
    SYMGATE_DKMS=enforce
    ;;
esac

case ${1-} in
judge | check) ;;
unknown)
    refuse "this DKMS has other functions than those that its gate fits"
    say "  symgate: it needs a newer symgate, or SYMGATE_DKMS=warn in /etc/symgate/dkms.conf for a time"
    exit 1
    ;;
*)
    say "ERROR: symgate: dkms-gate is for DKMS; see integrations/dkms/README.md"
    exit 2
    ;;
esac
if [ $# -lt 5 ]; then
    say "ERROR: symgate: dkms-gate $1 needs PACKAGE VERSION KERNEL TREE MODULE..."
    exit 2
fi
verb=$1 package=$2 version=$3 kernel=$4 tree=$5
shift 5
name="dkms package $(shown "$package/$version") for $(shown "$kernel")"

# A package without modules installs none.
[ $# -gt 0 ] || exit 0

first=$1 how=
set -- -- "$@"
# What the kernel exports is told by what the module was built against.
if [ -e "$tree/$kernel/build/Module.symvers" ]; then
    set -- --symvers "$tree/$kernel/build/Module.symvers" "$@"
    how=" --symvers $(shown "$tree/$kernel/build/Module.symvers")"
fi
# The kernel's own modules, where they are installed, show what their exports lead to in this very kernel.
if [ "$SYMGATE_CONTEXT" = yes ] && [ -d "$tree/$kernel/kernel" ] &&
    [ -f "$tree/$kernel/modules.order" ] && [ -f "$tree/$kernel/modules.builtin" ]; then
    set -- --context "$tree/$kernel" "$@"
    how="$how --context $(shown "$tree/$kernel")"
fi
status=0
# Nothing in the environment has a say: neither its dates nor its colours.
env -i PATH="$PATH" LC_ALL=C "$SYMGATE" check --profile distro --format kbuild --color never \
    --origin "dkms/$package" "$@" >&2 || status=$?
[ "$verb" = judge ] || exit "$status"

case $status in
0) exit 0 ;;
1) refuse "$name: denied, as said above" ;;
*)
    refuse "$name: could not be judged, and what nobody has judged does not pass (exit status $status)"
    exit 1
    ;;
esac
say "  symgate: to let it in: register it in /etc/symgate/modules.toml, with proof = [\"origin:dkms/$(shown "$package")\"]; this begins one:"
say "  symgate:     symgate registry new --origin dkms/$(shown "$package") $(shown "$first")"
say "  symgate: or waive it for a time in /etc/symgate/waivers.toml, with the same proof; this writes waivers for all that was said:"
say "  symgate:     symgate registry init --origin dkms/$(shown "$package") --owner WHO$how --from $(shown "$first")"
say "  symgate: or ask ${SYMGATE_ASK:-whoever answers for /etc/symgate}"
say "  symgate: and then: dkms install $(shown "$package/$version") -k $(shown "$kernel")"
exit 1
