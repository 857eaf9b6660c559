#!/bin/bash
# Builds a release of the demo: compose.yaml and one docker-archive per service. No engine is needed, and the same
# inputs give the same bytes (set SOURCE_DATE_EPOCH to date the files; they are of 1970 otherwise). A version that ends in
# "-broken" never becomes healthy.
#
#   appliance/demo/build.sh VERSION OUTDIR
set -euo pipefail
export LC_ALL=C

version=${1:?usage: build.sh VERSION OUTDIR}
out=${2:?usage: build.sh VERSION OUTDIR}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
epoch=${SOURCE_DATE_EPOCH:-0}
busybox=${BUSYBOX:-$(command -v busybox || true)}

# The containers' user; the counter's volume takes its owner from the image.
readonly uid=10001

die() {
    printf 'demo/build.sh: %s\n' "$*" >&2
    exit 1
}

[[ $version =~ ^[0-9A-Za-z][0-9A-Za-z._-]*$ ]] || die "'$version' cannot be an image's tag"
[[ -n $busybox ]] || die "busybox is missing: apt-get install busybox-static"
# In an image made FROM scratch there is no C library to link with.
! ldd "$busybox" >/dev/null 2>&1 || die "$busybox is not static: apt-get install busybox-static"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack ARCHIVE FOLDER OWNER ENTRY...: appends to a tar whose bytes depend on the files only.
pack() {
    local archive=$1 folder=$2 owner=$3
    shift 3
    tar --append --file="$archive" --directory="$folder" --format=ustar --sort=name \
        --mtime="@$epoch" --owner="$owner" --group="$owner" --numeric-owner "$@"
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# The layer that all images share, so that an engine stores it once.
base_layer() {
    local root=$work/base applet
    mkdir -p "$root"/{bin,etc}
    install -m 755 "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do
        [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
    done
    printf 'root:x:0:0::/:/bin/sh\ndemo:x:%s:%s::/:/bin/sh\n' $uid $uid >"$root/etc/passwd"
    chmod 755 "$root"/{bin,etc}
    chmod 644 "$root/etc/passwd"
    pack "$work/base.tar" "$root" 0 bin etc
}

# tag_of SERVICE: the page is of the release; the counter has a version of its own, and so stays the same image.
tag_of() {
    case $1 in
        web) echo "$version" ;;
        counter) echo 1 ;;
    esac
}

# The layer of one service: its folder srv/, its version, and its data folder if it has one.
service_layer() {
    local service=$1 root=$work/$1
    mkdir -p "$root/etc"
    cp -R "$here/$service/srv" "$root/srv"
    tag_of "$service" >"$root/etc/demo-version"
    # To be rolled back: what asks whether this release is well never gets a good answer.
    if [[ $service == web && $version == *-broken ]]; then
        rm "$root/srv/healthz"
    fi
    find "$root" -type d -exec chmod 755 {} +
    find "$root" -type f -exec chmod 644 {} +
    chmod 755 "$root"/srv/cgi-bin/*
    pack "$work/$service.tar" "$root" 0 etc srv
    if [[ $service == counter ]]; then
        mkdir -m 700 "$root/data"
        pack "$work/$service.tar" "$root" $uid data
    fi
}

# image SERVICE: images/SERVICE.tar, in the format of `docker save`.
image() {
    local service=$1 archive=$work/archive-$1 tag layer base config created
    tag=$(tag_of "$service")
    created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
    base=$(sha256 "$work/base.tar")
    layer=$(sha256 "$work/$service.tar")

    mkdir -p "$archive/$base" "$archive/$layer"
    ln "$work/base.tar" "$archive/$base/layer.tar"
    ln "$work/$service.tar" "$archive/$layer/layer.tar"

    cat >"$archive/config.json" <<JSON
{"architecture":"$(architecture)","os":"linux","created":"$created",
 "config":{"User":"$uid:$uid","WorkingDir":"/srv","Env":["PATH=/bin"],"ExposedPorts":{"8080/tcp":{}},
  "Cmd":["httpd","-f","-p","8080","-h","/srv"],
  "Labels":{"org.opencontainers.image.title":"demo/$service","org.opencontainers.image.version":"$tag"}},
 "rootfs":{"type":"layers","diff_ids":["sha256:$base","sha256:$layer"]},
 "history":[{"created":"$created","created_by":"busybox"},{"created":"$created","created_by":"demo/$service $tag"}]}
JSON
    config=$(sha256 "$archive/config.json")
    mv "$archive/config.json" "$archive/$config.json"
    cat >"$archive/manifest.json" <<JSON
[{"Config":"$config.json","RepoTags":["demo/$service:$tag"],"Layers":["$base/layer.tar","$layer/layer.tar"]}]
JSON
    find "$archive" -type f -exec chmod 644 {} +
    find "$archive" -mindepth 1 -type d -exec chmod 755 {} +

    rm -f "$out/images/$service.tar.new"
    pack "$out/images/$service.tar.new" "$archive" 0 manifest.json "$config.json" "$base" "$layer"
    mv "$out/images/$service.tar.new" "$out/images/$service.tar"
}

# As image configurations name it.
architecture() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) die "no name for the architecture $(uname -m)" ;;
    esac
}

mkdir -p "$out/images"
base_layer
for service in web counter; do
    service_layer $service
    image $service
done
sed "s/1\.0\.0/$version/g" "$here/compose.yaml" >"$out/compose.yaml.new"
mv "$out/compose.yaml.new" "$out/compose.yaml"
