# shellcheck shell=bash
# Kubelets' certificate requests, and what is declared of nodes. Sourced by the scripts beside it; they run on masters, where
# the control-plane step has put judge-csr.

CSRS=/apis/certificates.k8s.io/v1/certificatesigningrequests
# Node name -> JSON of what the masters know of it: its address, and the identity and taints that `admit` gave it. No kubelet
# may write it: the Node authorizer gives none the right.
DECLARED=/api/v1/namespaces/kube-system/configmaps/groundwork-nodes

# apply PATH [MANAGER]: server-side apply of the object on standard input.
apply() {
  api PATCH "$1?fieldManager=${2-groundwork}&force=true" --header 'Content-Type: application/apply-patch+yaml' --data-binary @- >/dev/null
}

# declare_target DATA: makes DATA (JSON) all that is declared of TARGET; nothing where it is null. Each node has a field
# manager of its own, so that nodes let in side by side own one key each.
declare_target() {
  jq -n --arg node "$TARGET" --argjson data "$1" '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "groundwork-nodes", namespace: "kube-system"},
    data: (if $data then {($node): ($data | tojson)} else {} end)}' | apply "$DECLARED" "groundwork-$TARGET"
}

# judge: verdicts on the requests on standard input, by what is declared, which stands before them. Says itself how.
judge() { /usr/local/lib/groundwork/judge-csr; }

# answer NAME REQUEST: gives the request, which has its verdict in it, back. Fails when it cannot, as when another answered first.
answer() { api PUT "$CSRS/$1/approval" --header 'Content-Type: application/json' --data-binary @- <<<"$2" >/dev/null; }
