#!/usr/bin/env bash
# Turns a lab machine's root file system into a virtual machine's, which has devices. Run by mmdebstrap with the root as $1.
set -euo pipefail

root=$1
chroot "$root" systemctl --quiet unmask systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service
chroot "$root" systemctl --quiet disable lab-cgroups.service
# The kernel's command line keeps the name eth0; everything else knows the cable's end as nspawn names it.
install -d "$root/etc/systemd/system/lab-network.service.d"
printf '[Service]\nExecStartPre=-/usr/sbin/ip link set eth0 name host0\n' >"$root/etc/systemd/system/lab-network.service.d/virtual.conf"
printf '%s\n' virtio_pci virtio_blk virtio_net ext4 >>"$root/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
chroot "$root" update-initramfs -u -k all >&2
# One name each, whatever the version is.
for what in vmlinuz initrd.img; do ln -sfn "$(basename "$(ls "$root/boot/$what"-*)")" "$root/boot/$what"; done
# /usr is younger now: nothing to catch up with at the first boot all the same.
touch "$root/etc/.updated" "$root/var/.updated"
