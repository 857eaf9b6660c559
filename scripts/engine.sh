# The Docker Engine of a development run. Sourced after lib.sh.
#
# Everything of a run lives in one folder; a second run beside the first takes another one (APPLIANCE_RUN_DIR).
run=$(realpath -m "${APPLIANCE_RUN_DIR:-$root/artifacts/run}")

# A unix socket's path is limited to 107 bytes, and the engine nests its own up to 40 bytes below what it is given.
sockets=$run
if ((${#run} > 60)); then
    sockets=/run/appliance-dev-$(printf '%s' "$run" | sha256sum | cut -c 1-12)
fi

# Outside of the run's folder, which down.sh removes.
up_lock=$root/artifacts/locks/up-$(printf '%s' "$run" | sha256sum | cut -c 1-12)

own_engine=unix://$sockets/docker.sock

answers() { DOCKER_HOST=$1 timeout 10 docker version >/dev/null 2>&1; }

# engine_choose: sets `engine` to the endpoint of an engine that answers; empty when we have to run our own.
# APPLIANCE_OWN_ENGINE=1 leaves the machine's engine alone.
engine_choose() {
    local candidate
    engine=
    if [[ -f $run/engine ]]; then
        # A run stays with the engine that it began with: its volumes are there.
        engine=$(cat "$run/engine")
        [[ $engine != "$own_engine" ]] || engine=
        return
    fi
    [[ -z ${APPLIANCE_OWN_ENGINE:-} ]] || return 0
    command -v docker >/dev/null || return 0
    for candidate in ${DOCKER_HOST:-} unix:///var/run/docker.sock; do
        if answers "$candidate"; then
            engine=$candidate
            return
        fi
    done
    [[ -z ${DOCKER_HOST:-} ]] || die "no engine answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST"
}

# engine_start: our own engine, with its data in the run's folder. It leaves the machine's bridge docker0 and its
# firewall alone (the demo needs neither: ports are published by the engine's own proxy), and its containers outlive it.
engine_start() {
    mkdir -p "$run" "$sockets"
    if running "$run/docker.pid" >/dev/null && answers "$own_engine"; then
        return
    fi
    stop "$run/docker.pid" 20
    say "Starting a Docker Engine of our own"
    # An engine that was killed leaves these, and trusts them: it would wait for a containerd that is not there.
    containerd_kill
    rm -f "$run/dockerd.pid" "$sockets/exec/containerd/containerd.pid"
    setsid dockerd --data-root "$run/docker" --exec-root "$sockets/exec" --pidfile "$run/dockerd.pid" \
        --host "$own_engine" --live-restore --bridge none --iptables=false --ip6tables=false --ip-masq=false \
        </dev/null >>"$run/docker.log" 2>&1 9>&- &
    identity $! >"$run/docker.pid" || true
    if ! wait_until 60 engine_up_or_ended || ! answers "$own_engine"; then
        tail -n 20 "$run/docker.log" >&2
        die "the engine did not start; its log is $run/docker.log (in a container, it needs --privileged)"
    fi
}

engine_up_or_ended() { answers "$own_engine" || has_ended "$run/docker.pid"; }

# engine_stop: ends our engine, its containerd, and what is left of its containers; unmounts what it mounted.
engine_stop() {
    local pid mount
    stop "$run/docker.pid" 30
    containerd_kill
    # A shim names the containerd that it belongs to, and with it the engine; its children are a container's first
    # process and what was executed in it, and go with it.
    for pid in $(processes_with "$sockets/exec/containerd/containerd.sock"); do
        kill -KILL $(cat /proc/"$pid"/task/*/children 2>/dev/null) "$pid" 2>/dev/null || true
    done
    # Deepest first.
    while read -r mount; do
        umount -l "$mount"
    done < <(mounts_below "$run" "$sockets/exec" | sort -ru)
}

containerd_kill() {
    local pid
    for pid in $(processes_with "$sockets/exec/containerd/containerd.toml"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

# processes_with WORD: pids whose command line has exactly this argument.
processes_with() {
    local file
    for file in /proc/[0-9]*/cmdline; do
        if tr '\0' '\n' 2>/dev/null <"$file" | grep -qxF -- "$1"; then
            file=${file%/cmdline}
            echo "${file#/proc/}"
        fi
    done
}

mounts_below() {
    local folder mount
    while read -r _ _ _ _ mount _; do
        mount=$(printf '%b' "$mount")
        for folder in "$@"; do
            [[ $mount == "$folder" || $mount == "$folder"/* ]] && printf '%s\n' "$mount"
        done
    done </proc/self/mountinfo || true
}
