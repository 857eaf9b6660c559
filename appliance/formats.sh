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

# patch FILE OFFSET HEX: writes the bytes over those that are there.
patch() {
    printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=4096 oflag=seek_bytes seek="$2" conv=notrunc status=none
}

# hex FILE OFFSET LENGTH: the bytes, as hexadecimal digits.
hex() { dd if="$1" bs=65536 iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none | od -A n -v -t x1 | tr -d ' \n'; }

# Hexadecimal digits of a number, the least byte first: little HEX gives the number, to_little NUMBER BYTES the digits.
little() {
    local digits='' i
    for ((i = ${#1} - 2; i >= 0; i -= 2)); do
        digits+=${1:i:2}
    done
    printf '%d' "0x$digits"
}

to_little() {
    local i
    for ((i = 0; i < $2; i++)); do
        printf '%02x' $((($1 >> (8 * i)) & 255))
    done
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

# zlib: QEMU reads zstd since 5.1 only, who reads qcow2 without QEMU often not at all, and it is hardly smaller.
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
    local file=$1 digest
    convert "$file" vmdk -o "subformat=streamOptimized,adapter_type=lsilogic,hwversion=${hardware#vmx-}"
    # The content's id is drawn at random: it becomes a digest of the content. Its first digit stays 0, because ffffffff
    # stands for "none".
    put_content_id "$file" 00000000
    digest=$(sha256 "$file")
    put_content_id "$file" "0${digest:0:7}"
    # The end of the stream is marked by a sector of zeros, which qemu-img leaves to the size of its clusters.
    truncate -s +512 "$file"
    read_back "$file" vmdk
}

# put_content_id VMDK ID: into the descriptor, which is text in sectors 1 to 20. An id that qemu-img drew may be shorter
# than eight digits, so what follows it moves.
put_content_id() {
    local descriptor
    descriptor=$(dd if="$1" bs=512 skip=1 count=20 status=none | tr -d '\0')
    [[ $descriptor =~ $'\n'(CID=[0-9a-f]{1,8})$'\n' ]] || die "qemu-img wrote a VMDK without a content id"
    printf '%s\n' "${descriptor/"${BASH_REMATCH[1]}"$'\n'/"CID=$2"$'\n'}" >"$1.descriptor"
    truncate -s $((20 * 512)) "$1.descriptor"
    dd if="$1.descriptor" of="$1" bs=512 seek=1 conv=notrunc status=none
    rm "$1.descriptor"
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

# Blocks of 1 MiB: a block is there whole as soon as a byte of it is, and a file system spreads what it writes.
make_vhdx() {
    local file=$work/$name.vhdx
    convert "$file" vhdx -o subformat=dynamic,block_size=$MiB
    settle_vhdx "$file"
    read_back "$file" vhdx
    publish "$name.vhdx"
}

# What qemu-img draws at random: the two headers' sequence numbers and ids, the disk's id, and what is left in the log,
# which is empty. They become digests of the content (offsets and ids: MS-VHDX 2.2.2 and 2.6).
settle_vhdx() {
    local file=$1 header log_length log_offset table metadata disk digest zeros ids checksum n
    zeros=$(printf '%032d' 0)
    for n in 1 2; do
        header=$(hex "$file" $((n * 65536)) 80)
        [[ ${header:0:8} == 68656164 && ${header:96:32} == "$zeros" ]] || die "qemu-img left a VHDX with an unfinished log"
    done
    log_length=$(little "${header:136:8}")
    log_offset=$(little "${header:144:16}")
    dd if=/dev/zero of="$file" bs=$log_length count=1 oflag=seek_bytes seek="$log_offset" conv=notrunc status=none

    table=$(hex "$file" 196608 2048)
    table=${table#*06a27c8b90479a4bb8fe575f050f886e}
    metadata=$(little "${table:0:16}")
    table=$(hex "$file" "$metadata" 2048)
    [[ ${table:0:16} == 6d65746164617461 && $table == *ab12cabee6b2234593efc309e000c746* ]] || die "qemu-img wrote a VHDX without an id"
    table=${table#*ab12cabee6b2234593efc309e000c746}
    disk=$((metadata + $(little "${table:0:8}")))

    for n in 1 2; do
        patch "$file" $((n * 65536 + 4)) "$(printf '%088d' 0)"
    done
    patch "$file" "$disk" "$zeros"
    digest=$(sha256 "$file")
    patch "$file" "$disk" "$(printf 'disk %s' "$digest" | sha256sum | cut -c 1-32)"
    # The second header is the newer one, and counts.
    for n in 1 2; do
        ids=$(to_little $n 8)$digest
        checksum=$(crc32c "6865616400000000$ids${header:96}" 4096)
        patch "$file" $((n * 65536 + 4)) "$(to_little "$checksum" 4)$ids"
    done
}

# crc32c HEX LENGTH: of those bytes, followed by zeros up to LENGTH.
crc32c() {
    local table=() crc=$((0xffffffff)) i byte bit
    for ((i = 0; i < 256; i++)); do
        byte=$i
        for ((bit = 0; bit < 8; bit++)); do
            byte=$(((byte >> 1) ^ (byte & 1 ? 0x82f63b78 : 0)))
        done
        table[i]=$byte
    done
    for ((i = 0; i < $2; i++)); do
        byte=0x${1:i*2:2}
        ((i * 2 < ${#1})) || byte=0
        crc=$(((crc >> 8) ^ table[(crc ^ byte) & 255]))
    done
    printf '%d' $((crc ^ 0xffffffff))
}

for format in "${formats[@]}"; do
    "make_$format"
done
