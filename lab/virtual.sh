# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are lib.sh's and machine's
# A lab machine that is a virtual one: for what the others, which share this machine's kernel, cannot show. QEMU computes all of
# it, for where the lab runs is seldom a processor that a guest may use: it is slow, and needs nothing.

# is_virtual NODE: whether the system it is installed with has a kernel of its own.
is_virtual() { [[ $(system_of "$1") == *-virtual ]]; }

# disks_of NODE: the files behind its block devices, which are called as their files are.
disks_of() { compgen -G "$lab/nodes/$1/disk/*.img" || true; }

# boot_virtual NODE: until it powers off or is killed; it reboots by itself.
boot_virtual() {
  local node=$1 disk=$lab/nodes/$1/disk file name devices=()
  if [ ! -e "$disk/system" ]; then
    mke2fs -q -t ext4 -d "$disk/root" "$disk/system.new" 12G
    mv "$disk/system.new" "$disk/system"
  fi
  for file in $(disks_of "$node"); do
    name=${file##*/} name=${name%.img}
    devices+=(-drive "if=none,id=$name,file=$file,format=raw,discard=unmap" -device "virtio-blk-pci,drive=$name,serial=$name")
  done
  ip tuntap add "vb-$node" mode tap
  ip link set "vb-$node" master "$bridge" up
  (in_cgroup "$node" qemu-system-x86_64 -accel tcg,thread=multi -machine pc -cpu max -smp 2 -m 3072 \
    -nodefaults -display none -device virtio-rng-pci \
    -kernel "$disk/rootfs/boot/vmlinuz" -initrd "$disk/rootfs/boot/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=10" \
    -chardev "file,id=console,path=$lab/log/$node.console.log,append=on" -serial chardev:console \
    -monitor "unix:$disk/monitor,server=on,wait=off" \
    -drive "if=virtio,file=$disk/system,format=raw,discard=unmap" "${devices[@]}" \
    -netdev "tap,id=cable,ifname=vb-$node,script=no,downscript=no" -device "virtio-net-pci,netdev=cable,mac=$(mac_of "$(address_of "$node")")") 8>&-
}

# plug_virtual NODE DISK: what a running machine finds as /dev/disk/by-id/virtio-DISK.
plug_virtual() {
  local said
  said=$(printf '%s\n' "drive_add 0 if=none,id=$2,file=$lab/nodes/$1/disk/$2.img,format=raw,discard=unmap" "device_add virtio-blk-pci,drive=$2,serial=$2,id=$2" |
    socat -t 2 - "UNIX-CONNECT:$lab/nodes/$1/disk/monitor")
  ! grep -i error <<<"$said" || die "$1 does not take the disk $2"
}
