#!/bin/bash
# Measures how long the appliance takes from power-on to an application that answers, beside how long a bare Debian of the
# same kernel and packages takes to a login; and how large the images are. Machines are emulated (TCG), so that only the
# ratios say anything about other hardware.
#
#   ./bench.sh boot [--quick]      (three boots of each, in turn; one with --quick)
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

boots=3
case ${1:-} in
    '') ;;
    --quick) boots=1 ;;
    *) die "usage: ./bench.sh boot [--quick]" ;;
esac
require_root
require_sdk
install_missing busybox-static curl mmdebstrap ovmf qemu-system-x86 qemu-utils

"$root/build.sh"
demo=$root/artifacts/demo
"$root/appliance/demo/bundles.sh" "$demo"
"$root/appliance/build.sh" --bare --format raw >/dev/null
"$root/appliance/build.sh" --name plain >/dev/null
"$root/appliance/build.sh" --bundle "$demo/demo-1.0.0.bundle" --root "$demo/root.json" \
    --config "$root/appliance/demo/agent.yaml" --name demo --format raw >/dev/null
images=$root/artifacts/appliance

work=$(mktemp -d /tmp/boot-XXXXXX)
qemu=
trap '[[ -z $qemu ]] || kill -KILL "$qemu" 2>/dev/null || true; rm -rf "$work"' EXIT

# A port that nobody listens on.
port=18080
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done

now() { date +%s%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", (to - from) / 1e9 }'; }

power_on() {
    rm -f "$work"/{console,monitor.in,monitor.out,page.*}
    mkfifo "$work"/monitor.{in,out}
    cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/firmware"
    started=$(now)
    setpriv --pdeathsig KILL qemu-system-x86_64 -nodefaults -display none -machine q35 -accel tcg,thread=multi \
        -smp 2 -m 1024 \
        -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
        -drive if=pflash,format=raw,file="$work/firmware" \
        -drive if=virtio,format=qcow2,cache=unsafe,file="$1" -device virtio-rng-pci \
        -netdev user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:80 -device virtio-net-pci,netdev=net \
        -serial "file:$work/console" -chardev "pipe,id=monitor,path=$work/monitor" -mon chardev=monitor \
        >"$work/qemu" 2>&1 &
    qemu=$!
}

is_off() { ! kill -0 "$qemu" 2>/dev/null; }
at_login() { is_off || grep -q 'login:' "$work/console" 2>/dev/null; }
# QEMU takes a connection before the guest does, and then holds it: one that is patient, and the next one beside it.
answers() {
    if ((++asked % 10 == 1)); then
        curl -s -f -o "$work/page.$((asked % 80))" -m 30 "http://127.0.0.1:$port/" &
    fi
    is_off || compgen -G "$work/page.*" >/dev/null
}
asked=0

# await WHAT CONDITION: sets `took` to the seconds since power-on.
await() {
    wait_until 600 "$2" && ! is_off || {
        tail -n 20 "$work/console" "$work/qemu" >&2
        die "not within 600 s: $1; the console's end is above"
    }
    took=$(since "$started")
}

power_off() {
    echo system_powerdown >"$work/monitor.in"
    wait_until 180 is_off || die "the machine does not shut down"
    wait "$qemu" || true
    qemu=
}

layer() { qemu-img create -q -f qcow2 -F raw -b "$images/$1.raw" "$2"; }

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
size() { awk -v b="$(stat -c %s "$1")" 'BEGIN { printf "%.0f MiB", b / 1048576 }'; }

for ((n = 1; n <= boots; n++)); do
    for first in first later; do
        for image in bare demo; do
            say "Boot $n of $boots: $image, $first"
            [[ $first == later ]] || {
                rm -f "$work/$image.qcow2"
                layer $image "$work/$image.qcow2"
            }
            power_on "$work/$image.qcow2"
            await "$image comes to a login" at_login
            echo "$took" >>"$work/$image-$first-login"
            if [[ $image == demo ]]; then
                await "the application answers" answers
                echo "$took" >>"$work/$image-$first-answer"
                # What the first boot does after it first answers is not to be part of the next one.
                [[ $first == later ]] || sleep 20
            fi
            power_off
        done
    done
done

uname -srm
echo "$(nproc) cores, $(qemu-system-x86_64 --version | head -1), median of $boots; seconds from power-on"
printf '%-44s %8s %8s\n' "" first later
printf '%-44s %8s %8s\n' \
    "bare Debian: login" "$(median "$work/bare-first-login")" "$(median "$work/bare-later-login")" \
    "appliance: login" "$(median "$work/demo-first-login")" "$(median "$work/demo-later-login")" \
    "appliance: the application answers" "$(median "$work/demo-first-answer")" "$(median "$work/demo-later-answer")" \
    "  as a multiple of the bare login (aim 1.5)" \
    "$(ratio "$(median "$work/demo-first-answer")" "$(median "$work/bare-first-login")")" \
    "$(ratio "$(median "$work/demo-later-answer")" "$(median "$work/bare-later-login")")"
echo
printf '%-44s %8s\n' "OVA without an application (aim 300 MiB)" "$(size "$images/plain.ova")" \
    qcow2 "$(size "$images/plain.qcow2")" VHDX "$(size "$images/plain.vhdx")"
printf '%-44s %8s\n' "bytes in use on the raw disk" "$(du -m "$images/plain.raw" | cut -f 1) MiB"
