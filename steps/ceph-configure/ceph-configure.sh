#!/usr/bin/env bash
# ceph-configure: the cluster's settings, users, pools and dashboard login are as the file says; all data can be
# read and written, and is in place unless there is so much of it that it moves for minutes.
#
# Needs also: FSID, POOLS (lines of: name, application, size, min_size, given | derived), DASHBOARD (true | false), and the texts settings,
# users (a keyring with capabilities), dashboard_password.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# drop_settings: options that an earlier file named and this one does not fall back to Ceph's defaults.
drop_settings() {
  local wanted former section option
  wanted=$(settings | cut -d' ' -f1,2 | sort)
  former=$(ceph_ask 'config-key get' key=groundwork/settings format=plain 2>/dev/null || true)
  [ "$wanted" != "$former" ] || return 0
  while read -r section option; do
    ceph_do config rm "$section" "$option"
    changed "unset $option of $section"
  done < <(comm -13 <(echo "$wanted") <(echo "$former") | sed '/^$/d')
  echo "$wanted" | ceph_ask 'config-key set' key=groundwork/settings - >/dev/null
}

# require_copies: data keeps as many copies as it has, unless the file itself says how many it is to have. Asked before
# anything changes: what leaves the cluster leaves when this step has succeeded.
require_copies() {
  local name size origin now
  while read -r name _ size _ origin; do
    [ "$origin" = derived ] || continue
    now=$(jq --arg name "$name" '.[] | select(.pool_name == $name) | .size' <<<"$ALL_POOLS")
    [ "${now:-0}" -le "$size" ] ||
      die "pool $name keeps $now copies; the nodes that the file leaves the role ceph-osd would be enough for $size" "nothing was taken away. Give another node the role ceph-osd first; if $size copies are enough, say pool_size: $size in cluster.ceph"
  done <<<"$POOLS"
}

# make_pools: none is ever deleted; that is for an operator's own hand. The managers make their own, and say what it is for.
make_pools() {
  local name application size min_size pool
  while read -r name application size min_size _; do
    [ -n "$name" ] || continue
    pool=$(jq -c --arg name "$name" '.[] | select(.pool_name == $name)' <<<"$ALL_POOLS")
    if [ -z "$pool" ]; then
      [ "$application" != mgr ] || continue
      ceph_ask 'osd pool create' pool="$name" pg_num:=32 size:="$size" autoscale_mode=on >/dev/null
      changed "made pool $name"
      pool="{\"size\": $size}"
    fi
    if [ "$(jq .size <<<"$pool")" != "$size" ]; then
      ceph_ask 'osd pool set' pool="$name" var=size val="$size" yes_i_really_mean_it:=true >/dev/null
      changed "pool $name keeps $size copies"
    fi
    if [ "$(jq '.min_size // 0' <<<"$pool")" != "$min_size" ]; then
      ceph_ask 'osd pool set' pool="$name" var=min_size val="$min_size" >/dev/null
    fi
    if [ "$application" != mgr ] && ! jq -e --arg application "$application" '.application_metadata // {} | has($application)' <<<"$pool" >/dev/null; then
      case $application in
        rbd) rbd pool init "$name" ;;
        *) ceph_ask 'osd pool application enable' pool="$name" app="$application" >/dev/null ;;
      esac
      changed "pool $name is for $application"
    fi
  done <<<"$POOLS"
}

# all_are STATE: every placement group is, and a manager says so.
all_are() {
  ceph_ask status | jq -e --arg state "$1" '.mgrmap.available and
    (.pgmap | .num_pgs == ([.pgs_by_state[] | select(.state_name | startswith($state)) | .count] | add // 0))'
}

# scarce: fewer hosts have OSDs than a pool has copies, so that it will not become clean.
scarce() {
  local hosts copies
  hosts=$(ceph_ask 'osd tree' 'states:=["up","in"]' | jq '[.nodes[] | select(.type == "host")] | length')
  copies=$(ceph_ask 'osd pool ls' detail=detail | jq 'map(.size) | max // 0')
  [ "$hosts" -lt "$copies" ]
}

in_place() { all_are active+clean || { all_are active && { [ "$SECONDS" -ge 150 ] || scarce; }; }; }

dashboard_runs() { ceph_ask 'mgr services' | jq -e .dashboard; }

# dashboard_login: the user admin has the program's password. What Ceph keeps of it is compared, not the password.
dashboard_login() {
  local shown secret=$RUN/dashboard-password
  wait_for 60 "the dashboard does not start" "ceph-mgr@*" dashboard_runs
  install -m 0600 /dev/null "$secret"
  dashboard_password >"$secret"
  if shown=$(ceph_do dashboard ac-user-show admin 2>/dev/null); then
    if ! jq -r .password <<<"$shown" | PYTHONPATH=/usr/local/lib/groundwork/ceph-mgr python3 -B -c '
import bcrypt, sys
password = open(sys.argv[1], "rb").read().rstrip(b"\n")
sys.exit(not bcrypt.checkpw(password, sys.stdin.buffer.read().strip()))' "$secret"; then
      ceph_do dashboard ac-user-set-password admin -i "$secret" --force-password >/dev/null
      changed "changed the dashboard's password"
    fi
  else
    ceph_do dashboard ac-user-create admin -i "$secret" administrator --force-password >/dev/null
    changed "made the dashboard's user admin"
  fi
  rm -f "$secret"
}

require_claim
exclusively ceph-configure
ALL_POOLS=$(ceph_ask 'osd pool ls' detail=detail)
# Before Ceph 17 its own pool has this name.
if jq -e 'any(.[]; .pool_name == "device_health_metrics")' <<<"$ALL_POOLS" >/dev/null; then
  POOLS=$(awk '$1 == ".mgr" { $1 = "device_health_metrics" } 1' <<<"$POOLS")
fi
require_copies
apply_settings
drop_settings
import_users client.admin
make_pools
[ "$DASHBOARD" != true ] || dashboard_login
wait_for 180 "not every placement group became active within 180 s" "ceph-mgr@*" in_place
health=$(ceph_ask health format=plain)
[ "$health" = HEALTH_OK ] || say "Ceph says: $health"
finish
