#!/bin/bash
# Brings up the demo appliance on this machine: an engine, HAProxy, the agent, and the demo application, installed from its
# signed bundle.
# Running it again changes nothing that need not change. down.sh takes it away.
#
#   APPLIANCE_RUN_DIR     where everything of this run is kept (artifacts/run)
#   APPLIANCE_OWN_ENGINE  1: run an engine of our own even if one answers on this machine
#   DOCKER_HOST           the engine to use
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
source "$root/scripts/engine.sh"
source "$root/scripts/ingress.sh"

readonly first=1.0.0

require_root
require_sdk
lock "$up_lock" "another up.sh or down.sh"
mkdir -p "$run"

# The engine, first as found. On a machine with systemd, installing docker.io starts one.
install_missing busybox-static curl haproxy libsqlite3-0 xdelta3
engine_choose
if [[ -z $engine ]]; then
    install_missing docker.io
    engine_choose
fi
if [[ -z $engine ]]; then
    engine_start
    engine=$own_engine
fi
answers "$engine" || die "the engine of this run, $engine, does not answer: start it, or run ./down.sh and begin anew"
printf '%s\n' "$engine" >"$run/engine"
export DOCKER_HOST=$engine

"$root/build.sh" 9>&-
export PATH="$root/artifacts/bin:$PATH" APPLIANCE_SOCKET=$sockets/agent.sock

# HAProxy's ports, kept for as long as the run's folder is, unless somebody else took one while the demo was down.
ours=$(running "$run/ingress.pid" || true)
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# keep_port NAME FIRST: sets NAME to what its file says, or to the first that is free, and writes it there.
keep_port() {
    local -n kept=$1
    kept=$(cat "$run/$1" 2>/dev/null || echo "$2")
    until [[ -n $ours && -s $run/$1 ]] || port_is_free "$kept"; do
        kept=$((kept + 1))
    done
    echo "$kept" >"$run/$1"
}
keep_port port 8080
keep_port tls_port $((port + 1))
ingress_start "$run/data" "$sockets/ingress" "$run"

# The demo's signer and its bundles are this checkout's own: made once, and shared by all runs.
"$root/appliance/demo/bundles.sh" "$root/artifacts/demo" 9>&-
# A run stays with the signer that it began with, as an appliance does.
[[ -e $run/root.json ]] || install -m 644 "$root/artifacts/demo/root.json" "$run/root.json"
cmp -s "$root/artifacts/demo/root.json" "$run/root.json" ||
    say "The demo's sources have changed, and with them its signer: this run refuses the new bundles; ./down.sh begins anew"

cat >"$run/env" <<ENV
# source this: the programs on PATH, this run's agent and this run's engine.
export PATH=$(printf %q "$root/artifacts/bin"):\$PATH
export APPLIANCE_SOCKET=$(printf %q "$APPLIANCE_SOCKET")
export DOCKER_HOST=$(printf %q "$engine")
ENV

[[ -e $run/agent.yaml ]] || echo "# The agent's settings; what is not set here has its default." >"$run/agent.yaml"

# The agent: restarted when it, or what it was started with, has changed. Its containers run on meanwhile.
# The garbage collector's setting is the unit's: see there.
cat >"$run/agent.env" <<ENV
DOTNET_GCgen0size=0x200000
APPLIANCE__TRUST__ROOT=$run/root.json
APPLIANCE__INGRESS__BIND_ADDRESS=127.0.0.1
APPLIANCE__INGRESS__HTTP_PORT=$port
APPLIANCE__INGRESS__HTTPS_PORT=$tls_port
APPLIANCE__INGRESS__REDIRECT_HTTP=false
APPLIANCE__INGRESS__RUN_DIRECTORY=$sockets/ingress
ENV
mapfile -t environment <"$run/agent.env"
command=(env "${environment[@]}"
    appliance-agent --data "$run/data" --socket "$APPLIANCE_SOCKET" --docker "$engine" --config "$run/agent.yaml")
started_with=$({
    printf '%s\n' "${command[@]}"
    cat "$root/artifacts/bin/.appliance-agent.stamp"
} | sha256sum)
if ! running "$run/agent.pid" >/dev/null || [[ $started_with != "$(cat "$run/agent.started-with" 2>/dev/null)" ]]; then
    stop "$run/agent.pid" 20
    say "Starting the agent"
    setsid "${command[@]}" </dev/null >>"$run/agent.log" 2>&1 9>&- &
    identity $! >"$run/agent.pid" || true
    printf '%s\n' "$started_with" >"$run/agent.started-with"
fi

answering() { appliancectl status >/dev/null 2>&1 || has_ended "$run/agent.pid"; }
if ! wait_until 30 answering || has_ended "$run/agent.pid"; then
    say "The agent does not answer. The end of its log, $run/agent.log:"
    tail -n 30 "$run/agent.log" >&2
    exit 1
fi
installed() { appliancectl status -o json | sed -n '/"release": {/,/}/s/.*"version": "\([^"]*\)".*/\1/p'; }
# An installation that another up.sh began goes on without it.
if appliancectl operations list --running -o json | grep -q '"id"'; then
    appliancectl operations watch >&2 || say "It ended as above; going on with what is installed"
fi
if [[ -z $(installed) ]]; then
    say "Installing the demo"
    appliancectl upgrade --bundle "$root/artifacts/demo/demo-$first.bundle" --yes >&2 || {
        say "The end of the agent's log, $run/agent.log:"
        tail -n 30 "$run/agent.log" >&2
        exit 1
    }
fi

healthy() { appliancectl status -o json 2>/dev/null | grep -q '"health": "HEALTH_OK"'; }
settled() { healthy || has_ended "$run/agent.pid"; }
healthy || say "Waiting for the application to be healthy"
if ! wait_until 120 settled || ! healthy; then
    say "The application did not become healthy. What the agent says:"
    appliancectl status >&2 || true
    say "The end of the agent's log, $run/agent.log:"
    tail -n 30 "$run/agent.log" >&2
    exit 1
fi

bundles=${root#"$PWD"/}/artifacts/demo
[[ $PWD != "$root" ]] || bundles=artifacts/demo
cat <<SUMMARY
The demo runs: open http://127.0.0.1:$port (or https://127.0.0.1:$tls_port, with a certificate of its own)

  application  demo $(installed), of $(ls "$root"/artifacts/demo/*.bundle | wc -l) bundles in $bundles
  ingress      HAProxy, started anew whenever it ends; log $run/ingress.log
  agent        pid $(running "$run/agent.pid"), socket $APPLIANCE_SOCKET, log $run/agent.log
  engine       $engine

Type next:
  source ${run#"$PWD"/}/env
  appliancectl status
  appliancectl events -f                 # and in another terminal:
  docker rm -f demo-web-1                # the page stays; the agent brings the replica back, and says so
  appliancectl upgrade --bundle $bundles/demo-2.0.0.bundle
  appliancectl upgrade --bundle $bundles/demo-3.0.0-broken.bundle     # never gets healthy, and is taken back
  appliancectl history
  appliancectl rollback
  ./down.sh                              # takes everything away; --keep-data keeps the visits
SUMMARY
