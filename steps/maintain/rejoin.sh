#!/usr/bin/env bash
# rejoin: a node that was restarted is whole, takes pods again, and what it was emptied of is available again. Runs on a master: where
# the node is one, on itself. The next one's turn comes when it ends.
#
# Needs also: TARGET (the node), READY_WITHIN (seconds), BOOT (the boot of the machine that Kubernetes is to know of).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

CORDONED=groundwork/cordoned-for-maintenance
# What `leave` noted.
DAEMONS=$EVICTED/.daemons-of-$TARGET
CONTROL_PLANE="etcd.service kube-apiserver.service kube-controller-manager.service kube-scheduler.service groundwork-admission.service"

# shellcheck disable=SC2086 # a list
all_run() { systemctl is-active --quiet $CONTROL_PLANE; }

all_members() {
  local url
  members "$ETCD_LOCAL" | while read -r _ _ _ url _; do
    healthy "$(client_url "$url")" || return 1
  done
}

# is_back: Ready, as its kubelet says since this boot: what it said before holds for a while. So do its pods, and run.
is_back() {
  api GET "/api/v1/nodes/$TARGET" --retry 0 | jq -e --arg boot "$BOOT" "$READY and .status.nodeInfo.bootID == \$boot" >/dev/null
}
pods_are_back() {
  lacking=$(comm -13 <(daemons_here) "$DAEMONS" | paste -sd ' ')
  [ -z "$lacking" ]
}

require_claim
exclusively "admit-$TARGET"
if [ "$TARGET" = "$NODE" ]; then
  wait_for "$READY_WITHIN" "not all of its control plane runs within $READY_WITHIN s of its restart" "$CONTROL_PLANE" all_run
  wait_for "$READY_WITHIN" "not all members of etcd are healthy within $READY_WITHIN s of its restart" etcd.service all_members
fi
wait_for "$READY_WITHIN" "the API server does not answer within $READY_WITHIN s" kube-apiserver.service api_answers
poll "$READY_WITHIN" "" is_back ||
  die "$TARGET is not Ready again within $READY_WITHIN s" "see 'journalctl -u kubelet' on $TARGET, then run 'pulumi up' again: it waits for it, and goes on. Until then $TARGET takes no pods"
lacking=''
[ ! -e "$DAEMONS" ] || poll "$READY_WITHIN" "" pods_are_back ||
  die "pods of the DaemonSets $lacking are not Ready again on $TARGET within $READY_WITHIN s" "see 'kubectl get pods -A --field-selector spec.nodeName=$TARGET', then run 'pulumi up' again. Until then $TARGET takes no pods"
uncordon "$TARGET"
missing=''
if [ -e "$EVICTED/$TARGET" ]; then
  poll "$READY_WITHIN" "" all_available ||
    die "$TARGET is back, and ${missing#/apis/apps/v1/}, which it was emptied of, is not available again within $READY_WITHIN s" "see why its pods do not run ('kubectl describe' it), then run 'pulumi up' again: it waits for it, and goes on"
fi
rm -f "$EVICTED/$TARGET" "$DAEMONS"
finish
