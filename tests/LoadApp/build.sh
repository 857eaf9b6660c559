#!/bin/bash
# Builds a release of the application under load: compose.yaml and a docker-archive of its one image. No engine is needed,
# and the same inputs give the same bytes (set SOURCE_DATE_EPOCH to date the files; they are of 1970 otherwise).
#
#   tests/LoadApp/build.sh VERSION OUTDIR
#
# How a version is ill is in its name:
#   *-errors      5 % of its requests are answered with 500; its health checks are answered well
#   *-slow-start  does not listen for 90 s
#   *-crash       ends with code 1 after a second
#   *-hang        answers nothing after 20 s
# One with "canary" in its name is tried on a part of the traffic first.
# The service of one with "renamed" at the end of its name is "site", and not "web".
#
# The image is made FROM scratch: the program, with .NET in it, and the C and C++ libraries of this machine that it needs.
# A static program in C would be smaller, and would take a compiler that a fresh machine does not have; this takes the SDK
# that builds everything else.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

version=${1:?usage: build.sh VERSION OUTDIR}
out=${2:?usage: build.sh VERSION OUTDIR}
here=$root/tests/LoadApp
epoch=${SOURCE_DATE_EPOCH:-0}
readonly uid=10001
[[ $version =~ ^[0-9A-Za-z][0-9A-Za-z._-]*$ ]] || die "'$version' cannot be an image's tag"

require_sdk
# In a subshell, which has the lock no longer than it builds.
(
    lock "$root/artifacts/build.lock" "another build"
    publish tests/LoadApp load-app
)
program=$root/artifacts/bin/load-app

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack ARCHIVE FOLDER ENTRY...: a tar whose bytes depend on the files only.
pack() {
    tar --create --file="$1" --directory="$2" --format=ustar --sort=name --mtime="@$epoch" --owner=0 --group=0 \
        --numeric-owner "${@:3}"
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# The layers are the same for all versions, so that an engine has them once: what differs is in the configuration.
libraries_layer() {
    local tree=$work/libraries library opened=()
    mkdir -p "$tree"/{etc,tmp}
    # .NET looks for OpenSSL when it is first needed, which is at the first WebSocket: its handshake takes a SHA-1.
    for library in libssl libcrypto; do
        opened+=("$(ldconfig -p | sed -n "s/.*$library\.so\.3 (.*x86-64.*) => //p" | head -n 1)")
        [[ -n ${opened[-1]} ]] || die "$library.so.3 is missing: apt-get install libssl3"
    done
    # "name => path (address)", and the loader as "path (address)".
    {
        printf '%s\n' "${opened[@]}"
        ldd "$program" "${opened[@]}" | grep '^[[:space:]]' | grep -o '/[^ ]*'
    } | sort -u | while read -r library; do
        install -D -m 755 "$library" "$tree$library"
    done
    compgen -G "$tree/lib*/ld-linux*" >/dev/null || compgen -G "$tree/lib*/*/ld-linux*" >/dev/null ||
        die "ldd names no loader for $program"
    printf 'root:x:0:0::/:/\nload:x:%s:%s::/:/\n' $uid $uid >"$tree/etc/passwd"
    find "$tree" -type d -exec chmod 755 {} +
    chmod 1777 "$tree/tmp"
    chmod 644 "$tree/etc/passwd"
    pack "$work/libraries.tar" "$tree" .
}

program_layer() {
    mkdir -p "$work/program"
    install -m 755 "$program" "$work/program/load-app"
    pack "$work/program.tar" "$work/program" load-app
}

# As the image's configuration has them.
variables() {
    local all=("APP_VERSION=$version" "DOTNET_GCgen0size=0x400000")
    [[ $version != *-errors ]] || all+=("ERROR_PERCENT=5")
    [[ $version != *-slow-start ]] || all+=("START_DELAY=90")
    [[ $version != *-crash ]] || all+=("CRASH_AFTER=1")
    [[ $version != *-hang ]] || all+=("HANG=20")
    printf '"%s",' "${all[@]}" | sed 's/,$//'
}

image() {
    local archive=$work/archive libraries program created config
    created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
    libraries=$(sha256 "$work/libraries.tar")
    program=$(sha256 "$work/program.tar")
    mkdir -p "$archive/$libraries" "$archive/$program"
    ln "$work/libraries.tar" "$archive/$libraries/layer.tar"
    ln "$work/program.tar" "$archive/$program/layer.tar"
    cat >"$archive/config.json" <<JSON
{"architecture":"amd64","os":"linux","created":"$created",
 "config":{"User":"$uid:$uid","WorkingDir":"/","Env":[$(variables)],"ExposedPorts":{"8080/tcp":{},"8081/tcp":{}},
  "Entrypoint":["/load-app"],"StopSignal":"SIGTERM",
  "Labels":{"org.opencontainers.image.title":"load/web","org.opencontainers.image.version":"$version"}},
 "rootfs":{"type":"layers","diff_ids":["sha256:$libraries","sha256:$program"]},
 "history":[{"created":"$created","created_by":"libraries"},{"created":"$created","created_by":"load-app"}]}
JSON
    config=$(sha256 "$archive/config.json")
    mv "$archive/config.json" "$archive/$config.json"
    cat >"$archive/manifest.json" <<JSON
[{"Config":"$config.json","RepoTags":["load/web:$version"],"Layers":["$libraries/layer.tar","$program/layer.tar"]}]
JSON
    find "$archive" -type f -exec chmod 644 {} +
    find "$archive" -mindepth 1 -type d -exec chmod 755 {} +
    pack "$out/images/web.tar.new" "$archive" manifest.json "$config.json" "$libraries" "$program"
    mv "$out/images/web.tar.new" "$out/images/web.tar"
}

mkdir -p "$out/images"
libraries_layer
program_layer
image
edit=(-e "s/1\.0\.0/$version/g")
if [[ $version == *canary* ]]; then
    edit+=(-e 's/ # canary$//')
else
    edit+=(-e '/ # canary$/d')
fi
[[ $version != *-renamed ]] || edit+=(-e 's/^  web:$/  site:/')
sed "${edit[@]}" "$here/compose.yaml" >"$out/compose.yaml.new"
mv "$out/compose.yaml.new" "$out/compose.yaml"
