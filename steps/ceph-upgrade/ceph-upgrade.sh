#!/usr/bin/env bash
# ceph-upgrade: whether Ceph may go from what its daemons run to CEPH_VERSION. Runs on a monitor's machine, before packages come to any.
# Changes nothing.
#
# Needs also: TARGET (of whom nothing is noted here: all nodes), FSID, CEPH_VERSION (upstream's), WAYS (lines of: version, the least of the next
# major release to which there is a way, why).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# What stands in the way, a line each.
PROBLEMS=()
problem() { PROBLEMS+=("$1"); }

# judge_way RUNNING: from a version to CEPH_VERSION.
judge_way() {
  local from least why
  # shellcheck disable=SC2153 # from the program
  if is_older "$CEPH_VERSION" "$1"; then
    problem "daemons run $1, and an older Ceph does not read what a newer one has stored: set cluster.ceph.packages.version to $1 or later"
  elif [ $((${CEPH_VERSION%%.*} - ${1%%.*})) -gt 2 ]; then
    problem "daemons run $1, and Ceph skips at most one major release: set a version of $((${1%%.*} + 2)).2 first"
  fi
  while read -r from least why; do
    if [ "${from%%.*}" = "${1%%.*}" ] && ! is_older "$1" "$from" && [ "${least%%.*}" = "${CEPH_VERSION%%.*}" ] && is_older "$CEPH_VERSION" "$least"; then
      problem "daemons run $1, from which $CEPH_VERSION $why: set cluster.ceph.packages.version to $least or later"
    fi
  done < <(sed '/^$/d' <<<"$WAYS")
  wait $!
}

# judge_health: what a restart of daemons would make worse.
judge_health() {
  local line
  while read -r line; do
    problem "Ceph is not well: $line"
  done < <(ceph_ask health | jq -r '.status as $status | .checks | to_entries[]
    | select($status == "HEALTH_ERR" or (.key | IN("MON_DOWN", "MGR_DOWN", "OSD_DOWN", "OSD_HOST_DOWN", "OSD_FULL", "OSD_BACKFILLFULL", "OSD_NEARFULL", "PG_AVAILABILITY")))
    | .value.summary.message')
  wait $!
}

require_claim
exclusively ceph-configure
# Nothing of Ceph runs yet.
if ! mon_has_data; then
  finish
  exit 0
fi
status=$(ceph_ask versions) || die "the monitors have no quorum, so that nobody says whether Ceph may become $CEPH_VERSION" "bring a quorum of them back first; nothing was changed"
running=$(ceph_versions "$status" overall | cut -d' ' -f1)
if [ -n "$running" ] && [ "$running" != "$CEPH_VERSION" ]; then
  while read -r version; do judge_way "$version"; done <<<"$running"
  judge_health
fi
[ ${#PROBLEMS[@]} -eq 0 ] ||
  die "Ceph cannot become $CEPH_VERSION:$(printf '\n    %s' "${PROBLEMS[@]}")" "mend each as it says ('ceph health detail' on a monitor), then run 'pulumi up' again, or set the version back; nothing was changed"
finish
