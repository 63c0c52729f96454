# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# What symgate.conf puts into DKMS: before modules are installed, whatever asks for that, they are judged.
# Goes to /usr/lib/symgate/dkms-hook.bash. DKMS reads it again and again.

# What the paths and arrays of DKMS are named; it is seen to that the functions are there.
# shellcheck disable=SC2154
symgate_judge() {
    local symgate_folder="$dkms_tree/$module/$module_version/$kernelver/$arch/module"
    local symgate_name symgate_file
    local -a symgate_files=()
    set_module_suffix "$kernelver"
    read_conf_or_die "$kernelver" "$arch"
    for symgate_name in "${dest_module_name[@]}"; do
        symgate_file=$(compressed_or_uncompressed "$symgate_folder" "$symgate_name")
        # What is not there can't be read, and that is no pass.
        symgate_files+=("${symgate_file:-$symgate_folder/$symgate_name.ko}")
    done
    /usr/lib/symgate/dkms-gate judge "$module" "$module_version" "$kernelver" "$install_tree" "${symgate_files[@]}"
}

if declare -F symgate_dkms_install >/dev/null; then
    :
elif declare -F do_install do_build is_module_built set_module_suffix read_conf_or_die compressed_or_uncompressed >/dev/null; then
    symgate_own=$(declare -f do_install)
    eval "symgate_dkms_install${symgate_own#do_install}"
    unset symgate_own

    # All ways to install go through this one. --force does not change what it says.
    do_install() {
        # As DKMS begins: what is not built yet can't be judged.
        is_module_built "$module" "$module_version" "$kernelver" "$arch" || do_build
        if ! symgate_judge; then
            echo "Error! symgate did not let $module/$module_version through; nothing was installed." >&2
            exit 101
        fi
        symgate_dkms_install "$@"
    }
else
    # Another DKMS, that nobody has looked at: what installs in it is not known.
    case " $(tr '\0' ' ' <"/proc/$$/cmdline") " in
    *" status "* | *" remove "* | *" uninstall "* | *" unbuild "* | *" kernel_prerm "*) ;;
    *) /usr/lib/symgate/dkms-gate unknown || exit 101 ;;
    esac
fi

# `symgate-dkms hook` asks whether it got here.
if [[ ${SYMGATE_DKMS_PROBE-} ]]; then
    declare -F symgate_dkms_install >/dev/null && echo "symgate-dkms-hook"
    exit 0
fi
