#!/bin/bash
# Measures the agent and appliancectl, each figure beside its floor from the same run, on an engine of its own.
#
#   ./bench.sh [--quick] [start|cli|recover|idle|adopt|bundle|delta|ingress|switch|healing|update|all]...
#   ./bench.sh boot [--quick]      the virtual machine: see bench/boot.sh
#
# Quote no figure of --quick: it only shows that the benchmarks work.
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
[[ ${1:-} != boot ]] || exec "$root/bench/boot.sh" "${@:2}"
export APPLIANCE_RUN_DIR
APPLIANCE_RUN_DIR=$(mktemp -d /tmp/bench-XXXXXX)
source "$root/scripts/engine.sh"
source "$root/bench/reflinks.sh"

require_root
require_sdk
install_missing busybox-static docker.io haproxy libsqlite3-0 xdelta3
"$root/build.sh"
publish bench/floor/EmptyWeb EmptyWeb
publish bench/floor/EmptyConsole EmptyConsole
say "Building the benchmarks"
dotnet build "$root/bench/Bench" --configuration Release --verbosity quiet -nologo -nodeReuse:false >&2

trap 'reflinks_stop; engine_stop; rm -rf --one-file-system "$run"' EXIT
engine_start
"$root/appliance/demo/build.sh" 1.0.0 "$run/demo"
# wanted NAME: whether it is to be measured.
wanted() { [[ " $names " == *" $1 "* || " $names " == *" all "* || -z ${names// /} ]]; }
names=${*//--quick/}
# What only some of them need.
if wanted ingress || wanted switch; then
    export BENCH_LOAD_APP=$run/load
    for version in 1.0.0 2.0.0; do
        "$root/tests/LoadApp/build.sh" $version "$run/load/$version"
    done
fi
# What needs the network besides: a mirror of Debian.
if wanted delta; then
    "$root/bench/pair.sh" "$run/pair"
    export BENCH_PAIR=$run/pair
fi
if wanted update; then
    install_missing xfsprogs
    # Room for the data, and for a part of it once more.
    gigabytes=14
    [[ " $* " != *" --quick "* ]] || gigabytes=3
    reflinks_start $gigabytes
fi
if wanted switch; then
    BENCH_COMPOSE=$("$root/bench/compose.sh")
    export BENCH_COMPOSE
fi

uname -srm
echo "$(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), $(dockerd --version)"
BENCH_PROGRAMS=$root/artifacts/bin BENCH_FLOORS=$root/artifacts/bin BENCH_ENGINE=$own_engine \
    BENCH_IMAGES=$run/demo/images BENCH_SCRATCH=$run \
    BENCH_INGRESS=$root/appliance/image/rootfs/usr/libexec/appliance/ingress \
    "$root/artifacts/build/bin/Bench/release/Bench" "$@"
