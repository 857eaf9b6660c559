#!/bin/bash
# Prints where Docker Compose is, the program that upgrades are compared with: Debian's package of it, unpacked beside the
# other things that are built here, and not installed.
#
#   bench/compose.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
source "$root/scripts/debian.sh"

# trixie's: bookworm has only Compose of before 2020, which is another program.
readonly package=pool/main/d/docker-compose/docker-compose_2.26.1-4_amd64.deb
readonly digest=47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea

folder=$root/artifacts/compose/${digest:0:12}
compose=$folder/usr/libexec/docker/cli-plugins/docker-compose
if [[ ! -x $compose ]]; then
    mirrors
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    say "Fetching Docker Compose"
    /usr/lib/apt/apt-helper download-file "$mirror/$package" "$work/compose.deb" "SHA256:$digest" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        die "Docker Compose could not be fetched. A mirror keeps only the newest: set DEBIAN_MIRROR to one that keeps all (a snapshot of the archive)"
    }
    mkdir -p "$folder"
    dpkg-deb -x "$work/compose.deb" "$folder"
    [[ -x $compose ]] || die "the package has no $compose"
fi
echo "$compose"
