#!/bin/bash
# An image with PostgreSQL from Debian's packages, as a docker-archive; one that is there already is left as it is.
#
#   tests/Postgres/build.sh OUTDIR     OUTDIR/postgres.tar holds appliance-test/postgres:1
#
# It runs as the user postgres, keeps its data in /var/lib/postgresql/data, and answers everybody who reaches it on port 5432
# as the user app: it is for tests only.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$root/scripts/debian.sh"

readonly suite=bookworm major=15 name=appliance-test/postgres:1
out=${1:?usage: build.sh OUTDIR}
require_root
install_missing mmdebstrap
mkdir -p "$out"
lock "$out/.lock" "another build.sh"
stamp=$(sha256sum <"${BASH_SOURCE[0]}" | cut -d ' ' -f 1)
[[ ! -s $out/postgres.tar || $(cat "$out/.stamp" 2>/dev/null) != "$stamp" ]] || exit 0

mirrors
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
say "Installing PostgreSQL into a tree"
cat >"$work/start" <<'START'
#!/bin/sh
# Makes a cluster at the first start, whole or not at all.
set -e
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
    rm -rf /var/lib/postgresql/new
    initdb --pgdata=/var/lib/postgresql/new --username=app --auth=trust >/dev/null
    echo 'host all all all trust' >>/var/lib/postgresql/new/pg_hba.conf
    mv /var/lib/postgresql/new $data
fi
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp
START
mmdebstrap --quiet --mode=root --variant=essential --format=tar --include="postgresql-$major" \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --customize-hook="upload '$work/start' /usr/local/bin/start-postgres" \
    --customize-hook='chmod 755 "$1/usr/local/bin/start-postgres"' \
    --customize-hook='rm -rf "$1"/var/lib/postgresql/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    "$suite" "$work/layer.tar" "deb $mirror $suite main" >"$work/log" 2>&1 || {
    tail -n 30 "$work/log" >&2
    die "PostgreSQL could not be installed"
}

layer=$(sha256sum <"$work/layer.tar" | cut -d ' ' -f 1)
mkdir -p "$work/archive/$layer"
mv "$work/layer.tar" "$work/archive/$layer/layer.tar"
architecture=$(dpkg --print-architecture)
cat >"$work/config.json" <<JSON
{"architecture":"$architecture","os":"linux","created":"2026-01-01T00:00:00Z",
 "config":{"User":"postgres","Env":["PATH=/usr/lib/postgresql/$major/bin:/usr/local/bin:/usr/bin:/bin"],
  "Cmd":["start-postgres"],"StopSignal":"SIGINT","ExposedPorts":{"5432/tcp":{}}},
 "rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},
 "history":[{"created":"2026-01-01T00:00:00Z","created_by":"postgresql-$major"}]}
JSON
config=$(sha256sum <"$work/config.json" | cut -d ' ' -f 1)
mv "$work/config.json" "$work/archive/$config.json"
printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["%s/layer.tar"]}]\n' "$config" "$name" "$layer" \
    >"$work/archive/manifest.json"
tar --create --file="$out/postgres.tar.new" --directory="$work/archive" manifest.json "$config.json" "$layer"
mv "$out/postgres.tar.new" "$out/postgres.tar"
printf '%s\n' "$stamp" >"$out/.stamp"
