#!/usr/bin/env bash
# Turns a fresh Debian root file system into a lab machine's. Run by mmdebstrap with the root as $1.
set -euo pipefail

root=$1
files=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/files

# The drop-ins, as they are; owner and mode must not depend on the clone's.
tar -C "$files" --owner=0 --group=0 --mode='u+rwX,go+rX,go-w' -cf - . | tar -C "$root" -xf -

# Of no use in a container, or woken by a timer while a test measures something.
mask=(
  systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service
  console-getty.service getty.target systemd-networkd.service systemd-hostnamed.service systemd-hostnamed.socket
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer fstrim.timer logrotate.timer
  e2scrub_all.timer e2scrub_reap.service systemd-pcrphase.service
)
chroot "$root" systemctl --quiet mask "${mask[@]}"

# The product enables what it wants; the image only holds the programs.
chroot "$root" systemctl --quiet disable containerd.service haproxy.service keepalived.service nftables.service ceph-crash.service
chroot "$root" systemctl --quiet enable ssh.service lab-network.service lab-cgroups.service
chroot "$root" systemctl --quiet set-default multi-user.target

# Nothing to catch up with at the first boot.
: >"$root/etc/default/locale"
touch "$root/etc/.updated" "$root/var/.updated"

# Every machine gets its own of these before its first boot.
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub "$root/etc/machine-id"
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
echo "nameserver 10.77.0.1" >"$root/etc/resolv.conf"
install -d -m 700 "$root/root/.ssh"

# How the building machine reaches its mirror is nobody else's business.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/etc/apt/sources.list.d/*
# shellcheck disable=SC1091 # of the new system
suite=$(. "$root/etc/os-release" && echo "$VERSION_CODENAME")
cat >"$root/etc/apt/sources.list" <<EOF
deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main
EOF
