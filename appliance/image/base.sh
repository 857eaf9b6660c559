#!/bin/sh
# Configures the tree of packages, the same for every appliance: base.sh TREE. Run by mmdebstrap, as root.
set -eu
tree=$1

# The groups are there from the first boot, without a step in it.
chroot "$tree" systemd-sysusers

echo appliance >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 appliance\n::1 localhost ip6-localhost ip6-loopback\n' >"$tree/etc/hosts"
echo LANG=C.UTF-8 >"$tree/etc/locale.conf"
ln -sf /usr/share/zoneinfo/Etc/UTC "$tree/etc/localtime"
# Each appliance writes its own at first boot. Empty, and not "uninitialized", at which systemd would enable every unit.
: >"$tree/etc/machine-id"
rm -f "$tree/var/lib/dbus/machine-id"
# Nobody logs in by a password before somebody has set one.
chroot "$tree" passwd --quiet --lock root
ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"

# By hand, as no manager runs here. The ingress comes up once it is configured, and what waits for a network would keep
# an appliance without one from starting.
systemctl --root="$tree" --quiet enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
systemctl --root="$tree" --quiet disable haproxy.service systemd-networkd-wait-online.service
systemctl --root="$tree" --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer \
    systemd-networkd-wait-online.service

# The profiles in the package are for a desktop's programs; the engine loads the one that it puts containers under.
systemctl --root="$tree" --quiet mask apparmor.service

# The system partition is checked before it is mounted, or never.
chroot "$tree" sh -c 'lsinitramfs /boot/initrd.img-*' >"$tree/tmp/initrd"
grep -q 'sbin/e2fsck$' "$tree/tmp/initrd" || {
    echo "base.sh: there is no e2fsck in the initrd" >&2
    exit 1
}

# Left over from the installation, and of no use in the image.
rm -rf "$tree"/var/log/* "$tree"/var/cache/* "$tree"/var/lib/apt/lists/* "$tree"/var/lib/dpkg/*-old \
    "$tree"/etc/*- "$tree"/etc/fstab "$tree/etc/apt/sources.list" "$tree"/tmp/* "$tree"/var/tmp/*
rm -f "$tree/initrd.img" "$tree/initrd.img.old" "$tree/vmlinuz" "$tree/vmlinuz.old"
mkdir -p "$tree/var/cache/ldconfig" "$tree/var/log/journal"

# The oldest time that a system of this image believes: a machine whose clock was lost starts here, not in 1970.
touch --date="@$SOURCE_DATE_EPOCH" "$tree/usr/lib/clock-epoch"
# Nothing in /etc and /var waits to be brought up to date at first boot.
for folder in etc var; do
    printf '# As of the making of the image.\nTIMESTAMP_NSEC=%s000000000\n' \
        "$SOURCE_DATE_EPOCH" >"$tree/$folder/.updated"
    touch --date="@$SOURCE_DATE_EPOCH" "$tree/$folder/.updated"
done
touch --date="@$SOURCE_DATE_EPOCH" "$tree/usr"
