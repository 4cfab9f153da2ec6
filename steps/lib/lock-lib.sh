# shellcheck shell=bash
# The machine's lock: who it belongs to. Needs lib.sh.

lock_value() { sed -n "s/^$1=//p" "$STATE/lock"; }

# check_lock: the lock is ours; fails when nobody holds it, and ends the step when somebody else does.
check_lock() {
  [ -e "$STATE/lock" ] || return 1
  [ "$(lock_value cluster_id)" = "$CLUSTER_ID" ] ||
    die "the machine belongs to cluster '$(lock_value cluster_name)' ($(lock_value cluster_id)) as '$(lock_value node)' since $(lock_value since), held by stack '$(lock_value stack)'; this is cluster '$CLUSTER_NAME' ($CLUSTER_ID)" \
      "remove it from that cluster first (delete it there and run 'pulumi up'), or, if that cluster is gone, run steps/claim/reset.sh on the machine with its cluster id"
  [ "$(lock_value node)" = "$NODE" ] ||
    die "the machine is already '$(lock_value node)' of this cluster; the file now calls it '$NODE'" \
      "two entries of the file lead to one machine, or a node was renamed: rename it back, or remove it and add it in two runs"
}
