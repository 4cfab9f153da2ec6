# shellcheck shell=bash
# What the steps of a restore share. Needs lib.sh and etcd-lib.sh, and of the program EPOCH, the number of the restore.

# Where etcd holds the number of the last restore that it has behind it: so that every member knows, also one that came later.
RESTORED=groundwork/restored

# What is made of the snapshot before anything is stopped.
# shellcheck disable=SC2034,SC2153 # some steps use it; of the program
SCRATCH=/var/lib/etcd/restore-$EPOCH

# What the operator brought goes when nothing needs it any more: it is in the clear, which snapshots on masters may not be.
forget_brought() { rm -f "/var/lib/groundwork/snapshots/restore-$EPOCH".db{,.zst}; }

# The services of a master that a restore stops, in the order in which they start again.
# shellcheck disable=SC2034 # some steps use it
STOPPED=(etcd kube-apiserver kube-controller-manager kube-scheduler groundwork-admission)

epoch_at() { etcdctl_at "$1" get "$RESTORED" --consistency=s --print-value-only 2>/dev/null; }

# restored: this restore, or a later one, has been done, by what this machine noted and what members of etcd say.
restored() {
  local url epoch
  # shellcheck disable=SC2153 # of the program
  ! etcd_has_data || [ "$(cat "$STATE/restored" 2>/dev/null || echo 0)" -lt "$EPOCH" ] || return 0
  # shellcheck disable=SC2086,SC2153 # PEERS is a list, from the program
  for url in "$ETCD_LOCAL" $(printf 'https://%s:2379\n' $PEERS); do
    healthy "$url" '?serializable=true' 2 || continue
    epoch=$(epoch_at "$url") || continue
    [ "${epoch:-0}" -lt "$EPOCH" ] || return 0
  done
  return 1
}
