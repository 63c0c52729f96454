# SPDX-License-Identifier: MIT OR Apache-2.0
# dh --with symgate. Goes to /usr/share/perl5/Debian/Debhelper/Sequence/symgate.pm.
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

# Before dh_strip, whatever else an addon puts there, and also for packages of Architecture: all, for which dh does not strip.
insert_before('dh_missing', 'dh_symgate');

1;
