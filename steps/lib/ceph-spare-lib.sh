# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use these
# Whether Ceph can do without OSDs for a while. Needs lib.sh and ceph-lib.sh. USER is as whom Ceph is asked.

# may_stop USER ID...: all data can be read and written without these OSDs, as a manager says, to which the monitors pass the question on.
# Leaves in `words` why not, and in `report` all that it says.
may_stop() {
  local user=$1 ids
  ids=$(printf '"%s"\n' "${@:2}" | jq -cs .)
  words='' report=''
  { report=$(ceph_says ask_as "$user" 15 'osd ok-to-stop' ids:="$ids" 2>&1 >&3); } 3>"$RUN/ok-to-stop" && return
  words=$(tail -n 1 <<<"$report") words=${words##*\]: }
  report=$(jq -c . "$RUN/ok-to-stop" 2>/dev/null) || report=
  return 1
}

# stop_is_answered USER ID...: a manager answers may_stop. One that took over just now knows of no data yet.
stop_is_answered() { may_stop "$@" || jq -e '(.unknown_pgs // []) == []' <<<"$report" >/dev/null; }

# is_whole USER: all data can be written and has all its copies. Leaves in `lacking` what is not so: count and state, a line each.
is_whole() {
  local status
  status=$(ceph_says ask_as "$1" 15 status) || { lacking='no monitor answers'; return 1; }
  lacking=$(jq -r '.pgmap.pgs_by_state[]? | select(.state_name | (startswith("active") | not) or test("degraded|undersized")) | "\(.count) \(.state_name)"' <<<"$status")
  [ -z "$lacking" ]
}

# is_lasting USER: no OSD is away, and nothing moves: there are fewer machines than copies, which no waiting mends.
is_lasting() {
  ! grep -qvE '^[0-9]+ active\+undersized(\+degraded)?$' <<<"$lacking" &&
    ceph_says ask_as "$1" 15 'osd dump' | jq -e 'all(.osds[] | select(.in == 1); .up == 1)' >/dev/null
}

# pauses_always: what may_stop has found is only that data has no more copies than it needs to be written: then it waits whenever this OSD
# restarts, and no waiting mends it.
pauses_always() {
  jq -e '(.bad_become_inactive // [] | length > 0) and ([.unknown_pgs, .bad_no_pool_pgs, .bad_already_inactive] | all(. == null or . == []))' <<<"$report" >/dev/null
}

# can_spare USER ID: all data has all its copies, or will never have more, and can be used without the OSD, or never could be.
can_spare() {
  words=''
  is_whole "$1" || is_lasting "$1" || return 1
  may_stop "$@" || pauses_always
}

# spare USER ID WHY: waits until Ceph can do without this OSD for as long as its restart takes. What the manager says of data is some
# seconds old: another OSD may have restarted just now.
spare() {
  local lacking='' words='' report=''
  sleep "$STALE"
  poll 120 "" can_spare "$1" "$2" ||
    die "osd.$2 $3, and Ceph cannot spare it after 120 s: ${words:-${lacking//$'\n'/, }}" "let it recover ('ceph -s' and 'ceph osd ok-to-stop $2' on a monitor), then run 'pulumi up' again, which goes on here; osd.$2 runs as before"
  [ -z "$words" ] || say "data that has no copy to spare waits while osd.$2 restarts: $words"
}
