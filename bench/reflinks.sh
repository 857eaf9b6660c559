# A file system whose files can share blocks, XFS in a file, and an engine on it. Sourced after engine.sh.
reflinks=$run/reflinks

# reflinks_start GB: sets BENCH_REFLINKS to the engine's endpoint, or BENCH_NO_REFLINKS to why there is none.
reflinks_start() {
    local free log=$run/reflinks.log
    export BENCH_REFLINKS='' BENCH_NO_REFLINKS=''
    free=$(df --output=avail --block-size=1G "$run" | tail -n 1)
    # The machine's disk is not to be filled for a figure.
    if ((free < $1 + 4)); then
        BENCH_NO_REFLINKS="it takes $(($1 + 4)) GB, and $run has ${free// /} GB free"
        return
    fi
    mkdir -p "$reflinks"
    truncate --size "${1}G" "$run/reflinks.img"
    if ! { mkfs.xfs -q -m reflink=1 "$run/reflinks.img" && mount -o loop "$run/reflinks.img" "$reflinks"; } >"$log" 2>&1; then
        BENCH_NO_REFLINKS="XFS in a file cannot be made and mounted here: $(tail -n 1 "$log")"
    elif ! (on_reflinks engine_start); then
        BENCH_NO_REFLINKS="no engine starts on XFS here"
    else
        BENCH_REFLINKS=unix://$reflinks/docker.sock
    fi
}

# Takes the file system away as well: it is mounted below what the engine is told to leave.
reflinks_stop() {
    on_reflinks engine_stop
    rm -f "$run/reflinks.img"
}

on_reflinks() {
    local run=$reflinks sockets=$reflinks own_engine=unix://$reflinks/docker.sock
    "$@"
}
