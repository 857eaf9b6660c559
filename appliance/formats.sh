#!/bin/bash
# Converts a raw disk to what hypervisors import: NAME.qcow2 (KVM, Proxmox, OpenStack, Nutanix), NAME.ova (VMware,
# VirtualBox, and most others) and NAME.vhdx (Hyper-V, generation 2). The same disk, name and version give the same bytes.
# What importers ask of these files, and where that is known from: docs/decisions/0010-disk-formats.md.
#
#   appliance/formats.sh RAW OUTDIR NAME VERSION [qcow2|ova|vhdx]...
#
# SOURCE_DATE_EPOCH dates the files in the OVA (1970 otherwise); PRODUCT and VENDOR are shown to who imports it.
set -euo pipefail
export LC_ALL=C
shopt -s inherit_errexit

usage='usage: formats.sh RAW OUTDIR NAME VERSION [qcow2|ova|vhdx]...'
raw=${1:?$usage}
out=${2:?$usage}
name=${3:?$usage}
version=${4:?$usage}
formats=("${@:5}")
((${#formats[@]})) || formats=(qcow2 ova vhdx)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
epoch=${SOURCE_DATE_EPOCH:-0}
product=${PRODUCT:-$name}
vendor=${VENDOR:-}

# What the appliance asks for. Virtual hardware 14 is that of vSphere 6.7: every vSphere, Workstation and Fusion that is
# still maintained runs it, and it is the first one that may be given a virtual TPM.
readonly hardware=vmx-14 cpus=2 memory=2048
readonly MiB=$((1024 * 1024))

say() { printf '%s\n' "$*" >&2; }
die() {
    printf 'formats.sh: %s\n' "$*" >&2
    exit 1
}

# Importers make a virtual machine's name, a file's name and a host's name of it.
[[ $name =~ ^[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$ ]] || die "'$name' cannot be a virtual machine's name: letters, digits and hyphens, at most 63"
[[ $version =~ ^[0-9A-Za-z][0-9A-Za-z._+-]{0,63}$ ]] || die "'$version' cannot be a version"
[[ $epoch =~ ^[0-9]{1,10}$ ]] || die "SOURCE_DATE_EPOCH is '$epoch', and not seconds since 1970"
for format in "${formats[@]}"; do
    [[ $format =~ ^(qcow2|ova|vhdx)$ ]] || die "unknown format '$format': qcow2, ova or vhdx"
done
for tool in qemu-img tar sha256sum flock; do
    command -v $tool >/dev/null || die "$tool is missing: apt-get install qemu-utils tar coreutils util-linux"
done
[[ -f $raw ]] || die "there is no disk $raw"
size=$(stat -L -c %s "$raw")
# Sizes are told in MiB, and Azure refuses a disk that is not a whole number of them.
((size > 0 && size % MiB == 0)) || die "$raw has $size bytes: a disk is a whole number of MiB"

# Everything is made in a folder beside its destination, and renamed when it is whole and has been read back. Who was
# killed leaves that folder, which the next run removes; the lock is held by what a killed run has left running, too.
mkdir -p "$out"
exec 8<"$out"
flock --nonblock 8 || {
    say "Waiting for another conversion into $out"
    flock 8
}
work=$out/.$name.formats
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# Writes BYTES (as printf's %b takes them) over those at OFFSET of FILE.
patch() {
    local file=$1 offset=$2
    printf '%b' "$3" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# convert FILE FORMAT [OPTION...]
convert() {
    local file=$1 format=$2 progress=()
    shift 2
    say "Converting to $(basename "$file")"
    [[ ! -t 2 ]] || progress=(-p)
    qemu-img convert "${progress[@]}" -f raw -O "$format" "$@" "$raw" "$file" >&2
}

# read_back FILE FORMAT: fails unless it is sound and holds what the disk holds.
read_back() {
    local file=$1 format=$2
    say "Reading $(basename "$file") back"
    qemu-img check -q -f "$format" "$file" >&2 || die "$(basename "$file") is damaged"
    qemu-img compare -q -f raw -F "$format" "$raw" "$file" >&2 || die "$(basename "$file") does not hold what $raw holds"
}

publish() {
    mv -f "$work/$1" "$out/$1"
    say "$out/$1: $(($(stat -c %s "$out/$1") / MiB)) MiB"
}

# zlib: QEMU reads zstd since 5.1 only, other readers of qcow2 do not at all, and there is little to gain.
make_qcow2() {
    convert "$work/$name.qcow2" qcow2 -c -o compat=1.1,compression_type=zlib
    read_back "$work/$name.qcow2" qcow2
    publish "$name.qcow2"
}

make_ova() {
    local disk=$name-disk1.vmdk descriptor=$name.ovf
    make_vmdk "$work/$disk"
    describe "$work/$disk" >"$work/$descriptor"
    (cd "$work" && sha256sum --tag "$descriptor" "$disk" | sed 's/^SHA256 (\(.*\)) = /SHA256(\1)= /') >"$work/$name.mf"

    # The order is the standard's: an importer reads the descriptor and the manifest before the disk comes along.
    tar --create --file="$work/$name.ova" --directory="$work" --format=ustar --mtime="@$epoch" \
        --owner=0 --group=0 --numeric-owner --mode=0644 "$descriptor" "$name.mf" "$disk"
    rm "$work/$disk"
    publish "$name.ova"
}

make_vmdk() {
    local file=$1 offset
    convert "$file" vmdk -o "subformat=streamOptimized,adapter_type=lsilogic,hwversion=${hardware#vmx-}"
    # The content's id is drawn at random: it becomes a digest of the content.
    offset=$(head -c 16384 "$file" | grep --only-matching --byte-offset --text -m 1 '^CID=[0-9a-f]\{8\}$' | cut -d : -f 1)
    [[ -n $offset ]] || die "qemu-img wrote a VMDK without a content id"
    patch "$file" $((offset + 4)) 00000000
    patch "$file" $((offset + 4)) "$(content_id "$file")"
    read_back "$file" vmdk
}

# Eight hexadecimal digits. The first is 0, because ffffffff stands for "none".
content_id() {
    local digest
    digest=$(sha256 "$1")
    printf '0%s' "${digest:0:7}"
}

# describe VMDK: the OVF descriptor.
describe() {
    local file=$1
    fill "$here/ova/descriptor.ovf" DISK "$(basename "$file")" FILE_SIZE "$(stat -c %s "$file")" \
        CAPACITY $((size / MiB)) POPULATED "$(populated "$file")" NAME "$name" VERSION "$version" \
        PRODUCT "$product" VENDOR "$vendor" HARDWARE $hardware CPUS $cpus MEMORY $memory
}

# Bytes of the disk that hold something. Asked of the copy: how sparse the original is, its file system decides.
populated() {
    qemu-img map --output=json -f vmdk "$1" |
        sed -n 's/.*"length": \([0-9]*\),.*"data": true.*/\1/p' |
        awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# fill TEMPLATE KEY VALUE...: the template with each @KEY@ replaced.
fill() {
    local text
    text=$(<"$1")
    shift
    while (($#)); do
        text=${text//@$1@/"$(escape "$2")"}
        shift 2
    done
    [[ ! $text =~ @[A-Z_]+@ ]] || die "nothing was given for ${BASH_REMATCH[0]} in the OVF descriptor"
    printf '%s\n' "$text"
}

escape() {
    local text=$1
    [[ $text != *[[:cntrl:]]* ]] || die "control characters cannot be in the OVF descriptor"
    # In quotes, because an & outside of them may stand for what was matched. No @ is left for a later key to match.
    text=${text//'&'/'&amp;'}
    text=${text//'<'/'&lt;'}
    text=${text//'>'/'&gt;'}
    text=${text//'"'/'&quot;'}
    text=${text//'@'/'&#64;'}
    printf '%s' "$text"
}

# Blocks of 1 MiB: in the default ones, of up to 32 MiB, what a file system spreads over the disk takes many times its size.
make_vhdx() {
    local file=$work/$name.vhdx
    convert "$file" vhdx -o subformat=dynamic,block_size=$MiB
    read_back "$file" vhdx
    publish "$name.vhdx"
}

for format in "${formats[@]}"; do
    "make_$format"
done
