#!/bin/bash
# Takes away what up.sh brought: the agent, HAProxy, the demo's containers, networks, volumes and images, and the engine if
# it is ours. Running it again, or with nothing up, is fine.
#
#   --keep-data   keeps the volumes and the agent's state: the next up.sh goes on with them
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
source "$root/scripts/engine.sh"
source "$root/scripts/ingress.sh"

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
lock "$up_lock" "another up.sh or down.sh"
if [[ ! -d $run ]]; then
    say "Nothing is up."
    exit 0
fi

# The agent first: it would bring back what is removed below.
stop "$run/agent.pid" 20
ingress_stop "$run"

ours() { docker "$1" ls "${@:2}" --quiet --filter label=appliance.project=demo; }
remove_ours() {
    local ids image
    ids=$(ours container --all)
    [[ -z $ids ]] || xargs docker container rm --force --volumes <<<"$ids"
    ids=$(ours network)
    [[ -z $ids ]] || xargs docker network rm <<<"$ids"
    if [[ -z $keep_data ]]; then
        ids=$(ours volume)
        [[ -z $ids ]] || xargs docker volume rm <<<"$ids"
    fi
    # Without --force: an image that has another name too, or is in a container that is not ours, stays.
    local title
    for title in web counter; do
        for image in $(docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "label=org.opencontainers.image.title=demo/$title"); do
            docker image rm "$image" || say "The image $image stays: something else uses it"
        done
    done
}

engine=$(cat "$run/engine" 2>/dev/null || true)
# An up.sh that was interrupted may have started our engine before it wrote down which one it uses.
[[ -n $engine || ! -f $run/docker.pid ]] || engine=$own_engine
if [[ $engine == "$own_engine" ]]; then
    # However this ends, no engine of ours goes on running.
    trap engine_stop EXIT
    # Only an engine that runs can remove networks and stop containers in order; so ours is brought back for that.
    engine_start
fi
if [[ -n $engine ]]; then
    export DOCKER_HOST=$engine
    answers "$engine" || die "the engine of this run, $engine, does not answer: start it, then run this again to remove the demo's containers"
    remove_ours >/dev/null
fi
if [[ $engine == "$own_engine" ]]; then
    trap - EXIT
    engine_stop
fi

if [[ -n $keep_data ]]; then
    # What stays: the engine's data if it is ours, the agent's state and settings, its root, and the names of the two.
    find "$run" -mindepth 1 -maxdepth 1 ! -name docker ! -name data ! -name engine ! -name port ! -name tls_port ! -name root.json ! -name agent.yaml -exec rm -rf {} +
else
    rm -rf --one-file-system "$run"
fi
[[ $sockets == "$run" ]] || rm -rf --one-file-system "$sockets"
say "Everything is down${keep_data:+; the data stays in $run}."
