# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The gate as a step of a module's build. In the module's Makefile (or Kbuild):
#
#     include /usr/share/symgate/kbuild/symgate.mk
#
# It puts symgate-modpost, which stands beside it, in modpost's place. kbuild reads a module's Makefile once more before it calls
# modpost (scripts/Makefile.modpost, 6.1 and 7.2); wherever else the Makefile is read, these lines do nothing.

ifneq ($(filter %/Makefile.modpost,$(MAKEFILE_LIST)),)
ifdef modpost-args

symgate-modpost := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))symgate-modpost

override MODPOST = $(symgate-modpost)

# kbuild runs modpost again if its command line has changed: what is linked in behind modpost's back belongs to it here.
symgate-link := $(strip $(KBUILD_LDFLAGS_MODULE) $(LDFLAGS_MODULE) $(SYMGATE) $(SYMGATE_FLAGS))
modpost-args += --symgate-link='$(subst ','\'',$(symgate-link))'

# They may stand in the Makefile, too.
ifdef SYMGATE
export SYMGATE
endif
ifdef SYMGATE_FLAGS
export SYMGATE_FLAGS
endif

else
$(warning symgate: this kernel's scripts/Makefile.modpost is older than 6.0; the modules are not checked)
endif
endif
