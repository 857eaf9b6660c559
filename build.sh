#!/bin/bash
# Publishes the programs to artifacts/bin; what is as new as its sources is left alone.
#
#   --for-tests   the same to artifacts/test-bin besides, with the agent's failpoints in it
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

require_sdk
# Two builds in one tree would write the same files: the second waits, and then finds nothing to do.
lock "$root/artifacts/build.lock" "another build"

other=
if [[ ${1:-} == --for-tests ]]; then
    # In a tree of its own, so beside the others.
    publish src/Agent appliance-agent test-bin -p:Failpoints=true &
    other=$!
    # Nothing is left running by what fails meanwhile.
    trap wait EXIT
fi
publish src/Agent appliance-agent
publish src/Agent.Cli appliancectl
if [[ $other ]]; then
    wait "$other"
    ln -sfn ../bin/appliancectl "$root/artifacts/test-bin/appliancectl"
fi
