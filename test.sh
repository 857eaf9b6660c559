#!/bin/bash
# Checks the format, builds everything with warnings as errors, runs every test, and ends with "N passed, N failed".
#
#   --all        the long tests too (trait Category=Long)
#   --filter X   only tests whose full name holds X
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

which=(-trait- Category=Long) all=
while (($#)); do
    case $1 in
        --all) which=() all=1 ;;
        --filter)
            filter=${2:?--filter needs a part of a name}
            shift
            ;;
        *)
            say "usage: ./test.sh [--all] [--filter X]"
            exit 2
            ;;
    esac
    shift
done
[[ -z ${filter:-} ]] || which+=(-method "*$filter*")

require_root
require_sdk
install_missing busybox-static curl docker.io haproxy libsqlite3-0 prometheus-alertmanager systemd xdelta3
# The virtual machine: what builds its image, runs it, and looks at its disk; and an importer other than ours.
install_missing e2fsprogs mmdebstrap mtools ovmf qemu-system-x86 qemu-utils virt-v2v
cd "$root"

# Nothing may outlive this script. The compiler's server would: it is worth having while we build, because the analyzers
# are then loaded once and not for each project, and is told to end after that. What a test that crashed had started is
# found by the word below, which every process inherits.
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=true
mark=APPLIANCE_TEST_RUN=$$-$(date +%s%N)
results=$(mktemp -d)
trap 'leftovers | xargs -r kill -KILL 2>/dev/null || true; rm -rf "$results"' EXIT

# Pids of the marked processes and of their descendants (a container's processes inherit no environment from here).
leftovers() {
    local file pid
    for file in /proc/[0-9]*/environ; do
        if grep -qzxF "$mark" "$file" 2>/dev/null; then
            pid=${file#/proc/}
            tree "${pid%/environ}"
        fi
    done | sort -u
}

tree() {
    local child
    echo "$1"
    for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
        tree "$child"
    done
}

passed=0 failed=0

# step NAME COMMAND...: what is not a test, and yet must succeed.
step() {
    say "$1"
    "${@:2}" >&2 || {
        say "$1: failed"
        failed=$((failed + 1))
        return 1
    }
}

attribute() { sed -n "s/.*<assembly [^>]* $2=\"\([0-9]*\)\".*/\1/p" "$1"; }

# run_tests NAME [OPTION]...: its output to stderr, its result to a file.
run_tests() {
    local name=$1 status=0 limit=40m
    say "Running $name"
    [[ -z $all ]] || limit=20h
    rm -f "$results/$name.xml"
    # What a test builds or publishes does so without the compiler's server, which would outlive it. Signals are as on a
    # terminal, also in a run that was put into the background. One that hangs is named, and then ended, so that the others
    # still have a result.
    env --default-signal=INT,HUP,QUIT "$mark" UseSharedCompilation=false \
        timeout --foreground --kill-after=30 "$limit" "artifacts/build/bin/$name/debug/$name" -noLogo -noColor -xml "$results/$name.xml" "${which[@]}" "${@:2}" \
        </dev/null >&2 || status=$?
    ((status != 124)) || say "$name took longer than $limit, and was ended"
    [[ -s $results/$name.xml ]] || say "$name ended with $status, and without a result"
}

appliance_in_every_format() {
    local demo=artifacts/demo
    appliance/demo/bundles.sh $demo &&
        appliance/build.sh --bundle $demo/demo-1.0.0.bundle --root $demo/root.json --config appliance/demo/agent.yaml \
            --name demo
}

count_tests() {
    local result=$results/$1.xml
    if [[ ! -s $result ]]; then
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + $(attribute "$result" passed)))
    # Errors are failures outside of a test: in a fixture, or while a test is cleaned up.
    failed=$((failed + $(attribute "$result" failed) + $(attribute "$result" errors)))
}

step "Restoring the tools" dotnet tool restore --verbosity quiet || true
step "Checking the format (dotnet csharpier format . mends it)" dotnet csharpier check . || true
if step "Building" dotnet build Agent.sln --verbosity quiet -nologo -consoleLoggerParameters:NoSummary &&
    step "Publishing" ./build.sh --for-tests; then
    # What is compiled ahead starts in a fraction of the processor time, and is nearer to what customers run.
    export APPLIANCE_TEST_PROGRAMS=$root/artifacts/test-bin
    dotnet build-server shutdown --vbcscompiler >/dev/null 2>&1 || true
    # The end-to-end tests mostly wait, for engines and applications to come up: they do so beside the others.
    run_tests EndToEnd.Tests 2>"$results/end-to-end.log" &
    for project in tests/*.Tests; do
        [[ $project == */EndToEnd.Tests ]] || run_tests "$(basename "$project")"
    done
    wait
    cat "$results/end-to-end.log" >&2
    for project in tests/*.Tests; do
        count_tests "$(basename "$project")"
    done
    # What importers ask, of the very files that a customer would get.
    if [[ -n $all && -z ${filter:-} ]] && step "Building the appliance in every format" appliance_in_every_format; then
        APPLIANCE_OVA=$PWD/artifacts/appliance/demo.ova run_tests Appliance.Formats.Tests -explicit only
        count_tests Appliance.Formats.Tests
    fi
    ((passed + failed)) || say "No test ran."
fi

for pid in $(leftovers); do
    line=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || continue
    say "Left running: $pid $line"
    failed=$((failed + 1))
done

echo "$passed passed, $failed failed"
((passed && !failed))
