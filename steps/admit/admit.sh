#!/usr/bin/env bash
# admit: makes a node that has joined a whole one. Runs on a master: waits until the node is Ready, or lacks nothing for it but a
# network plugin that may come later, and serves with a certificate of its authority, sets labels and taints, and deletes the bootstrap token. After an upgrade it takes pods again, and what it was
# emptied of is available again.
#
# Needs also: TARGET, TARGET_IP (the node let in), TOKEN_ID, IDENTITY (changes when the machine was reinstalled), LABELS and
# TAINTS (JSON), READY_WITHIN (seconds), VERSION (of Kubernetes), NETWORK_LATER (see fit-lib.sh), NETWORK_PODS
# (namespace/name of the DaemonSet by which the network plugin is on every node; default: it is none).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"
# shellcheck source=../lib/fit-lib.sh
. "$(dirname "$0")/../lib/fit-lib.sh"

TOKEN=/api/v1/namespaces/kube-system/secrets/bootstrap-token-$TOKEN_ID

# has_serving_certificate: 'kubectl logs' and 'exec' need the kubelet to serve with a certificate of its authority.
has_serving_certificate() {
  curl --silent --noproxy '*' --head --max-time 2 --output /dev/null --cacert /etc/kubernetes/pki/kubelet-serving-ca.crt "https://$TARGET_IP:10250/healthz"
}

# network_runs: a node is Ready when the plugin's pod has put its configuration there; what leads packets comes after that.
network_runs() {
  [ -n "${NETWORK_PODS-}" ] || return 0
  api GET "/api/v1/namespaces/${NETWORK_PODS%/*}/pods?fieldSelector=spec.nodeName=$TARGET" 2>/dev/null |
    jq -e --arg set "${NETWORK_PODS#*/}" "any(.items[]; any(.metadata.ownerReferences[]?; .kind == \"DaemonSet\" and .name == \$set) and $READY)" >/dev/null
}

# is_in: the node is fit, serves, and has its network. Leaves it in `node`.
is_in() {
  node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null) && jq -e "$NODE_FIT" <<<"$node" >/dev/null && has_serving_certificate && network_runs
}

# refill: the node takes pods again, where an upgrade cordoned it. The next one's turn comes when all are where they should be.
refill() {
  local missing=''
  uncordon "$TARGET"
  [ -e "$EVICTED/$TARGET" ] || return 0
  poll "$READY_WITHIN" "" all_available ||
    die "$TARGET runs Kubernetes $VERSION, and ${missing#/apis/apps/v1/}, which it was emptied of, is not available again within $READY_WITHIN s" \
      "see why its pods do not run ('kubectl describe' it), then run 'pulumi up' again: it waits for it, and goes on"
  rm -f "$EVICTED/$TARGET"
}

require_claim
exclusively "admit-$TARGET"
known=$(recorded) || die "$untold" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
# Taints that this run sets are known as ours before they are set, and those that it takes away until they are gone. Where the
# step comes long after the invitation, the node is declared again.
declare_target "$(jq -c --arg ip "$TARGET_IP" --argjson taints "$TAINTS" 'del(.token, .until) + {$ip, taints: (.taints // [] | . + $taints | unique)}' <<<"$known")"
deadline=$((SECONDS + READY_WITHIN))
until is_in; do
  [ "$SECONDS" -lt "$deadline" ] ||
    die "$TARGET was not Ready and serving within $READY_WITHIN s" "see what its kubelet says: journalctl -u kubelet on $TARGET; and whether its certificate request was denied: journalctl -u groundwork-admission on the masters${NETWORK_PODS:+; and whether its network plugin came up, as an image may not have come: kubectl -n ${NETWORK_PODS%/*} get pods -o wide}"
  sleep 0.2
done

# Server-side apply: labels that leave the file leave the node. Roles are labels that a kubelet may not give itself.
jq -n --arg name "$TARGET" --argjson labels "$LABELS" '{apiVersion: "v1", kind: "Node", metadata: {name: $name, labels: $labels}}' |
  apply "/api/v1/nodes/$TARGET"
# The list of taints is one value to the API server, and others write to it: ours are replaced, theirs stay.
ours=$(jq -c '.taints // []' <<<"$known")
wanted=$(jq -c --argjson ours "$ours" --argjson taints "$TAINTS" '([.spec.taints // [] | .[] | . as $t
  | select(any($ours[], $taints[]; .key == $t.key and .effect == $t.effect) | not)]) + $taints' <<<"$node")
if [ "$(jq -cS '.spec.taints // [] | map({key, value, effect}) | sort' <<<"$node")" != "$(jq -cS 'map({key, value, effect}) | sort' <<<"$wanted")" ]; then
  jq -n --argjson taints "$wanted" '{spec: {taints: $taints}}' |
    api PATCH "/api/v1/nodes/$TARGET" --header 'Content-Type: application/merge-patch+json' --data-binary @- >/dev/null
  changed "set the taints of $TARGET"
fi
declare_target "$(jq -nc --arg ip "$TARGET_IP" --arg identity "$IDENTITY" --argjson taints "$TAINTS" '{$ip, $identity, $taints}')"
if api GET "$TOKEN" >/dev/null 2>&1; then
  api DELETE "$TOKEN" >/dev/null
  changed "deleted the bootstrap token of $TARGET"
fi
refill
finish
