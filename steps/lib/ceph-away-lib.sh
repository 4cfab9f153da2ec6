# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use these
# What the steps share that let a machine of Ceph's go for a while, and take it back. Needs ceph-lib.sh, TARGET and TARGET_HOSTNAME.

HOST=$(crush_host "$TARGET_HOSTNAME")
# Where Ceph itself keeps what it complained of before: only who finds it takes `noout` back.
KEY=groundwork/away/$TARGET

# osds: the ids of the machine's, between spaces; none where it has none.
osds() { ceph_ask 'osd tree' | jq -r --arg host "$HOST" '[.nodes[] | select(.type == "host" and .name == $host) | .children[]] | sort | map(tostring) | join(" ")'; }

# stays_in: whether the host's OSDs are not taken out when they are down.
stays_in() { ceph_ask 'osd dump' | jq -e --arg host "$HOST" '.crush_node_flags[$host] // [] | index("noout") != null' >/dev/null; }

# clean: all data has all its copies, which are not moved. Leaves Ceph's status in `status`, and in `words` what is not so.
clean() {
  words=''
  status=$(ceph_ask status && ceph_ask 'mon dump') || return 1
  status=$(jq -cs '.[0] + {monmap_names: [.[1].mons[].name]}' <<<"$status")
  words=$(jq -r '([.pgmap.pgs_by_state[]? | select(.state_name | test("^active[+]clean") | not) | "\(.count) placement groups are \(.state_name)"]
    + [.health | select(.status == "HEALTH_ERR") | .checks[].summary.message]) | join("; ")' <<<"$status")
  [ -z "$words" ]
}
