#!/bin/bash
# Takes away what up.sh brought: the agent, the demo's containers, networks, volumes and images, and the engine if it
# is ours. Running it again, or with nothing up, is fine.
#
#   --keep-data   keeps the volumes and the agent's state: the next up.sh goes on with them
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
source "$root/scripts/engine.sh"

keep_data=
case ${1:-} in
    '') ;;
    --keep-data) keep_data=1 ;;
    *)
        say "usage: ./down.sh [--keep-data]"
        exit 2
        ;;
esac

require_root
if [[ ! -d $run ]]; then
    say "Nothing is up."
    exit 0
fi
exec 9>"$root/artifacts/up.lock"
flock 9

# The agent first: it would bring back what is removed below.
stop "$run/agent.pid" 20

ours() { docker "$1" ls "${@:2}" --quiet --filter label=appliance.project=demo; }
remove_ours() {
    local ids images
    ids=$(ours container --all)
    [[ -z $ids ]] || xargs docker container rm --force --volumes <<<"$ids"
    ids=$(ours network)
    [[ -z $ids ]] || xargs docker network rm <<<"$ids"
    if [[ -z $keep_data ]]; then
        ids=$(ours volume)
        [[ -z $ids ]] || xargs docker volume rm <<<"$ids"
    fi
    images=$(sed -n 's/^ *image: *//p' "$run/release/compose.yaml")
    # What was never loaded is not inspected, and not removed.
    ids=$(xargs docker image inspect --format '{{.Id}}' <<<"$images" 2>/dev/null | sort -u) || true
    [[ -z $ids ]] || xargs docker image rm --force <<<"$ids"
}

if [[ -f $run/engine ]]; then
    engine=$(cat "$run/engine")
    export DOCKER_HOST=$engine
    # Only an engine that runs can remove networks and stop containers in order; so ours is brought back for that.
    [[ $engine != "$own_engine" ]] || engine_start
    answers "$engine" || die "the engine of this run, $engine, does not answer: start it, then run this again to remove the demo's containers"
    remove_ours >/dev/null
    [[ $engine != "$own_engine" ]] || engine_stop
fi

if [[ -n $keep_data ]]; then
    # What stays: the engine's data if it is ours, the agent's state, and the names of the two.
    find "$run" -mindepth 1 -maxdepth 1 ! -name docker ! -name data ! -name engine ! -name port -exec rm -rf {} +
else
    rm -rf --one-file-system "$run"
fi
[[ $sockets == "$run" ]] || rm -rf --one-file-system "$sockets"
say "Everything is down${keep_data:+; the data stays in $run}."
