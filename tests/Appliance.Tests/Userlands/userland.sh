#!/bin/bash
# Runs in namespaces of its own: takes the system and the data partition of an appliance as its units do at a boot, and
# starts what they start. When it ends, all of it ends.
#
#   userland.sh SYSTEM DATA FOLDER NAME     partitions in files, a folder for logs, a word of its own on this machine
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
system=$1 data=$2 folder=$3 name=$4
mount --make-rprivate /
ip link set lo up

# As systemd-fsck does it. 1: mended.
for partition in "$system" "$data"; do
    e2fsck -p "$partition" || (($? == 1))
done
root=$folder/root
mkdir -p "$root"
mount -o loop,noatime "$system" "$root"
# The options of the image, but for those that are systemd's.
options=$(awk '$2 == "/data" { print $4 }' "$root/etc/fstab" | sed 's/,x-systemd[^,]*//g')
mount -o "loop,$options" "$data" "$root/data"
awk '$4 == "bind" { print $1, $2 }' "$root/etc/fstab" | while read -r from to; do
    mount --bind "$root$from" "$root$to"
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/run/logs" "$root/run/appliance-agent"
mount --bind "$folder" "$root/run/logs"
# Each is a boot, which the machine that this runs on had only one of.
cat /proc/sys/kernel/random/uuid >"$root/run/boot_id"
mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
# Two that run beside each other have containers of the same names.
sed -i "0,/{/s//{\"cgroup-parent\": \"\/$name\",/" "$root/etc/docker/daemon.json"

# The order and the commands of the units, without what only systemd does: limits, restarts, the watchdog.
exec chroot "$root" /bin/bash -c '
    cd /
    containerd >/run/logs/containerd.log 2>&1 &
    {
        /usr/libexec/appliance/engine-books prepare
        exec dockerd --containerd=/run/containerd/containerd.sock
    } >/run/logs/dockerd.log 2>&1 &
    /usr/libexec/appliance/ingress run >/run/logs/ingress.log 2>&1 &
    # Started again whenever it ends, as when another version takes over.
    while :; do
        /usr/libexec/appliance/agent-guardian /var/lib/appliance-agent/agents /usr/bin/appliance-agent || :
        sleep 0.5
    done >/run/logs/agent.log 2>&1 &
    # Whatever is orphaned is ours to bury.
    while :; do wait || :; done
'
