#!/bin/bash
# Makes signed bundles of the demo: 1.0.0, 2.0.0, and 3.0.0-broken, which never becomes healthy. What is there already, of
# the same inputs, is left as it is.
#
#   appliance/demo/bundles.sh OUTDIR
#
# OUTDIR/demo-VERSION.bundle   the bundles
# OUTDIR/root.json             the root that an appliance must trust to take them
# OUTDIR/signer, passphrase    what signs them; keep those of a real product elsewhere
set -euo pipefail
export LC_ALL=C

out=${1:?usage: bundles.sh OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
appliancectl=${APPLIANCECTL:-$here/../../artifacts/bin/appliancectl}
versions=(1.0.0 2.0.0 3.0.0-broken)

die() {
    printf 'demo/bundles.sh: %s\n' "$*" >&2
    exit 1
}

# A digest of all that the bundles are made from.
inputs() {
    {
        printf '%s\n' "${SOURCE_DATE_EPOCH:-}" "${versions[@]}"
        sha256sum <"${BUSYBOX:-$(command -v busybox)}"
        cd "$here" && find . -type f -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d ' ' -f 1
}

whole() {
    local version
    [[ -s $out/root.json && $(cat "$out/.inputs" 2>/dev/null) == "$stamp" ]] || return 1
    for version in "${versions[@]}"; do
        [[ -s $out/demo-$version.bundle ]] || return 1
    done
}

[[ -x $appliancectl ]] || die "$appliancectl is missing: run ./build.sh"
mkdir -p "$out"
# Two at a time would make two signers; whatever may outlive this script must not keep the lock.
exec 8>"$out/.lock"
flock 8
stamp=$(inputs)
! whole || exit 0

# A release that was signed is never changed: other inputs under the same versions take another signer. One whose making
# was cut short is finished by the same.
if [[ $(cat "$out/.signed" 2>/dev/null) != "$stamp" ]]; then
    rm -rf "$out"/{signer,passphrase,root.json,.inputs,.signed} "$out"/demo-*.bundle
    (umask 077 && head -c 24 /dev/urandom | base64 >"$out/passphrase")
    "$appliancectl" bundle keys init "$out/signer" --product demo --passphrase-file "$out/passphrase" >/dev/null
    printf '%s\n' "$stamp" >"$out/.signed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in "${versions[@]}"; do
    "$here/build.sh" "$version" "$work/$version"
    "$appliancectl" bundle create --repository "$out/signer" --passphrase-file "$out/passphrase" \
        --compose "$work/$version/compose.yaml" --images "$work/$version/images" --to "$out/demo-$version.bundle" >&2
done
cp "$out/signer/metadata/1.root.json" "$out/root.json.new"
mv "$out/root.json.new" "$out/root.json"
printf '%s\n' "$stamp" >"$out/.inputs"
