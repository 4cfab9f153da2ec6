# shellcheck shell=bash
# What is declared of nodes. Sourced by the scripts that run on masters.

# Node name -> JSON of what the masters know of it: its address, the identity and the taints that `admit` gave it, and while it
# joins, the id of its token and until when it is good. The admission service answers requests of these nodes alone, and no
# other may register. No kubelet may write it: the Node authorizer gives none the right.
DECLARED=/api/v1/namespaces/kube-system/configmaps/groundwork-nodes

# apply PATH [MANAGER]: server-side apply of the object on standard input.
apply() {
  api PATCH "$1?fieldManager=${2-groundwork}&force=true" --header 'Content-Type: application/apply-patch+yaml' --data-binary @- >/dev/null
}

# recorded: what is declared of TARGET; {} where nothing is. Fails where the API server does not say: what is declared is written
# anew from it.
recorded() {
  local declared
  declared=$(found "$DECLARED") || return 1
  jq -c --arg node "$TARGET" '.data[$node] // "{}" | fromjson' <<<"${declared:-null}"
}
# What a step says then.
# shellcheck disable=SC2034 # of those that source it
untold="the API server does not tell what is declared of ${TARGET-}"

# declare_target DATA: makes DATA (JSON) all that is declared of TARGET. Each node has a field manager of its own, so that nodes
# let in side by side own one key each.
declare_target() {
  jq -n --arg node "$TARGET" --argjson data "$1" '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "groundwork-nodes", namespace: "kube-system"},
    data: {($node): ($data | tojson)}}' | apply "$DECLARED" "groundwork-$TARGET"
}

# undeclare_target: nothing is declared of TARGET, whoever else wrote it, such as somebody who restored the ConfigMap by hand:
# what one field manager has no more stays as long as another has it.
undeclare_target() {
  jq -n '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "groundwork-nodes", namespace: "kube-system"}, data: {}}' | apply "$DECLARED" "groundwork-$TARGET"
  jq -n --arg node "$TARGET" '{data: {($node): null}}' |
    api PATCH "$DECLARED" --header 'Content-Type: application/merge-patch+json' --data-binary @- >/dev/null
}
