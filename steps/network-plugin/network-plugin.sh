#!/usr/bin/env bash
# network-plugin: the network plugin that runs as pods is in the cluster, as the file wants it: upstream's manifest is applied, with
# what is the cluster's own in it. Runs on a master when nodes may join, and does not wait for any; where the plugin was there before,
# it ends when its pods on all nodes have followed.
#
# Needs also: TARGET (of whom nothing is noted here: all nodes), PLUGIN and PLUGIN_VERSION (of whom), MANIFEST (a file of this machine),
# DAEMON_SET (namespace/name of the pods that are on every node), SETTINGS (JSON), and of the plugin's library network_objects
# (networks/plugin.ts).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

WORK=$RUN/network-plugin
# Seconds in which one more node has to follow.
PATIENCE=300

kube() { KUBECONFIG=/etc/kubernetes/admin.conf kubectl --cache-dir="$WORK/cache" --request-timeout=60s "$@"; }

# read_manifest: its objects as JSON, read as Kubernetes reads YAML, which takes no API server. All are marked as ours.
read_manifest() {
  KUBECONFIG=/dev/null kubectl label --local --overwrite --filename="$MANIFEST" --output=json app.kubernetes.io/managed-by=groundwork >"$WORK/read" 2>"$RUN/error"
}

# adapt: the objects as they are to be, in $WORK/wanted. What is not as it is known is not guessed at.
adapt() {
  local missing
  read_manifest ||
    die "$MANIFEST is no manifest of Kubernetes: $(tail -n 1 "$RUN/error")" "see what cluster.artifacts.sha256 and the mirror have for $PLUGIN $PLUGIN_VERSION; nothing was applied"
  network_objects <"$WORK/read" >"$WORK/wanted" 2>"$RUN/error" ||
    die "the manifest of $PLUGIN $PLUGIN_VERSION is not of the form that is known: $(tail -n 1 "$RUN/error")" "set cluster.versions.$PLUGIN to a version that this release knows; nothing was applied"
  missing=$(jq -r '.missing | unique | join("; ")' "$WORK/wanted")
  [ -z "$missing" ] ||
    die "the manifest of $PLUGIN $PLUGIN_VERSION is not as this release knows it: $missing" "set cluster.versions.$PLUGIN to a version that this release knows, and its checksum in cluster.artifacts.sha256 to upstream's; nothing was applied"
}

# revisions: of objects, each with what changes when it does: of those with a status it is not that.
revisions() { jq -cn '[inputs | if .kind == "List" then .items[] else . end | {key: "\(.kind) \(.metadata.name)", value: (.metadata.generation // .metadata.resourceVersion)}] | from_entries'; }

# there: what of the list is in the cluster, in $WORK/there.
there() { kube get --ignore-not-found --filename="$WORK/list" --output=json 2>"$RUN/error" | revisions >"$WORK/there"; }

# put WHAT FILTER: of the objects those that FILTER (jq) picks are applied, in their order; says which are new or not as they were.
put() {
  local before after said
  jq -c "{apiVersion: \"v1\", kind: \"List\", items: [.objects[] | select($2)]}" "$WORK/wanted" >"$WORK/list"
  # A kind that has just come may take a moment to be told of.
  poll 30 "" there ||
    die "the API server does not tell what of $1 is there: $(tail -n 1 "$RUN/error")" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
  before=$(cat "$WORK/there")
  after=$(kube apply --server-side --force-conflicts --field-manager=groundwork --filename="$WORK/list" --output=json 2>"$RUN/error" | revisions) ||
    die "the API server does not take $1 of $PLUGIN $PLUGIN_VERSION: $(grep -v '^Warning' "$RUN/error" | tail -n 1)" "mend what it names; then run 'pulumi up' again: what was applied stays"
  said=$(jq -rn --argjson before "$before" --argjson after "$after" '[$after | to_entries[] | select($before[.key] != .value).key]
    | if . == [] then empty elif length > 8 then "\(.[:6] | join(", ")) and \(length - 6) more" else join(", ") end')
  [ -z "$said" ] || changed "applied $said"
}

# look: whether the pods on all nodes are those of the manifest, and run. Leaves in `state` how far they are, and in `waits` what for.
look() {
  local set nodes
  set=$(found "/apis/apps/v1/namespaces/${DAEMON_SET%/*}/daemonsets/${DAEMON_SET#*/}") && [ -n "$set" ] || return 1
  nodes=$(api GET /api/v1/nodes 2>/dev/null | jq -c "[.items[] | select($READY | not).metadata.name]") || return 1
  state=$(jq -r '.status | "\(.updatedNumberScheduled // 0) \(.numberAvailable // 0)"' <<<"$set")
  waits=$(jq -rn --argjson set "$set" --argjson nodes "$nodes" '$set.status | "\(.updatedNumberScheduled // 0) of \(.desiredNumberScheduled) nodes have it, on \(.numberAvailable // 0) it runs"
    + if $nodes == [] then "" else "; not Ready: \($nodes | join(", "))" end')
  # A node that is not Ready has its own trouble.
  jq -e --argjson nodes "$nodes" '.metadata.generation == .status.observedGeneration and .status.updatedNumberScheduled == .status.desiredNumberScheduled
    and (.status.numberAvailable // 0) >= .status.desiredNumberScheduled - ($nodes | length)' <<<"$set" >/dev/null
}

# follow: waits for the pods of all nodes, for as long as one more follows now and then.
follow() {
  local state='' waits='the API server does not tell' was='' since=$SECONDS
  until look; do
    if [ "$state" != "$was" ]; then was=$state since=$SECONDS; fi
    [ $((SECONDS - since)) -lt "$PATIENCE" ] ||
      die "$PLUGIN $PLUGIN_VERSION is applied, and for $PATIENCE s no further node has followed: $waits" \
        "see why its pods do not come ('kubectl -n ${DAEMON_SET%/*} get pods -o wide'), mend it or set lost: true for a machine that is gone, then run 'pulumi up' again; or set cluster.versions.$PLUGIN back"
    sleep 1
  done
}

require_claim
exclusively network-plugin
rm -rf "$WORK"
install -d -m 0700 "$WORK"
wait_for 60 "no API server answers within 60 s" kube-apiserver.service api_answers
adapt
known=$(found "/apis/apps/v1/namespaces/${DAEMON_SET%/*}/daemonsets/${DAEMON_SET#*/}") ||
  die "the API server does not tell whether $PLUGIN is there" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
put "the kinds" '.kind == "CustomResourceDefinition"'
kube wait --for=condition=Established --timeout=60s --filename="$WORK/list" >/dev/null 2>"$RUN/error" ||
  die "the API server does not serve the kinds of $PLUGIN $PLUGIN_VERSION: $(tail -n 1 "$RUN/error")" "run 'pulumi up' again; if it stays, see 'kubectl describe crd' of what is named"
put "the rest" '.kind != "CustomResourceDefinition"'
[ -z "$known" ] || follow
rm -rf "$WORK"
finish
