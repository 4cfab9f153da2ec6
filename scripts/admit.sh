#!/usr/bin/env bash
# admit: lets one node into the cluster. Runs on a master: mints the node's bootstrap token, approves its certificate
# requests after checking each against the plan, waits until it is Ready, sets labels and taints, and deletes the token.
#
# Needs also: TARGET, TARGET_IP, TARGET_HOSTNAME (the node let in), TOKEN_ID (its secret comes from token_secret, a
# function), TOKEN_MINUTES (how long it is good), IDENTITY (changes when the machine was reinstalled), LABELS and TAINTS
# (JSON), ANSWER_WITHIN (seconds).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

CSRS=/apis/certificates.k8s.io/v1/certificatesigningrequests
TOKEN=/api/v1/namespaces/kube-system/secrets/bootstrap-token-$TOKEN_ID

# apply PATH: server-side apply of the object on standard input.
apply() {
  api PATCH "$1?fieldManager=groundwork&force=true" --header 'Content-Type: application/apply-patch+yaml' --data-binary @- >/dev/null
}

# admitted: this very machine (not a former one of its name) is in, and Ready.
admitted() {
  jq -e --arg identity "$IDENTITY" '.metadata.annotations["groundwork/identity"] == $identity
    and any(.status.conditions[]; .type == "Ready" and .status == "True")' <<<"$1" >/dev/null
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

# check_request CSR: says why the request does not fit the plan; silent when it does.
check_request() {
  local pem names allowed
  pem=$(jq -r '.spec.request | @base64d' <<<"$1")
  [ "$(openssl req -noout -subject -nameopt RFC2253 <<<"$pem")" = "subject=CN=system:node:$TARGET,O=system:nodes" ] ||
    { echo "its subject is not that of $TARGET"; return; }
  openssl req -noout -verify <<<"$pem" >/dev/null 2>&1 || { echo "its signature is wrong"; return; }
  names=$(openssl req -noout -text <<<"$pem" | sed -n '/Subject Alternative Name/{n;s/ //g;y/,/\n/;p}')
  case $(jq -r .spec.signerName <<<"$1") in
    kubernetes.io/kube-apiserver-client-kubelet)
      [ "$(jq -r .spec.username <<<"$1")" = "system:bootstrap:$TOKEN_ID" ] || { echo "it was not asked with this node's token"; return; }
      [ -z "$names" ] || echo "a client certificate has no alternative names"
      ;;
    kubernetes.io/kubelet-serving)
      [ "$(jq -r .spec.username <<<"$1")" = "system:node:$TARGET" ] || { echo "another than the node itself asked"; return; }
      allowed=$(printf '%s\n' "DNS:$TARGET" "DNS:$TARGET_HOSTNAME" "IPAddress:$TARGET_IP")
      names=$(grep -vxF "$allowed" <<<"$names" | tr '\n' ' ' || true)
      [ -z "$names" ] || echo "it asks for names that are not the node's: $names"
      ;;
  esac
}

# answer_requests: approves or denies what waits for TARGET. Another node's requests are another step's work.
answer_requests() {
  local csr name reason verdict
  while read -r csr; do
    name=$(jq -r .metadata.name <<<"$csr")
    reason=$(check_request "$csr")
    verdict=Approved
    [ -z "$reason" ] || verdict=Denied
    jq -c --arg verdict "$verdict" --arg reason "${reason:-matches the plan}" \
      '.status.conditions = [{type: $verdict, status: "True", reason: "Groundwork", message: $reason}]' <<<"$csr" |
      api PUT "$CSRS/$name/approval" --header 'Content-Type: application/json' --data-binary @- >/dev/null
    [ -z "$reason" ] || die "denied the certificate request $name of $TARGET: $reason" "somebody else may use this node's name; look at the request with: kubectl get csr $name -o yaml"
    changed "approved $(jq -r .spec.signerName <<<"$csr") for $TARGET"
  done < <(api GET "$CSRS" | jq -c --arg token "system:bootstrap:$TOKEN_ID" --arg node "system:node:$TARGET" '.items[]
    | select(.status.conditions == null and (.spec.username == $token or .spec.username == $node))
    | select(.spec.signerName == ("kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"))')
}

# has_serving_certificate: 'kubectl logs' and 'exec' need the kubelet to serve with a certificate of the cluster's CA.
has_serving_certificate() {
  curl --silent --max-time 2 --output /dev/null --cacert /etc/kubernetes/pki/ca.crt --resolve "$TARGET_HOSTNAME:10250:$TARGET_IP" "https://$TARGET_IP:10250/healthz"
}

require_claim
exclusively "admit-$TARGET"
node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null || true)
if ! admitted "${node:-null}" 2>/dev/null; then
  mint_token
  changed "minted bootstrap token $TOKEN_ID for $TARGET"
fi

deadline=$((SECONDS + ANSWER_WITHIN))
until node=$(api GET "/api/v1/nodes/$TARGET" 2>/dev/null) &&
  jq -e 'any(.status.conditions[]; .type == "Ready" and .status == "True")' <<<"$node" >/dev/null && has_serving_certificate; do
  answer_requests
  [ "$SECONDS" -lt "$deadline" ] ||
    die "$TARGET was not Ready and serving within $ANSWER_WITHIN s" "see what its kubelet says: journalctl -u kubelet on $TARGET"
  sleep 0.3
done

# Server-side apply: labels that leave the file leave the node. Roles are labels that a kubelet may not give itself.
jq -n --arg name "$TARGET" --arg identity "$IDENTITY" --argjson labels "$LABELS" --argjson taints "$TAINTS" \
  '{apiVersion: "v1", kind: "Node", metadata: {name: $name, labels: $labels,
    annotations: {"groundwork/identity": $identity, "groundwork/taints": ($taints | tojson)}}}' | apply "/api/v1/nodes/$TARGET"
# The list of taints is one value to the API server, and others write to it: ours are replaced, theirs stay.
ours=$(jq -c '.metadata.annotations["groundwork/taints"] // "[]" | fromjson' <<<"$node")
wanted=$(jq -c --argjson ours "$ours" --argjson taints "$TAINTS" '([.spec.taints // [] | .[] | . as $t
  | select(any($ours[], $taints[]; .key == $t.key and .effect == $t.effect) | not)]) + $taints' <<<"$node")
if [ "$(jq -cS '.spec.taints // [] | map({key, value, effect}) | sort' <<<"$node")" != "$(jq -cS 'map({key, value, effect}) | sort' <<<"$wanted")" ]; then
  jq -n --argjson taints "$wanted" '{spec: {taints: $taints}}' |
    api PATCH "/api/v1/nodes/$TARGET" --header 'Content-Type: application/merge-patch+json' --data-binary @- >/dev/null
  changed "set the taints of $TARGET"
fi
if api GET "$TOKEN" >/dev/null 2>&1; then
  api DELETE "$TOKEN" >/dev/null
  changed "deleted the bootstrap token of $TARGET"
fi
finish
