#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Puts symgate's gate in front of DKMS: install.sh [ROOT]. What is in /etc/symgate already stays as it is.

set -eu
here=$(dirname "$0")
root=${1-}

put() {
    install -D -m "$1" "$here/$2" "$root$3"
}

put 644 hook.bash /usr/lib/symgate/dkms-hook.bash
put 755 gate.sh /usr/lib/symgate/dkms-gate
put 755 symgate-dkms.sh /usr/sbin/symgate-dkms
if [ ! -e "$root/etc/symgate/dkms.conf" ]; then
    put 644 dkms.conf /etc/symgate/dkms.conf
fi
if [ -d "$root/etc/apt/apt.conf.d" ]; then
    put 644 apt.conf /etc/apt/apt.conf.d/80symgate-dkms
fi
# The last, so that DKMS asks nobody who is not there.
put 644 symgate.conf /etc/dkms/framework.conf.d/symgate.conf
