#!/bin/bash
# Makes two images' layers of Debian, one the upgrade of the other, and prints what it has made of what.
#
#   bench/pair.sh DIR      DIR/old.tar, DIR/new.tar, DIR/what
#
# The old one is a tree of trixie as it was first released, with what the archive has there; the new one has the packages of
# its security archive and updates, and 15 packages more. Both have a file of 5 MB, of which the new one has changed 10 % of
# the bytes, in runs of 64. How many packages that upgrades is the archive's to say on the day, so it is counted.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
source "$root/scripts/debian.sh"

readonly suite=trixie
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly base=ca-certificates,curl,gnupg,nginx-light,openssh-client,openssl,perl,python3,rsync,sqlite3,xsltproc,zstd
readonly more=bc,file,iproute2,jq,less,lsof,nano,netcat-openbsd,procps,socat,strace,time,tree,unzip,zip

(($# == 1)) || die "usage: bench/pair.sh DIR"
require_root
install_missing mmdebstrap
mirrors
work=$1
mkdir -p "$work"

# tree NAME PACKAGES SOURCE...: its tar, without what differs from run to run.
tree() {
    local name=$1 packages=$2
    shift 2
    say "Making a Debian tree: $name"
    SOURCE_DATE_EPOCH=1760000000 mmdebstrap --quiet --variant=minbase --include="$packages" --keyring="$keyring" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --customize-hook="dpkg-query --root=\"\$1\" --show >$work/$name.packages" \
        --customize-hook="mkdir -p \"\$1/srv\"; cp $work/$name.data \"\$1/srv/data\"" \
        "$suite" "$work/$name.tar" "$@" 2>"$work/$name.log" || {
        tail -n 5 "$work/$name.log" >&2
        die "the tree could not be made: see above"
    }
}

# Bytes that nothing compresses, the same in each run; one block of 64 in ten is replaced.
perl -e 'srand 1; print pack "C*", map { int rand 256 } 1 .. 1000 for 1 .. 5000' >"$work/old.data"
perl -e 'srand 2; local $/; $_ = <STDIN>; for (my $at = 0; $at + 64 <= length; $at += 640) {
    substr($_, $at, 64) = pack "C*", map { int rand 256 } 1 .. 64 } print' <"$work/old.data" >"$work/new.data"

tree old "$base" "deb $mirror $suite main"
tree new "$base,$more" "deb $mirror $suite main" "deb $mirror $suite-updates main" "deb $security $suite-security main"
upgraded=$(join <(sort "$work/old.packages") <(sort "$work/new.packages") | awk '$2 != $3' | wc -l)
added=$(join -v 2 <(sort "$work/old.packages") <(sort "$work/new.packages") | wc -l)
echo "a Debian tree, $upgraded packages upgraded, $added added, 10 % of a file of 5 MB changed" >"$work/what"
cat "$work/what"
