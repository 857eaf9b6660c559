#!/bin/bash
# Makes signed bundles of the application under load: two releases that are well, some that are ill, two that are tried on a
# part of the traffic first, and one whose service has another name. What is there already, of the same inputs, is left as it is.
#
#   tests/LoadApp/bundles.sh OUTDIR
#
# OUTDIR/load-VERSION.bundle   the bundles; build.sh says how each is ill
# OUTDIR/root.json             the root that an appliance must trust to take them
# OUTDIR/signer, passphrase    what signs them
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

out=${1:?usage: bundles.sh OUTDIR}
here=$root/tests/LoadApp
appliancectl=${APPLIANCECTL:-$root/artifacts/bin/appliancectl}
# In this order: a signer never lowers a version.
versions=(1.0.0 2.0.0 2.1.0-errors 2.2.0-slow-start 2.3.0-crash 2.4.0-hang 2.5.0-canary 2.6.0-canary-errors 2.7.0-renamed)

# A digest of all that the bundles are made from.
inputs() {
    {
        printf '%s\n' "${SOURCE_DATE_EPOCH:-}" "${versions[@]}"
        sources_of tests/LoadApp
    } | sha256sum | cut -d ' ' -f 1
}

whole() {
    local version
    [[ -s $out/root.json && $(cat "$out/.inputs" 2>/dev/null) == "$stamp" ]] || return 1
    for version in "${versions[@]}"; do
        [[ -s $out/load-$version.bundle ]] || return 1
    done
}

[[ -x $appliancectl ]] || die "$appliancectl is missing: run ./build.sh"
mkdir -p "$out"
# Two at a time would make two signers.
lock "$out/.lock" "another bundles.sh"
stamp=$(inputs)
! whole || exit 0

# A release that was signed is never changed: other inputs under the same versions take another signer. One whose making
# was cut short is finished by the same.
if [[ $(cat "$out/.signed" 2>/dev/null) != "$stamp" ]]; then
    rm -rf "$out"/{signer,passphrase,root.json,.inputs,.signed} "$out"/load-*.bundle
    (umask 077 && head -c 24 /dev/urandom | base64 >"$out/passphrase")
    "$appliancectl" bundle keys init "$out/signer" --product load --passphrase-file "$out/passphrase" >/dev/null
    printf '%s\n' "$stamp" >"$out/.signed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in "${versions[@]}"; do
    [[ ! -s $out/load-$version.bundle ]] || continue
    "$here/build.sh" "$version" "$work/$version" 9>&-
    "$appliancectl" bundle create --repository "$out/signer" --passphrase-file "$out/passphrase" \
        --compose "$work/$version/compose.yaml" --images "$work/$version/images" --to "$out/load-$version.bundle" >&2
    rm -rf "${work:?}/$version"
done
cp "$out/signer/metadata/1.root.json" "$out/root.json.new"
mv "$out/root.json.new" "$out/root.json"
printf '%s\n' "$stamp" >"$out/.inputs"
