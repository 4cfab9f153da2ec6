#!/usr/bin/env bash
# ceph-release: all daemons of Ceph run CEPH_VERSION, and the cluster takes in no OSD of an older release any more, which is upstream's
# last step of an upgrade.
#
# Needs also: FSID, CEPH_VERSION (upstream's), RELEASE (its name).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# others: kinds, versions and numbers of daemons that run something else, in words.
others() {
  local kind
  for kind in mon mgr osd; do
    ceph_versions "$1" "$kind" | awk -v kind="$kind" -v wanted="$CEPH_VERSION" '$1 != wanted { print $2 " " kind " of " $1 }'
  done | paste -sd, | sed 's/,/, /g'
}
all_run() {
  local versions
  versions=$(ceph_ask versions) || return
  left=$(others "$versions")
  [ -z "$left" ]
}

require_claim
exclusively ceph-configure
left='no monitor answers'
# A daemon that has just started tells in a moment what it is.
poll 60 "" all_run || die "not all of Ceph runs $CEPH_VERSION: $left" "see 'ceph versions' on a monitor, and the journal of what did not restart; then run 'pulumi up' again"
if [ "$(ceph_ask 'osd dump' | jq -r .require_osd_release)" != "$RELEASE" ]; then
  ceph_ask 'osd require-osd-release' release="$RELEASE" >/dev/null
  changed "Ceph takes in no OSD older than $RELEASE"
fi
finish
