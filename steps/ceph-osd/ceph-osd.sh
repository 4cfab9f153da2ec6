#!/usr/bin/env bash
# ceph-osd: one device is an OSD of this cluster, and it is up. Written to only when blank, or marked as this cluster's
# own, or given away by `wipe: true`. The OSD's UUID is the program's, so that an interrupted run finds its own id again.
#
# Needs also: FSID, OSD_UUID, OSD (the device in names), DEVICE, BACKEND (lvm | raw | file), WIPE (true | false), SIZE_GIB
# (file), the text osd_key, and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/ceph-device-lib.sh
. "$(dirname "$0")/../lib/ceph-device-lib.sh"
# shellcheck source=../lib/ceph-spare-lib.sh
. "$(dirname "$0")/../lib/ceph-spare-lib.sh"

known() { jq -r --arg uuid "$OSD_UUID" ".osds[] | select(.uuid == \$uuid) | $1" <<<"$MAP"; }

# owner LABEL: the OSD of this cluster that the label names; fails when there is none.
owner() {
  local uuid
  uuid=$(jq -r --arg fsid "$FSID" 'select(.ceph_fsid == $fsid) | .osd_uuid' <<<"$1")
  jq -er --arg uuid "$uuid" '.osds[] | select(.uuid == $uuid) | "osd.\(.osd)"' <<<"$MAP"
}

# examine: what the device holds, in one word: ours | half-made | leftover | blank | foreign | the name of another OSD of
# this cluster. Only reads.
examine() {
  local found cluster uuid
  if ! found=$(label "$BLOCK"); then
    if [ "$BLOCK" != "$DEVICE" ] && found=$(label "$DEVICE") && owner "$found"; then return; fi
    if [ -z "$(contents)" ]; then echo blank; elif group_exists; then echo half-made; else echo foreign; fi
    return
  fi
  read -r cluster uuid < <(jq -r '"\(.ceph_fsid // "-") \(.osd_uuid // "-")"' <<<"$found")
  # The cluster's id comes into the label later than the OSD's own.
  if [ "$uuid" = "$OSD_UUID" ] && [ "$cluster" = - ]; then
    echo half-made
  elif [ "$cluster" != "$FSID" ]; then
    echo foreign
  elif [ "$uuid" != "$OSD_UUID" ]; then
    owner "$found" || echo leftover
  elif [ -z "$(known .osd)" ]; then
    echo leftover
  elif jq -e '.ready == "ready"' <<<"$found" >/dev/null; then
    echo ours
  else
    echo half-made
  fi
}

describe() { { label "$DEVICE" | jq -r '"an OSD of Ceph cluster \(.ceph_fsid // "unknown")"'; } || contents; }

# register: this OSD's id. One that has run before but whose data is gone starts again as an empty one.
register() {
  local id state
  id=$(known .osd) state=$(known '.state | join(" ")')
  case " $state " in
    '  ' | *' new '* | *' destroyed '*) ;;
    *)
      # A machine that was reinstalled just now is still missed by nobody.
      wait_for 90 "osd.$id is up somewhere else, though $DEVICE here does not hold it; see 'ceph osd find $id'" "" is_down
      keep_key "$id"
      ceph_says ceph --connect-timeout 30 --name "osd.$id" osd destroy-actual "$id" --yes-i-really-mean-it >/dev/null
      changed "gave up the lost data of osd.$id"
      ;;
  esac
  # shellcheck disable=SC2086 # an empty id is no argument
  OSD_ID=$(printf '{"cephx_secret": "%s"}' "$(osd_key)" | as_osd_host 'osd new' uuid="$OSD_UUID" ${id:+id:=$id} format=plain -)
}

is_down() {
  MAP=$(as_osd_host 'osd dump')
  ! known '.state[]' | grep -qx up
}

# keep_key ID: the key by which the cluster knows the OSD lies where its programs look for it.
keep_key() {
  osd_keyring "$1" | file "/etc/ceph/ceph.osd.$1.keyring" 0600 ceph:ceph
}

# choose_no_more: the keyring has the key that the monitors were told, and nothing else lies beside it.
choose_no_more() {
  local choice
  choice=$(osd_choice "$OSD_ID")
  [ -e "$choice" ] || return 0
  rm -f "/etc/ceph/ceph.osd.$OSD_ID.next" "$choice"
  changed "took away what osd.$OSD_ID chose its key by"
}

# furnish: what the OSD starts with, made anew from what the program and the device know.
furnish() {
  keep_key "$OSD_ID"
  # The unit reads it, too.
  printf 'OSD_UUID=%s\nBLOCK=%s\n' "$OSD_UUID" "$BLOCK" | file "$OSD_NOTES/$OSD_ID" 0600 root:root
  chown ceph:ceph "$BLOCK"
  # shellcheck disable=SC2016 # the other shell expands them
  as_ceph bash -euc 'mkdir -p -m 0750 "$1" && ln -sfT "$2" "$1/block" && rm -f "$1/keyring"' - "$OSD_DATA$OSD_ID" "$BLOCK"
}

# prepare_osd: the cluster hears of the OSD when there is a place for it, and forgets one that could not be made.
prepare_osd() {
  local former
  make_block
  register
  # One that the cluster has forgotten meanwhile comes again under another id.
  ! former=$(osd_of "$OSD_UUID") || stop_osd "$former"
  as_ceph rm -rf "$OSD_DATA$OSD_ID"
  furnish
  as_ceph ceph-osd --mkfs --id "$OSD_ID" --osd-uuid "$OSD_UUID" >"$RUN/mkfs.log" 2>&1 || {
    as_osd_host 'osd purge-new' id:="$OSD_ID" yes_i_really_mean_it:=true >/dev/null 2>&1 || true
    stop_osd "$OSD_ID"
    die "osd.$OSD_ID could not be made on $DEVICE: $(tail -n 2 "$RUN/mkfs.log" | tr '\n' ' ')" "the whole output is in $RUN/mkfs.log"
  }
  changed "made osd.$OSD_ID on $DEVICE"
}

is_up() { asok "osd.$OSD_ID" status | jq -e '.state == "active"'; }

require_claim
exclusively ceph-osd
require_roots "$DEVICE"
[ "$BACKEND" = file ] || [ -b "$DEVICE" ] || die "$DEVICE is not a block device of this machine" "see 'ls -l /dev/disk/by-id'; correct storage.devices, or use backend: file"
! group_exists || vgchange "${ONLY[@]}" --quiet --activate y "$OSD_GROUP" >/dev/null
MAP=$(as_osd_host 'osd dump') || die "no monitor answers" "bring the monitors back first"
found=$(examine)
case $found in
  osd.*) die "$DEVICE is $found of this cluster already" "a device is named twice, or it was moved, renamed or got another backend: remove it where it was, run 'pulumi up', then add it here" ;;
esac
if [ "$found" = ours ]; then
  OSD_ID=$(known .osd)
  furnish
  if [ ! -e "$OSD_DATA$OSD_ID/ready" ]; then
    as_ceph ceph-bluestore-tool prime-osd-dir --dev "$BLOCK" --path "$OSD_DATA$OSD_ID" >/dev/null
    changed "took up osd.$OSD_ID from $DEVICE again"
  fi
else
  users=$(in_use | head -1)
  [ -z "$users" ] || die "$DEVICE is in use: $users" "free it, or name another device; a device in use is never taken"
  if [ "$found" = foreign ] && [ "$WIPE" != true ]; then
    die "$DEVICE is not blank: it holds $(describe)" "nothing was written; if it may be erased, say wipe: true for this device in storage.devices"
  fi
  [ "$found" = blank ] || { erase; changed "erased $DEVICE, which was $found"; }
  prepare_osd
fi
install_files
UNIT=ceph-osd@$OSD_ID.service
READ_BY_IT=(/etc/systemd/system/ceph-osd@.service.d/groundwork.conf "/etc/ceph/ceph.osd.$OSD_ID.keyring" "$CEPH_INSTALLED")
choose_no_more
enable_units "$UNIT"
if systemctl is-active --quiet "$UNIT" && stale "$UNIT" "${READ_BY_IT[@]}"; then spare client.bootstrap-osd "$OSD_ID" "is to restart"; fi
run_unit "$UNIT" "${READ_BY_IT[@]}"
wait_for 120 "osd.$OSD_ID was not up within 120 s" "$UNIT" is_up
finish
