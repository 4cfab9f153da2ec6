# shellcheck shell=bash
# What the OSD steps know of devices. Needs lib.sh, ceph-lib.sh, BACKEND, DEVICE and OSD_UUID. root opens devices by name,
# erases them and gives them to the daemons' user: no folder of their paths may be another's.
#
# The OSD's key and UUID are the program's, which `ceph-volume prepare` cannot be given: it makes its own. The layouts
# are the ones it makes, so that `ceph-volume raw list` and `ceph-volume lvm list` show these OSDs.
OSD_GROUP=ceph-$OSD_UUID
# The step's lock is open in all it starts, of which LVM would warn.
export LVM_SUPPRESS_FD_WARNINGS=1
# Its commands are to look at this device and no other: they would read all there are, and wait for one that does not answer,
# such as a volume of the Ceph cluster that goes.
ONLY=(--config "devices { filter = [ \"a|^$(readlink -m "$DEVICE")\$|\", \"r|.*|\" ] }")
case $BACKEND in
  lvm) BLOCK=/dev/$OSD_GROUP/osd-block-$OSD_UUID ;;
  *) BLOCK=$DEVICE ;;
esac

# label PATH: BlueStore's label there as one JSON object; fails when there is none.
label() { ceph-bluestore-tool show-label --dev "$1" 2>/dev/null | jq -ce '.[]'; }

# group_exists: the device carries the volume group that this OSD and no other would get.
group_exists() { [ "$BACKEND" = lvm ] && [ "$(pvs "${ONLY[@]}" --noheadings --options vg_name "$DEVICE" 2>/dev/null | tr -d ' ')" = "$OSD_GROUP" ]; }

# contents: what lies on the device, in words; empty when it is blank.
contents() {
  local found
  [ -s "$DEVICE" ] || [ -b "$DEVICE" ] || return 0
  found=$(wipefs --noheadings --output TYPE,LABEL "$DEVICE" 2>/dev/null | sort -u | tr -s ' \n' ' ')
  if [ -n "$found" ]; then
    echo "${found% }"
  elif ! cmp --quiet --bytes=1048576 "$DEVICE" /dev/zero; then
    echo "data of unknown kind"
  fi
}

# in_use: who uses the device now, in words; such a device is not taken, whatever the file says.
in_use() {
  [ -b "$DEVICE" ] || return 0
  lsblk --noheadings --raw --output NAME,MOUNTPOINTS "$DEVICE" | awk 'NF > 1 { print $1 " is mounted at " $2 }'
  # A running OSD locks its device, of which lsblk knows nothing.
  flock --timeout 5 "$DEVICE" true || echo "a running program has locked it"
  if [ "$BACKEND" != lvm ] || ! group_exists; then
    # The first line is the device's own. A partition is no use of it: what lies there is found as its contents.
    lsblk --noheadings --raw --output NAME,TYPE "$DEVICE" | awk 'NR > 1 && $2 != "part" { print $1 " (" $2 ") lies on it" }'
  fi
}

# erase: nothing is left on the device by which anyone would know what was there.
erase() {
  if [ "$BACKEND" = file ]; then
    rm -f "$DEVICE"
    return
  fi
  if group_exists; then
    vgremove "${ONLY[@]}" --quiet --force --yes "$OSD_GROUP" >/dev/null
    pvremove "${ONLY[@]}" --quiet --yes "$DEVICE" >/dev/null
  fi
  wipefs --quiet --all --force "$DEVICE"
  dd if=/dev/zero of="$DEVICE" bs=1M count=16 conv=fsync,notrunc status=none
}

# make_block: BLOCK is there, and empty.
make_block() {
  case $BACKEND in
    file)
      [ -d "${DEVICE%/*}" ] || install -d -m 0755 "${DEVICE%/*}"
      truncate --size "${SIZE_GIB}G" "$DEVICE"
      ;;
    lvm)
      group_exists || vgcreate "${ONLY[@]}" --quiet --yes "$OSD_GROUP" "$DEVICE" >/dev/null
      [ -e "$BLOCK" ] || lvcreate "${ONLY[@]}" --quiet --yes --extents 100%FREE --name "${BLOCK##*/}" "$OSD_GROUP" >/dev/null
      ;;
  esac
}
