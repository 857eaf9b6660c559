# HAProxy for ingress on a machine without systemd, or beside the one that systemd runs. Sourced after lib.sh.
#
#   ingress_start DATA RUN STATE    DATA: the agent's data folder; RUN: the sockets' (short); STATE: pid files and the log
#   ingress_stop STATE
#
# It is started again whenever it ends, as the unit does on the appliance.

ingress_program=$root/appliance/image/rootfs/usr/libexec/appliance/ingress

ingress_start() {
    local data=$1 sockets=$2 state=$3
    mkdir -p "$state" "$data"
    chmod 700 "$data"
    if running "$state/ingress.pid" >/dev/null; then
        return
    fi
    INGRESS_DATA=$data/ingress INGRESS_RUN=$sockets setsid bash -c '
        trap "kill -TERM \$haproxy 2>/dev/null; wait \$haproxy; exit 0" TERM
        while :; do
            "$0" run &
            haproxy=$!
            wait "$haproxy" || true
            sleep 0.1
        done
    ' "$ingress_program" </dev/null >>"$state/ingress.log" 2>&1 9>&- &
    identity $! >"$state/ingress.pid" || true
    if ! wait_until 20 test -S "$sockets/master.sock"; then
        tail -n 20 "$state/ingress.log" >&2
        die "HAProxy did not start; its log is $state/ingress.log"
    fi
}

ingress_stop() { stop "$1/ingress.pid" 15; }
