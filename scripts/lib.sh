# What the scripts at the root share. Sourced, not run.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Progress and complaints go to stderr, so that stdout holds results only.
say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

require_root() {
    ((EUID == 0)) || die "an engine and its containers need root: run it as 'sudo $0', or in a container or VM where you are root"
}

require_sdk() {
    command -v dotnet >/dev/null || die "the .NET SDK $(sed -n 's/.*"version": "\([0-9.]*\)".*/\1/p' "$root/global.json") or later of its line is missing: install it (see dot.net) and run this again"
}

# install_missing PACKAGE...: installs those of the named Debian packages whose part is not on the machine.
install_missing() {
    local package missing=() log
    for package in "$@"; do
        have "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "needs what Debian calls: ${missing[*]}; there is no apt-get here, install them by your system's means"
    ((EUID == 0)) || die "needs the packages ${missing[*]}: run 'sudo apt-get install ${missing[*]}', then this again"

    say "Installing ${missing[*]}"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # The package lists may be old, or absent: fetched once, and only if the installation fails without.
    if ! apt_get "${missing[@]}" >"$log" 2>&1; then
        if ! { apt-get -q update && apt_get "${missing[@]}"; } >>"$log" 2>&1; then
            tail -n 20 "$log" >&2
            die "apt-get could not install ${missing[*]}; its output is in $log"
        fi
    fi
    rm -f "$log"
    for package in "${missing[@]}"; do
        have "$package" || die "$package was installed, and yet its part is not there"
    done
}

apt_get() { apt-get install -q -y --no-install-recommends "$@" </dev/null; }

have() {
    case $1 in
        busybox-static) command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ;;
        curl) command -v curl >/dev/null ;;
        docker.io) command -v dockerd >/dev/null && command -v docker >/dev/null ;;
        e2fsprogs) command -v mke2fs >/dev/null && command -v debugfs >/dev/null ;;
        haproxy) [[ -x /usr/sbin/haproxy ]] ;;
        libsqlite3-0) compgen -G '/usr/lib/*/libsqlite3.so.0' >/dev/null || compgen -G '/lib/*/libsqlite3.so.0' >/dev/null ;;
        mmdebstrap) command -v mmdebstrap >/dev/null ;;
        mtools) command -v mcopy >/dev/null ;;
        ovmf) [[ -s /usr/share/OVMF/OVMF_CODE_4M.fd ]] ;;
        prometheus-alertmanager) command -v prometheus-alertmanager >/dev/null ;;
        qemu-system-x86) command -v qemu-system-x86_64 >/dev/null ;;
        qemu-utils) command -v qemu-img >/dev/null && command -v qemu-io >/dev/null ;;
        systemd) command -v systemd-analyze >/dev/null ;;
        virt-v2v) command -v virt-v2v >/dev/null ;;
        xfsprogs) command -v mkfs.xfs >/dev/null ;;
        xdelta3) command -v xdelta3 >/dev/null ;;
        *) die "nothing says how to tell whether $1 is installed" ;;
    esac
}

# Processes. A pid alone may have passed to another process by the time we look: a pid file also holds when the process
# started, and in which boot.
identity() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The command's name is in parentheses and may hold spaces; the start time is field 22, the 20th after it.
    read -r -a stat <<<"${stat##*) }"
    printf '%s %s %s\n' "$1" "${stat[19]}" "$(cat /proc/sys/kernel/random/boot_id)"
}

# running PIDFILE: prints the pid if the process that the file was written for still runs.
running() {
    local recorded pid
    recorded=$(cat "$1" 2>/dev/null) || return 1
    pid=${recorded%% *}
    [[ -n $pid && $(identity "$pid") == "$recorded" ]] || return 1
    # A zombie has ended, whoever has yet to reap it.
    ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null || return 1
    echo "$pid"
}

# stop PIDFILE SECONDS: asks the process to end, insists when the time is up, and forgets it.
stop() {
    local pid
    if pid=$(running "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_until "$2" has_ended "$1"; then
            say "Process $pid did not end within $2 s: killing it"
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 10 has_ended "$1" || die "process $pid survives SIGKILL; look at /proc/$pid/stack"
        fi
    fi
    rm -f "$1"
}

has_ended() { ! running "$1" >/dev/null; }

# wait_until SECONDS COMMAND...: true as soon as the command succeeds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# lock FILE WHAT: holds the lock as descriptor 9 until this script ends, and says what it waits for if it has to. Whatever
# may outlive the script (a daemon, the compiler's server) is started with 9>&-: it would hold the lock on.
lock() {
    mkdir -p "$(dirname "$1")"
    exec 9>"$1"
    flock --nonblock 9 && return
    say "Waiting for $2"
    flock 9
}

# publish PROJECT NAME [FOLDER [OPTION]...]: artifacts/FOLDER/NAME (bin), unless it is as new as its sources. With options
# of MSBuild's it is another program, and wants a folder of its own.
publish() {
    local project=$1 name=$2 folder=${3:-bin} stamp staging
    local bin=$root/artifacts/$folder
    stamp=$(sources_of "$project")
    [[ -x $bin/$name && $(cat "$bin/.$name.stamp" 2>/dev/null) == "$stamp" ]] && return 0

    say "Building $folder/$name"
    staging=$root/artifacts/publish/out/$folder/$name
    rm -rf "$staging"
    mkdir -p "$bin"
    dotnet publish "$root/$project" --configuration Release --runtime linux-x64 --output "$staging" \
        -p:Published=true -p:Failpoints=false "${@:4}" -verbosity:quiet -consoleLoggerParameters:NoSummary -nologo -nodeReuse:false >&2 9>&-
    # Renamed, so that a running program keeps its file and nobody ever runs half of one.
    mv -f "$staging/$name" "$bin/$name"
    printf '%s\n' "$stamp" >"$bin/.$name.stamp"
}

# A digest of everything that can change what a project is published as.
sources_of() {
    (
        cd "$root"
        dotnet --version
        find src "$1" Directory.* Published.props global.json .editorconfig BannedSymbols.txt \
            -type f -not -path '*/bin/*' -not -path '*/obj/*' -print0 | sort -zu | xargs -0 sha256sum
    ) | sha256sum | cut -d ' ' -f 1
}
