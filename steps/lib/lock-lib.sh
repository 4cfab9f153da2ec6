# shellcheck shell=bash
# The machine's lock: who it belongs to. Needs lib.sh.

lock_value() { sed -n "s/^$1=//p" "$STATE/lock"; }

# lock_trouble: what speaks against the lock that somebody holds, and what to do, in TROUBLE and REMEDY; fails when it is ours.
# Where the cluster's id is not known, its name decides.
lock_trouble() {
  local by=cluster_id wanted=$CLUSTER_ID
  [ -n "$wanted" ] || by=cluster_name wanted=$CLUSTER_NAME
  if [ "$(lock_value $by)" != "$wanted" ]; then
    TROUBLE="the machine belongs to cluster '$(lock_value cluster_name)' ($(lock_value cluster_id)) as '$(lock_value node)' since $(lock_value since), held by stack '$(lock_value stack)'; this is cluster '$CLUSTER_NAME'${CLUSTER_ID:+ ($CLUSTER_ID)}"
    REMEDY="remove it from that cluster first (delete it there and run 'pulumi up'), or, if that cluster is gone, run steps/claim/reset.sh on the machine with its cluster id"
  elif [ "$(lock_value node)" != "$NODE" ]; then
    TROUBLE="the machine is already '$(lock_value node)' of this cluster; the file now calls it '$NODE'"
    REMEDY="two entries of the file lead to one machine, or a node was renamed: rename it back, or remove it and add it in two runs"
  else
    return 1
  fi
}

# check_lock: the lock is ours; fails when nobody holds it, and ends the step when somebody else does.
check_lock() {
  [ -e "$STATE/lock" ] || return 1
  if lock_trouble; then die "$TROUBLE" "$REMEDY"; fi
}
