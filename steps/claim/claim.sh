#!/usr/bin/env bash
# claim: takes this machine for the cluster: its lock, atomically and before the first other write, then its name.
#
# Needs also: STACK, ROLE (master | worker | storage), NODE_HOSTNAME, POD_CIDR (may be empty).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/hosts-lib.sh
. "$(dirname "$0")/../lib/hosts-lib.sh"
# shellcheck source=../lib/lock-lib.sh
. "$(dirname "$0")/../lib/lock-lib.sh"
# shellcheck source=../lib/routes-lib.sh
. "$(dirname "$0")/../lib/routes-lib.sh"

take_lock() {
  local mine
  install -d -m 0755 "$STATE"
  mine=$(mktemp "$STATE/.lock.XXXXXX")
  printf 'cluster_id=%s\ncluster_name=%s\nnode=%s\nstack=%s\nsince=%s\n' \
    "$CLUSTER_ID" "$CLUSTER_NAME" "$NODE" "$STACK" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$mine"
  chmod 0644 "$mine"
  sync "$mine"
  # A hard link is made whole or not at all, and never over another: of two operators exactly one wins.
  if ! ln "$mine" "$STATE/lock" 2>/dev/null; then
    rm -f "$mine"
    check_lock
    return
  fi
  rm -f "$mine"
  write_state bootstrap-state uninitialized
  changed "took the machine for cluster $CLUSTER_NAME"
}

# note_others: what of the kinds that a cluster makes is there before it: it stays when the cluster leaves.
note_others() {
  local program folder path
  local note=$STATE/before.new
  nft list tables >"$note" 2>/dev/null || true
  sync "$note"
  mv "$note" "$STATE/nft-tables"
  {
    for program in iptables ip6tables; do
      { "$program-save" 2>/dev/null || true; } | awk -v program=$program '/^\*/ { table = substr($1, 2) } /^:/ { print "chain", program, table, substr($1, 2) }'
    done
    awk '$2 ~ "^/(var/|run/)" { print "mount", $2 }' /proc/mounts
    for path in /sys/class/net/*; do echo "link ${path##*/}"; done
    if [ -n "$POD_CIDR" ]; then
      echo "routes of $POD_CIDR" # that they are noted
      routes root "$POD_CIDR" | awk '{ print "route", $1, $2 }'
    fi
    for path in /run/netns/cni-*; do [ ! -e "$path" ] || echo "netns ${path##*/}"; done
    for folder in /var/log/pods /var/log/containers; do [ -z "$(ls -A $folder 2>/dev/null)" ] || echo "folder $folder"; done
    if systemctl is-active --quiet containerd.service; then
      echo "unit containerd.service"
      # A runtime that hangs does not say.
      { timeout 20 ctr namespaces list --quiet 2>/dev/null || true; } | sed 's/^/namespace /'
      { timeout 20 ctr --namespace k8s.io containers list --quiet 2>/dev/null || true; } | sed 's/^/container k8s.io /'
    fi
  } >"$note"
  sync "$note"
  mv "$note" "$STATE/before"
  sync "$STATE"
}

# The node's own name leads to its own address, not to 127.0.1.1: etcd, the kubelet and Ceph look it up.
name_machine() {
  [ "$(hostname)" = "$NODE_HOSTNAME" ] || hostname "$NODE_HOSTNAME"
  [ "$(cat /etc/hostname 2>/dev/null)" = "$NODE_HOSTNAME" ] || file /etc/hostname 0644 root:root <<<"$NODE_HOSTNAME"
  if [ "$(getent ahostsv4 "$NODE_HOSTNAME" | head -1 | cut -d' ' -f1)" != "$NODE_IP" ]; then
    hosts_with "$NODE_HOSTNAME" "$NODE_IP" /etc/hosts | file /etc/hosts 0644 root:root
  fi
}

# keep_scripts: what came with this step, for the step that undoes it.
keep_scripts() {
  local part new=()
  [ -e "${IN-}" ] || return 0
  for part in "$IN"/*; do
    [ -s "$KEPT/${part##*/}" ] || new+=("$part")
  done
  [ ${#new[@]} -gt 0 ] || return 0
  install -d -m 0700 "$KEPT" "$KEPT.new"
  cp "${new[@]}" "$KEPT.new"
  sync "$KEPT.new"/*
  mv -ft "$KEPT" "$KEPT.new"/*
  rmdir "$KEPT.new"
}

check_lock || take_lock
exclusively claim
# Only who holds the lock: what another operator's cluster puts here from then on is nobody else's. Who is cut short before the
# note is whole put nothing here yet; a former release did that later.
[ -e "$STATE/before" ] || [ -e "$STATE/files" ] || note_others
keep_scripts
name_machine
# Which kind of master it is turns out when etcd is born or joined.
[ "$ROLE" = master ] || write_state node-role "$ROLE"
finish
