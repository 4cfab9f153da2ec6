# shellcheck shell=bash
# Kubelets' certificate requests, checked against what the operator declared. Sourced by the scripts beside it.
#
# A node is TARGET with TARGET_IP and TARGET_HOSTNAME, and TOKEN_ID while it joins.

CSRS=/apis/certificates.k8s.io/v1/certificatesigningrequests
# Node name -> its address and hostname as JSON. No kubelet may write it: the Node authorizer gives none the right.
DECLARED=/api/v1/namespaces/kube-system/configmaps/groundwork-nodes

# apply PATH [MANAGER]: server-side apply of the object on standard input.
apply() {
  api PATCH "$1?fieldManager=${2-groundwork}&force=true" --header 'Content-Type: application/apply-patch+yaml' --data-binary @- >/dev/null
}

# declare_target DATA: makes DATA (JSON) all that is declared of TARGET. Each node has a field manager of its own, so that
# nodes let in side by side own one key each.
declare_target() {
  jq -n --argjson data "$1" '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "groundwork-nodes", namespace: "kube-system"}, data: $data}' |
    apply "$DECLARED" "groundwork-$TARGET"
}

# check_request CSR: says why the request does not fit TARGET; silent when it does.
check_request() {
  local signer username request pem names allowed
  IFS=$'\t' read -r signer username request < <(jq -r '.spec | [.signerName, .username, .request] | @tsv' <<<"$1")
  pem=$(base64 -d <<<"$request")
  [ "$(openssl req -noout -subject -nameopt RFC2253 <<<"$pem")" = "subject=CN=system:node:$TARGET,O=system:nodes" ] ||
    { echo "its subject is not that of $TARGET"; return; }
  # Many versions of openssl end with 0 whatever they find.
  case $(openssl req -noout -verify <<<"$pem" 2>&1) in *'verify OK'*) ;; *) echo "its signature is wrong"; return ;; esac
  names=$(openssl req -noout -text <<<"$pem" | sed -n '/Subject Alternative Name/{n;s/ //g;y/,/\n/;p}')
  case $signer in
    kubernetes.io/kube-apiserver-client-kubelet)
      [ "$username" = "system:bootstrap:$TOKEN_ID" ] || { echo "it was not asked with this node's token"; return; }
      [ -z "$names" ] || echo "a client certificate has no alternative names"
      ;;
    kubernetes.io/kubelet-serving)
      [ "$username" = "system:node:$TARGET" ] || { echo "another than the node itself asked"; return; }
      allowed=$(printf '%s\n' "DNS:$TARGET" "DNS:$TARGET_HOSTNAME" "IPAddress:$TARGET_IP")
      names=$(grep -vxF "$allowed" <<<"$names" | tr '\n' ' ' || true)
      [ -z "$names" ] || echo "it asks for names that are not the node's: $names"
      ;;
    *) echo "a kubelet has no use for its signer" ;;
  esac
}

# answer CSR: approves the request, or denies it and prints why. Fails when it cannot, as when another answered first.
answer() {
  local reason verdict=Approved
  reason=$(check_request "$1")
  [ -z "$reason" ] || verdict=Denied
  jq -c --arg verdict "$verdict" --arg reason "${reason:-matches what is declared}" \
    '.status.conditions = [{type: $verdict, status: "True", reason: "Groundwork", message: $reason}]' <<<"$1" |
    api PUT "$CSRS/$(jq -r .metadata.name <<<"$1")/approval" --header 'Content-Type: application/json' --data-binary @- >/dev/null || return
  printf '%s' "$reason"
}
