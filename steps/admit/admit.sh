#!/usr/bin/env bash
# admit: lets one node into the cluster. Runs on a master: mints the node's bootstrap token, approves its certificate
# requests after checking each against the plan, waits until it is Ready, sets labels and taints, and deletes the token.
#
# Needs also: TARGET, TARGET_IP (the node let in), TOKEN_ID (its secret comes from token_secret, a function), TOKEN_MINUTES
# (how long it is good), IDENTITY (changes when the machine was reinstalled), LABELS and TAINTS (JSON), ANSWER_WITHIN
# (seconds).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/csr-lib.sh
. "$(dirname "$0")/../lib/csr-lib.sh"

TOKEN=/api/v1/namespaces/kube-system/secrets/bootstrap-token-$TOKEN_ID

# recorded: what was declared of the node before; {} where nothing was.
recorded() { { api GET "$DECLARED" 2>/dev/null || true; } | jq -cn --arg node "$TARGET" '[inputs][0].data[$node] // "{}" | fromjson'; }

# admitted: this very machine (not a former one of its name) is in, and Ready.
admitted() {
  [ "$(jq -r .identity <<<"$known")" = "$IDENTITY" ] && api GET "/api/v1/nodes/$TARGET" 2>/dev/null | jq -e "$READY" >/dev/null
}

# mint_token: valid for TOKEN_MINUTES from now, for joining only.
mint_token() {
  token_secret | jq -Rc --arg id "$TOKEN_ID" --arg node "$TARGET" --arg expiration "$(date -u -d "+$TOKEN_MINUTES minutes" +%Y-%m-%dT%H:%M:%SZ)" '
    {apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token",
     metadata: {name: "bootstrap-token-\($id)", namespace: "kube-system"},
     stringData: {"token-id": $id, "token-secret": ., "expiration": $expiration, "description": "joins node \($node)",
       "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token"}}' |
    apply "$TOKEN"
}

# answer_requests: approves or denies what waits for TARGET, and what comes in the next moments: a kubelet that joins asks for
# two certificates, one after the other. Another node's requests are another step's work.
answer_requests() {
  local verdict name reason request
  while IFS=$'\t' read -r verdict name _ reason request; do
    [ "$verdict" != Unknown ] || continue
    answer "$name" "$request" || continue # a master's timer may have been first; what still waits comes round again
    [ "$verdict" = Approved ] ||
      die "denied the certificate request $name of $TARGET: $reason" "somebody else may use this node's name; look at the request with: kubectl get csr -o yaml"
    given=$((given + 1))
    changed "approved $name of $TARGET"
    [ "$given" -lt 2 ] || break
  done < <({
    jq -cn --arg node "$TARGET" --arg ip "$TARGET_IP" --arg token "$TOKEN_ID" '{($node): {$ip, $token}}'
    # Longer than others watch: the judge takes longer to start than to judge.
    api GET "$CSRS?${WATCH%=*}=8" --no-buffer 2>/dev/null | jq --unbuffered -c '.object | select(.spec and .status.conditions == null)
      | select(.spec.signerName == ("kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"))'
  } | judge)
}

# has_serving_certificate: 'kubectl logs' and 'exec' need the kubelet to serve with a certificate of its authority.
has_serving_certificate() {
  curl --silent --noproxy '*' --head --max-time 2 --output /dev/null --cacert /etc/kubernetes/pki/kubelet-serving-ca.crt "https://$TARGET_IP:10250/healthz"
}

# is_in: the node is Ready, and serves. Leaves it in `node`.
is_in() {
  node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null) && jq -e "$READY" <<<"$node" >/dev/null && has_serving_certificate
}

require_claim
exclusively "admit-$TARGET"
known=$(recorded)
if ! admitted; then
  mint_token
  changed "minted bootstrap token $TOKEN_ID for $TARGET"
fi
# By this the masters renew the node's serving certificate from now on. Taints that this run sets are known as ours before
# they are set, and those that it takes away until they are gone.
declare_target "$(jq -c --arg ip "$TARGET_IP" --argjson taints "$TAINTS" '. + {$ip, taints: (.taints // [] | . + $taints | unique)}' <<<"$known")"

given=0 deadline=$((SECONDS + ANSWER_WITHIN))
until is_in; do
  if [ "$given" -lt 2 ]; then
    answer_requests
  else
    first_seen "$READY" api GET "/api/v1/nodes?fieldSelector=metadata.name=$TARGET&$WATCH" >/dev/null || true
  fi
  [ "$SECONDS" -lt "$deadline" ] ||
    die "$TARGET was not Ready and serving within $ANSWER_WITHIN s" "see what its kubelet says: journalctl -u kubelet on $TARGET"
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
finish
