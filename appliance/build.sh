#!/bin/bash
# Builds the appliance's disk image: Debian with Docker Engine, HAProxy, the agent and appliancectl, on one GPT disk. No
# loop device and no mount is needed. Packages come from packages.lock, by digest; the same inputs give the same bytes.
#
#   appliance/build.sh [OPTION]...
#
#   --root FILE       the vendor's root.json: whose releases the appliance runs (as `appliancectl bundle keys init` made it)
#   --bundle FILE     an application built in: installed at first boot, with no network; needs --root
#   --config FILE     /etc/appliance-agent/agent.yaml; appliance/image/agent.yaml otherwise
#   --disk-size SIZE  of the virtual disk (8G); a disk that is enlarged later is taken up at the next boot
#   --format LIST     of raw,qcow2,ova,vhdx (all); what they are for is in appliance/formats.sh
#   --out DIR         where to (artifacts/appliance)
#   --name NAME       of the files, NAME.raw and so on (appliance)
#   --bare            Debian with the same packages and nothing of ours: what figures are compared with
#   --update-lock     writes packages.lock anew from the machine's Debian mirror, and builds nothing
#
#   DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR   where packages are fetched from (as the machine's apt sources say)
#   SOURCE_DATE_EPOCH                       dates the image (as packages.lock says)
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
source "$root/scripts/debian.sh"

here=$root/appliance
cache=$root/artifacts/appliance/cache
readonly suite=trixie

# The disk, in MiB. What is on it is described in docs/decisions/0009-appliance-image.md.
readonly esp_start=1 esp_size=256 system_size=1536 data_size=256
readonly disk_id=6f1d1c0e-5d0c-4f3e-9a55-1f3a3c1f9c10
readonly esp_part=6f1d1c0e-5d0c-4f3e-9a55-1f3a3c1f9c11 esp_volume=a9911a9c
readonly system_part=6f1d1c0e-5d0c-4f3e-9a55-1f3a3c1f9c12
readonly data_part=6f1d1c0e-5d0c-4f3e-9a55-1f3a3c1f9c13
# Of the Discoverable Partitions Specification: what the firmware, systemd and systemd-repart know the partitions as.
readonly type_esp=c12a7328-f81f-11d2-ba4b-00a0c93ec93b
readonly type_system=4f68bce3-e8cd-4db1-96e7-fbcaf984b709
readonly type_data=0fc63daf-8483-4772-8e79-3d69d8477de4

usage() {
    say "usage: appliance/build.sh [--root FILE] [--bundle FILE] [--config FILE] [--disk-size SIZE] [--format LIST]"
    say "                          [--out DIR] [--name NAME] [--bare] [--update-lock]"
    exit 2
}

# The packages.

# update_lock: resolves packages.list against the mirror, with apt, as if on an empty machine.
update_lock() {
    local apt=$work/apt names section epoch lists=() keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirrors
    mkdir -p "$apt"/{lists/partial,cache/archives/partial}
    : >"$apt/status"
    cat >"$apt/sources.list" <<SOURCES
deb [signed-by=$keyring] $mirror $suite main
deb [signed-by=$keyring] $mirror $suite-updates main
deb [signed-by=$keyring] $security $suite-security main
SOURCES
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::ForceHash "sha256";
CONF
    say "Reading the package lists of $suite"
    APT_CONFIG=$apt/apt.conf apt-get -q update >"$work/apt.log" 2>&1 || {
        tail -n 20 "$work/apt.log" >&2
        die "the package lists could not be fetched: see above"
    }
    # The image is dated by its packages: the newest list that it was resolved from.
    epoch=$(sed -n 's/^Date: //p' "$apt"/lists/*Release | while read -r day; do date -u -d "$day" +%s; done | sort -n | tail -1)
    {
        echo "# Written by appliance/build.sh --update-lock: every package of the image and of the tools that make it."
        echo "# section archive path size sha256"
        echo "epoch $epoch"
        for section in image tools; do
            names=$(sed -n "s/^$section[[:space:]]\+//p" "$here/packages.list")
            [[ $section != image ]] || names="?essential $names"
            # One line a package: 'URI' name size SHA256:digest
            # shellcheck disable=SC2086
            APT_CONFIG=$apt/apt.conf apt-get -q -y --print-uris install $names >"$work/uris" 2>"$work/apt.log" || {
                tail -n 20 "$work/apt.log" >&2
                die "the packages of packages.list could not be resolved: see above"
            }
            sed -n "s/^'\([^']*\)' [^ ]* \([0-9]*\) SHA256:\([0-9a-f]*\)$/\1 \2 \3/p" "$work/uris" |
                while read -r uri size digest; do
                    case $uri in
                        "$security"/*) echo "$section security ${uri#"$security"/} $size $digest" ;;
                        "$mirror"/*) echo "$section debian ${uri#"$mirror"/} $size $digest" ;;
                        *) die "$uri is of no archive that was asked" ;;
                    esac
                done | sort
        done
    } >"$work/packages.lock"
    grep -q '^tools ' "$work/packages.lock" || die "apt-get printed no package: $(tail -n 3 "$work/uris")"
    mv "$work/packages.lock" "$here/packages.lock"
    say "Wrote appliance/packages.lock: $(grep -c '^image ' "$here/packages.lock") packages in the image, $(grep -c '^tools ' "$here/packages.lock") of tools"
}

# fetch: every locked package in the cache, under its own name, and of its own digest.
fetch() {
    local section archive path size digest file uri missing=()
    mkdir -p "$cache/debs"
    # What another lock file named is not kept for ever.
    find "$cache/debs" -type f -printf '%f\n' | sort >"$work/held"
    sed -n 's/^\(image\|tools\) [a-z]* [^ ]*\/\([^ /]*\) .*/\2/p' "$here/packages.lock" | sort -u >"$work/wanted"
    comm -23 "$work/held" "$work/wanted" | while read -r file; do rm "$cache/debs/$file"; done

    while read -r section archive path size digest; do
        [[ $section == image || $section == tools ]] || continue
        file=$cache/debs/${path##*/}
        if [[ ! -e $file ]]; then
            ((${#missing[@]})) || mirrors
            uri=$mirror/$path
            [[ $archive == debian ]] || uri=$security/$path
            missing+=("$uri" "$work/fetched/${path##*/}" "SHA256:$digest")
        elif [[ $(stat -c %s "$file") != "$size" ]]; then
            die "$file does not have the $size bytes of packages.lock: remove it and run this again"
        fi
    done < <(sort -u -k 3,3 "$here/packages.lock")
    ((${#missing[@]})) || return 0

    say "Fetching $((${#missing[@]} / 3)) packages"
    mkdir "$work/fetched"
    /usr/lib/apt/apt-helper download-file "${missing[@]}" >"$work/fetch.log" 2>&1 || {
        tail -n 5 "$work/fetch.log" >&2
        die "not every locked package could be fetched. A mirror keeps only the newest: set DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR to one that keeps all (a snapshot of the archive), or take newer packages by appliance/build.sh --update-lock"
    }
    # Whole, and of their digests.
    mv "$work/fetched"/* "$cache/debs/"
}

# locked SECTION: lists the files of a section in $work/SECTION.files, after a look at every byte.
locked() {
    sed -n "s/^$1 [a-z]* \([^ ]*\) [0-9]* \([0-9a-f]*\)$/\2  \1/p" "$here/packages.lock" |
        sed "s|  .*/|  $cache/debs/|" >"$work/$1.sums"
    sha256sum --quiet --check "$work/$1.sums" >&2 || die "a cached package is not the one that packages.lock names: remove what is said above and run this again"
    sed 's/^[0-9a-f]*  //' "$work/$1.sums" >"$work/$1.files"
}

# The tools, unpacked and run beside the machine's own with their own libraries: an image does not depend on who builds it.
unpack_tools() {
    local stamp file
    stamp=$({
        grep '^tools ' "$here/packages.lock"
        declare -f unpack_tools
    } | sha256sum | cut -c 1-16)
    tools=$cache/tools-$stamp
    [[ ! -d $tools ]] || return 0
    say "Unpacking the tools"
    rm -rf "$cache"/tools-*
    locked tools
    mkdir -p "$work/tools"/usr/{bin,sbin,lib,lib64}
    for file in bin sbin lib lib64; do ln -s "usr/$file" "$work/tools/$file"; done
    while read -r file; do dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink -C "$work/tools"; done <"$work/tools.files"
    mv "$work/tools" "$tools"
}

tool() {
    local path=$tools/usr/sbin/$1 lib=$tools/usr/lib/x86_64-linux-gnu
    [[ -e $path ]] || path=$tools/usr/bin/$1
    LC_ALL=C.UTF-8 MKE2FS_CONFIG=$tools/etc/mke2fs.conf GCONV_PATH=$lib/gconv \
        "$tools/lib64/ld-linux-x86-64.so.2" --argv0 "$1" --library-path "$lib" "$path" "${@:2}"
}

# base: a tar of the packages, installed and configured the same for every appliance; kernel and initrd apart.
base() {
    local stamp repo=$work/repo file digest excludes=() path
    stamp=$({
        grep '^image ' "$here/packages.lock"
        echo "$SOURCE_DATE_EPOCH"
        mmdebstrap --version
        declare -f base
        cat "$here/image/base.sh" "$here/image/excluded"
        tree_of "$here/image/initramfs"
        sha256sum <"$here/systemd/appliance-agent.sysusers.conf"
    } | sha256sum | cut -c 1-16)
    base=$cache/base-$stamp
    [[ ! -d $base ]] || return 0
    rm -rf "$cache"/base-*

    say "Installing $(grep -c '^image ' "$here/packages.lock") packages into a tree"
    mkdir -p "$repo" "$work/base"
    locked image
    copy "$here/image/initramfs" "$work/initramfs"
    while read -r file; do
        # By digest: apt takes a percent sign in a name for an escape.
        digest=$(grep -F "  $file" "$work/image.sums" | cut -c 1-64)
        ln "$file" "$repo/$digest.deb" 2>/dev/null || cp "$file" "$repo/$digest.deb"
        dpkg-deb --field "$file"
        printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$digest" "$(stat -c %s "$file")" "$digest"
    done <"$work/image.files" >"$repo/Packages"
    # mmdebstrap looks for essential packages in the suite of this name.
    cat >"$repo/Release" <<RELEASE
Suite: $suite
Codename: $suite
SHA256:
 $(sha256sum <"$repo/Packages" | cut -d ' ' -f 1) $(stat -c %s "$repo/Packages") Packages
RELEASE
    while read -r path; do
        [[ -z $path || $path == \#* ]] || excludes+=(--dpkgopt="path-exclude=$path")
    done <"$here/image/excluded"
    # Later wins: who may use and redistribute what stays with it.
    excludes+=(--dpkgopt='path-include=/usr/share/doc/*/copyright')

    # shellcheck disable=SC2016
    mmdebstrap --quiet --mode=root --variant=essential --format=tar --architectures=amd64 \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        "${excludes[@]}" \
        --include="$(sed -n 's/^Package: //p' "$repo/Packages" | paste -sd ,)" \
        --essential-hook="mkdir -p \"\$1/etc/initramfs-tools\" && cp -R '$work/initramfs/.' \"\$1/etc/initramfs-tools/\"" \
        --customize-hook="upload '$here/systemd/appliance-agent.sysusers.conf' /usr/lib/sysusers.d/appliance-agent.conf" \
        --customize-hook="sh '$here/image/base.sh' \"\$1\"" \
        --customize-hook="copy-out /boot '$work/base'" \
        --customize-hook='rm -rf "$1"/boot/*' \
        "$suite" "$work/base/tree.tar" "deb [trusted=yes] copy:$repo ./" \
        >"$work/mmdebstrap.log" 2>&1 || {
        tail -n 30 "$work/mmdebstrap.log" >&2
        die "mmdebstrap failed: see above"
    }
    mv "$work/base/boot"/vmlinuz-* "$work/base/vmlinuz"
    mv "$work/base/boot"/initrd.img-* "$work/base/initrd"
    rm -r "$work/base/boot"
    mv "$work/base" "$base"
}

tree_of() { (cd "$1" && find . -printf '%P %l\n' \( -perm /100 -type f -printf 'x %P\n' -o -true \) -type f -exec sha256sum {} + | sort); }

# copy FOLDER TO: modes as everywhere, whatever the checkout's are.
copy() {
    cp -R "$1/." "$2"
    chmod -R u=rwX,go=rX "$2"
}

# The image.

# pack ARCHIVE FOLDER: appends what is in the folder, but for the folders that the archive has; owned by root, dated by
# the epoch.
pack() {
    { [[ ! -e $1 ]] || tar --list --file="$1"; } | sed -n 's|^\(\./\)\?\(.*\)/$|\2|p' | sort >"$work/folders"
    (cd "$2" && find . -mindepth 1 -printf '%P\n' | sort) | comm -13 "$work/folders" - |
        tar --append --file="$1" --directory="$2" --format=pax --pax-option=delete=atime,delete=ctime \
            --no-recursion --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --files-from=-
}

put() { install -D -m "$1" "$2" "$layer/$3"; }

# layer_of_appliance, layer_of_bare: what comes on top of the packages.
layer_of_appliance() {
    copy "$here/image/rootfs" "$layer"
    put 755 "$root/artifacts/bin/appliance-agent" usr/bin/appliance-agent
    put 755 "$root/artifacts/bin/appliancectl" usr/bin/appliancectl
    put 644 "$here/systemd/appliance-agent.service" usr/lib/systemd/system/appliance-agent.service
    put 644 "$here/systemd/appliance-ingress.service" usr/lib/systemd/system/appliance-ingress.service
    put 644 "$here/systemd/appliance-shutdown.service" usr/lib/systemd/system/appliance-shutdown.service
    put 644 "$config" etc/appliance-agent/agent.yaml
    [[ -z $pinned ]] || put 644 "$pinned" etc/appliance-agent/root.json
    [[ -z $bundle ]] || put 644 "$bundle" usr/share/appliance-agent/first.bundle
    cat >"$layer/etc/fstab" <<FSTAB
# What must outlive the system is on the data partition: it grows with the disk. The engine unpacks images without
# waiting for the disk, and after a power cut takes what it finds of them for whole: with nodelalloc files get to the disk
# in the order in which they were written (docs/decisions/0012-power-cuts.md).
PARTUUID=$system_part / ext4 rw,noatime 0 1
PARTUUID=$data_part /data ext4 noatime,nosuid,nodev,nodelalloc,x-systemd.growfs 0 2
/data/appliance-agent /var/lib/appliance-agent none bind 0 0
/data/journal /var/log/journal none bind 0 0
FSTAB
    mkdir -p "$layer"/data "$layer/var/lib/appliance-agent" "$layer/var/log/journal"
    chmod 700 "$layer/var/lib/appliance-agent"
}

layer_of_bare() {
    mkdir -p "$layer/etc"
    echo "PARTUUID=$system_part / ext4 rw,noatime 0 1" >"$layer/etc/fstab"
}

esp() {
    local volume=$1 entry=$work/entry
    cat >"$work/loader.conf" <<LOADER
timeout menu-disabled
editor no
LOADER
    # The last console is where the system's own messages go; people and the serial line get both.
    cat >"$entry" <<ENTRY
title Appliance
linux /appliance/vmlinuz
initrd /appliance/initrd
options root=PARTUUID=$system_part rootfstype=ext4 rw fsck.repair=yes panic=10 quiet console=ttyS0,115200 console=tty0
ENTRY
    truncate -s "${esp_size}M" "$volume"
    tool mkfs.vfat --invariant -F 32 -i "$esp_volume" -n ESP "$volume" >/dev/null
    export MTOOLS_SKIP_CHECK=1 TZ=UTC
    tool mmd -i "$volume" ::/EFI ::/EFI/BOOT ::/EFI/systemd ::/loader ::/loader/entries ::/appliance
    local boot=$tools/usr/lib/systemd/boot/efi/systemd-bootx64.efi
    touch --date="@$SOURCE_DATE_EPOCH" "$work/loader.conf" "$entry"
    tool mcopy -m -i "$volume" "$boot" ::/EFI/BOOT/BOOTX64.EFI
    tool mcopy -m -i "$volume" "$boot" ::/EFI/systemd/systemd-bootx64.efi
    tool mcopy -m -i "$volume" "$work/loader.conf" ::/loader/loader.conf
    tool mcopy -m -i "$volume" "$entry" ::/loader/entries/appliance.conf
    tool mcopy -i "$volume" "$base/vmlinuz" ::/appliance/vmlinuz
    tool mcopy -i "$volume" "$base/initrd" ::/appliance/initrd
}

# ext4 VOLUME MIB LABEL UUID TAR [OPTION]...: a file system of what is in the tar.
ext4() {
    local volume=$1 size=$2 label=$3 uuid=$4 content=$5
    truncate -s "${size}M" "$volume"
    tool mke2fs -q -t ext4 -F -L "$label" -U "$uuid" -E "hash_seed=$uuid,root_owner=0:0,assume_storage_prezeroed=1" "${@:6}" -d "$content" "$volume"
}

# place VOLUME MIB: into the disk at that offset, holes left holes.
place() { dd if="$1" of="$work/disk.raw" bs=1M seek="$2" conv=sparse,notrunc status=none; }

disk() {
    local system_start=$((esp_start + esp_size)) data_start=$((esp_start + esp_size + system_size)) layout
    layout="label: gpt
label-id: $disk_id
first-lba: 2048
start=${esp_start}MiB, size=${esp_size}MiB, type=$type_esp, uuid=$esp_part, name=esp
start=${system_start}MiB, size=${system_size}MiB, type=$type_system, uuid=$system_part, name=system"
    say "Making the disk"
    layer=$work/layer
    mkdir "$layer"
    layer_of_"$kind"
    cp "$base/tree.tar" "$work/tree.tar"
    pack "$work/tree.tar" "$layer"
    esp "$work/esp"
    ext4 "$work/system" $system_size system "$system_part" "$work/tree.tar" -m 1
    rm "$work/tree.tar"
    if [[ $kind == appliance ]]; then
        layout+="
start=${data_start}MiB, size=${data_size}MiB, type=$type_data, uuid=$data_part, name=data"
        mkdir -p "$work/data"/{docker,containerd,appliance-agent,journal}
        chmod 710 "$work/data/docker"
        chmod 700 "$work/data/appliance-agent" "$work/data/containerd"
        pack "$work/data.tar" "$work/data"
        # As for the large disk that it becomes: a small file system's defaults would stay with it for good. No blocks
        # are kept for root, which writes all that is here.
        ext4 "$work/volume" $data_size data "$data_part" "$work/data.tar" -m 0 -b 4096 -i 16384 -J size=64
    fi
    truncate -s "$disk_size" "$work/disk.raw"
    tool sfdisk --quiet --no-reread --no-tell-kernel "$work/disk.raw" <<<"$layout" ||
        die "the partitions do not fit on a disk of $disk_size: give --disk-size at least 4G"
    place "$work/esp" $esp_start
    place "$work/system" $system_start
    [[ $kind == bare ]] || place "$work/volume" $data_start
    rm -f "$work"/{esp,system,volume}
}

# What the outputs follow from.
inputs() {
    {
        printf '%s\n' "$kind" "$disk_size" "$SOURCE_DATE_EPOCH" "${PRODUCT:-}" "${VENDOR:-}"
        mmdebstrap --version
        qemu-img --version
        cat "$here/packages.lock" "$here/build.sh" "$here/formats.sh"
        tree_of "$here/image"
        tree_of "$here/ova"
        tree_of "$here/systemd"
        [[ $kind == bare ]] || cat "$root"/artifacts/bin/.{appliance-agent,appliancectl}.stamp
        for file in "$config" "$pinned" "$bundle"; do
            echo "--"
            [[ -z $file ]] || sha256sum <"$file"
        done
    } | sha256sum | cut -d ' ' -f 1
}

bundle='' pinned='' config='' disk_size=8G formats=raw,qcow2,ova,vhdx out=$root/artifacts/appliance name='' kind=appliance lock_only=
while (($#)); do
    case $1 in
        --bare) kind=bare ;;
        --update-lock) lock_only=1 ;;
        --bundle | --root | --config | --disk-size | --format | --out | --name)
            [[ -n ${2:-} ]] || usage
            case $1 in
                --bundle) bundle=$2 ;;
                --root) pinned=$2 ;;
                --config) config=$2 ;;
                --disk-size) disk_size=$2 ;;
                --format) formats=$2 ;;
                --out) out=$2 ;;
                --name) name=$2 ;;
            esac
            shift
            ;;
        *) usage ;;
    esac
    shift
done
name=${name:-$kind}
for file in "$bundle" "$pinned" "$config"; do
    [[ -z $file || -f $file ]] || die "$file is not a file"
done
[[ -z $bundle || -n $pinned ]] || die "--bundle needs --root: the root.json that says whose releases this appliance runs"
[[ $name =~ ^[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$ ]] || die "--name '$name': letters, digits and hyphens, at most 63"
[[ $disk_size =~ ^[1-9][0-9]*[MGT]$ ]] || die "--disk-size '$disk_size': a number and M, G or T"
[[ $formats =~ ^(raw|qcow2|ova|vhdx)(,(raw|qcow2|ova|vhdx))*$ ]] || die "--format '$formats': raw, qcow2, ova, vhdx, with commas between"
[[ $kind == appliance || -z $bundle$pinned$config ]] || die "--bare takes nothing of an application"
config=${config:-$here/image/agent.yaml}

require_root
# Neither what is in the image nor its modes depend on the machine's mask.
umask 022
mkdir -p "$cache" "$out"
lock "$root/artifacts/locks/appliance" "another build of an image"
# What a build that was killed has left; we hold the lock.
rm -rf --one-file-system "$cache"/work-*
work=$(mktemp -d "$cache/work-XXXXXX")
# apt reads from it as a user of its own.
chmod 755 "$work"
trap 'rm -rf --one-file-system "$work"' EXIT

if [[ -n $lock_only ]]; then
    update_lock
    exit 0
fi

install_missing mmdebstrap qemu-utils
"$root/build.sh" 9>&-
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(sed -n 's/^epoch //p' "$here/packages.lock")}

stamp=$(inputs)
if [[ $(cat "$out/.$name.stamp" 2>/dev/null) != "$stamp" || ! -e $out/$name.raw ]]; then
    fetch
    unpack_tools
    base
    disk
    rm -f "$out/.$name.stamp" "$out/$name".{qcow2,ova,vhdx}
    mv "$work/disk.raw" "$out/$name.raw"
    printf '%s\n' "$stamp" >"$out/.$name.stamp"
fi
missing=()
for format in ${formats//,/ }; do
    [[ $format == raw || -e $out/$name.$format ]] || missing+=("$format")
done
if ((${#missing[@]})); then
    "$here/formats.sh" "$out/$name.raw" "$out" "$name" "$("$root/artifacts/bin/appliancectl" --version)" "${missing[@]}" 9>&-
fi
for format in raw ${formats//,/ }; do
    printf '%s\n' "$out/$name.$format"
done | sort -u
