# shellcheck shell=bash
# What the steps share that run a manager. Needs lib.sh and ceph-lib.sh.

# shellcheck disable=SC2034 # the steps use it
MGR_READS=(/etc/systemd/system/ceph-mgr@.service.d/groundwork.conf /usr/local/lib/groundwork/ceph-mgr "$MGR_KEYRING" /etc/ceph/dashboard.{crt,key})

# manager: by which number the monitors know the manager that runs here; none: it neither serves nor stands by.
manager() {
  ceph_ask 'mgr dump' |
    jq -r --arg me "$NODE" 'if .active_name == $me then select(.available) | .active_gid else .standbys[] | select(.name == $me) | .gid end'
}
is_another() { local now && now=$(manager) && [ -n "$now" ] && [ "$now" != "$1" ]; }

# start_manager FILE...: it runs, started after the last change of each. One that restarts counts again before the next one's turn comes; another
# takes over meanwhile.
start_manager() {
  local before=''
  enable_units "$MGR_UNIT"
  if systemctl is-active --quiet "$MGR_UNIT" && stale "$MGR_UNIT" "$@"; then before=$(manager); fi
  run_unit "$MGR_UNIT" "$@"
  [ -z "$before" ] || wait_for 60 "mgr.$NODE did not come back within 60 s of its restart" "$MGR_UNIT" is_another "$before"
}
