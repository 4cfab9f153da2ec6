#!/usr/bin/env bash
# invite: lets one node join within the next minutes. Runs on a master just before the node's kubelet step: declares the node, so
# that its requests are answered and it may register, and mints the token it asks with. A machine that is in needs neither.
#
# Needs also: TARGET, TARGET_IP (the node), IDENTITY (changes when its machine was reinstalled), TOKEN_ID (its secret comes from
# token_secret, a function), TOKEN_MINUTES (how long it is good).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"

# is_in: this very machine (not a former one of its name) was let in, and its Node is there.
is_in() { [ "$(jq -r .identity <<<"$known")" = "$IDENTITY" ] && api GET "/api/v1/nodes/$TARGET" >/dev/null 2>&1; }

require_claim
exclusively "admit-$TARGET"
known=$(recorded) || die "$untold" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
if is_in; then
  finish
  exit 0
fi
until=$(date -u -d "+$TOKEN_MINUTES minutes" +%Y-%m-%dT%H:%M:%SZ)
# The taints that a former machine of its name was given stay known as ours. A machine that was let in, and has lost its Node
# since, is not let in again by a step that was done: it stays declared for good.
declare_target "$(jq -c --arg ip "$TARGET_IP" --arg token "$TOKEN_ID" --arg until "$until" --arg identity "$IDENTITY" \
  '{$ip, $token, taints: (.taints // [])} + if .identity == $identity then {$identity} else {$until} end' <<<"$known")"
token_secret | jq -Rc --arg id "$TOKEN_ID" --arg node "$TARGET" --arg expiration "$until" '
  {apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token",
   metadata: {name: "bootstrap-token-\($id)", namespace: "kube-system"},
   stringData: {"token-id": $id, "token-secret": ., "expiration": $expiration, "description": "joins node \($node)",
     "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token"}}' |
  apply "/api/v1/namespaces/kube-system/secrets/bootstrap-token-$TOKEN_ID"
changed "declared $TARGET and minted its bootstrap token $TOKEN_ID"
finish
