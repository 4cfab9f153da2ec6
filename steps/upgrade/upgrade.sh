#!/usr/bin/env bash
# upgrade: whether the cluster may go from what it runs to VERSION, and its etcd to ETCD_VERSION. Runs on the first master, before any program is brought to a
# node. Changes nothing but that nodes take pods again that an upgrade cordoned and that run VERSION. Before an upgrade, and before a
# master leaves, it takes a snapshot of etcd.
#
# Needs also: TARGET (of whom nothing is noted here: all nodes), MEMBERS and LOST (names of the masters, and of nodes that are lost, space separated), VERSION
# (of Kubernetes), ETCD_VERSION, DRAIN (minor | always).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/etcd-lib.sh
. "$(dirname "$0")/../lib/etcd-lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"
# shellcheck source=../lib/vacate-lib.sh
. "$(dirname "$0")/../lib/vacate-lib.sh"

# The members of etcd, as `members` has them.
all=''
# What stands in the way, a line each.
PROBLEMS=()
problem() { PROBLEMS+=("$1"); }
# is_lost NAME: the cluster forgets that node before anything is restarted.
is_lost() { [[ " $LOST " == *" $1 "* ]]; }

# api_servers: address and version of each that the cluster counts as living. One that was lost just now is counted for some seconds.
api_servers() {
  local address version without
  without=$(jq -r --arg lost "$LOST" '.items[] | select(.metadata.name | IN($lost | split(" ")[])) | .status.addresses[]? | select(.type == "InternalIP") | .address' <<<"$nodes")
  api GET /apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes | jq -r '.endpoints[].addresses[]' | while read -r address; do
    ! grep -qxF "$address" <<<"$without" || continue
    version=$(curl --silent --noproxy '*' --fail --max-time 5 --cacert /etc/kubernetes/pki/ca.crt --cert "$RUN/admin.pem" "https://$address:6443/version" |
      jq -r '.gitVersion | ltrimstr("v") | sub("[+-].*"; "")') || version=
    echo "$address ${version:-none}"
  done
}

# judge_api_server ADDRESS VERSION: of an API server.
judge_api_server() {
  local is wanted
  if [ "$2" = none ]; then
    problem "the API server at $1 does not answer: see 'journalctl -u kube-apiserver' there"
    return 0
  fi
  is=$(minor "$2") wanted=$(minor "$VERSION")
  if [ "$is" -gt "$wanted" ]; then
    problem "the API server at $1 runs $2, and what a newer minor version has stored an older one may not read: there is no way back to $VERSION; set cluster.kubernetes.version to $2 or later"
  elif [ $((wanted - is)) -gt 1 ]; then
    problem "the API server at $1 runs $2, and Kubernetes skips no minor version: set cluster.kubernetes.version to one of 1.$((is + 1)) first"
  fi
}

# judge_nodes: their kubelets may be three minor versions older than the API servers, and never newer.
judge_nodes() {
  local name version ready minor wanted
  wanted=$(minor "$VERSION")
  while read -r name version ready; do
    ! is_lost "$name" || continue
    minor=$(minor "$version")
    if [ "$minor" -gt "$wanted" ]; then
      problem "the kubelet of $name runs $version, and may not be newer than the API servers: set cluster.kubernetes.version to $version or later"
    elif [ $((wanted - minor)) -gt 3 ]; then
      problem "the kubelet of $name runs $version, and API servers of $VERSION take none that is more than three minor versions older: upgrade it first"
    fi
    [ "$ready" = true ] || problem "the node $name is not Ready: mend it (make status), say that it is lost, or take it out of the file in an 'up' of its own"
  done < <(jq -r ".items[] | \"\\(.metadata.name) \\(.status.nodeInfo.kubeletVersion | ltrimstr(\"v\") | sub(\"[+-].*\"; \"\")) \\($READY)\"" <<<"$nodes")
}

judge_etcd() {
  local id status name url
  while read -r id status name url _; do
    is_lost "$name" || healthy "$(client_url "$url")" || problem "the etcd member $id ($url, $status) is not healthy: see 'journalctl -u etcd' there"
  done <<<"$all"
}

# What of a minor version may go to the next: older patches have lost members, or data, on the way.
declare -A ETCD_LEAST=([6]=11)

# etcd_versions: of each member that answers: its id, its version, and the one that all of them speak.
etcd_versions() {
  local id url
  while read -r id _ _ url _; do
    curl --silent --noproxy '*' --fail --connect-timeout 2 --max-time 5 --cacert $ETCD_PKI/ca.crt --cert $ETCD_PKI/server.crt --key $ETCD_PKI/server.key "$(client_url "$url")/version" |
      jq -r --arg id "$id" '"\($id) \(.etcdserver) \(.etcdcluster)"' || true
  done <<<"$all"
}

# judge_etcd_way: etcd goes to the next minor version, and to no other; a member may go back as long as not all have gone.
judge_etcd_way() {
  local id version cluster wanted alarms
  wanted=$(minor "$ETCD_VERSION")
  while read -r id version cluster; do
    [ "$version" = "$ETCD_VERSION" ] || etcd_differs=1
    # One that has just started has not heard what all of them speak.
    [[ $cluster == 3.* ]] || continue
    cluster=$(minor "$cluster")
    if [ "$cluster" -gt "$wanted" ]; then
      problem "etcd is of 3.$cluster, and has stored what an older one does not read: there is no way back to $ETCD_VERSION but a snapshot from before; set cluster.versions.etcd to a version of 3.$cluster"
    elif [ $((wanted - cluster)) -gt 1 ]; then
      problem "etcd is of 3.$cluster, and skips no minor version: set cluster.versions.etcd to one of 3.$((cluster + 1)) first"
    elif [ "$wanted" -gt "$(minor "$version")" ] && [ "${version##*.}" -lt "${ETCD_LEAST[$cluster]-0}" ]; then
      problem "the etcd member $id runs $version, and 3.$wanted takes none older than 3.$cluster.${ETCD_LEAST[$cluster]}: set cluster.versions.etcd to that or a later one of 3.$cluster first"
    fi
  done < <(etcd_versions | sort -u)
  wait $!
  [ -n "$etcd_differs" ] || return 0
  alarms=$(etcdctl_at "$ETCD_LOCAL" alarm list)
  [ -z "$alarms" ] || problem "etcd has an alarm: see 'etcdctl alarm list', and docs/troubleshooting.md"
}

# judge_pods: those that an eviction would not let go, or not bring back.
judge_pods() {
  local line
  while read -r line; do
    problem "the budget $line allows no pod to go: it needs more replicas, or another number"
  done < <(api GET /apis/policy/v1/poddisruptionbudgets |
    jq -r '.items[] | select(.status.expectedPods > 0 and .status.disruptionsAllowed == 0) | "\(.metadata.namespace)/\(.metadata.name)"')
  wait $! # an answer that did not come is none that is well; so below
  while read -r line; do
    problem "the pod $line is of no controller that would make it anew elsewhere: delete it"
  done < <(api GET '/api/v1/pods?fieldSelector=status.phase!=Succeeded,status.phase!=Failed' |
    jq -r --arg lost "$LOST" '.items[] | select(.spec.nodeName and (.spec.nodeName | IN($lost | split(" ")[]) | not) and ((.metadata.ownerReferences // []) | length == 0)) | "\(.metadata.namespace)/\(.metadata.name) on \(.spec.nodeName)"')
  wait $!
}

# metrics_of ADDRESS...: what these API servers count: each only what it was asked itself.
metrics_of() {
  local address
  for address; do
    curl --silent --noproxy '*' --fail --max-time 10 --cacert /etc/kubernetes/pki/ca.crt --cert "$RUN/admin.pem" "https://$address:6443/metrics" || return
  done
}

# judge_apis ADDRESS...: what these API servers are asked for in these days, and VERSION does not have.
judge_apis() {
  local line
  while read -r line; do
    problem "somebody asks for $line, which Kubernetes 1.$(minor "$VERSION") does not have: see who in the audit log (k8s.io/removed-release), and have them ask for the newer one"
  done < <(metrics_of "$@" | sed -n 's/^apiserver_requested_deprecated_apis{\(.*\)} 1$/\1/p' | awk -v wanted="$(minor "$VERSION")" '{
    split("", label)
    while (match($0, /[a-z_]+="[^"]*"/)) {
      pair = substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH)
      key = pair; sub(/=.*/, "", key); sub(/^[^"]*"/, "", pair); sub(/"$/, "", pair); label[key] = pair
    }
    split(label["removed_release"], release, ".")
    if (release[2] != "" && release[2] <= wanted + 0) print label["resource"] "." label["version"] "." label["group"]
  }' | sort -u)
  wait $!
}

# Versions of objects that a minor version of Kubernetes does not even read from etcd any more, as its module k8s.io/api has them no
# longer, and what is stored so: of these alone. What is only served no more, and stored, is read.
declare -A UNREAD=(
  [34]="ipaddresses=networking.k8s.io/v1alpha1 servicecidrs=networking.k8s.io/v1alpha1"
  [35]="storageversionmigrations=storagemigration.k8s.io/v1alpha1"
  [36]="horizontalpodautoscalers=autoscaling/v2beta1 horizontalpodautoscalers=autoscaling/v2beta2 workloads=scheduling.k8s.io/v1alpha1"
)

# judge_stored: what lies in etcd as VERSION does not read it: its API servers could not even list the others of its kind.
judge_stored() {
  local each kind stored name
  for each in ${UNREAD[$(minor "$VERSION")]-}; do
    kind=${each%%=*}
    # The beginning says of which version an object is; the rest is nobody's affair here.
    stored=$(etcdctl_at "$ETCD_LOCAL" get "/registry/$kind/" "/registry/${kind}0" --write-out=json |
      jq -r --arg begins "/registry/$kind/" --arg version "${each#*=}" '.kvs[]? | (.key | @base64d) as $key
        | select(($key | startswith($begins)) and (.value[:160] | @base64d | index($version))) | $key | ltrimstr($begins)') ||
      die "etcd does not say in which versions it has $kind" "see 'journalctl -u etcd' here; then run 'pulumi up' again; nothing was changed"
    while read -r name; do
      [ -z "$name" ] || problem "$name of $kind is stored as ${each#*=}, which Kubernetes 1.$(minor "$VERSION") does not read: store it anew ('kubectl get $kind -A -o json | kubectl replace -f -') or delete it"
    done <<<"$stored"
  done
}

# judge_webhooks: those that nobody answers for, and that refuse what they are not asked: no pod that left would come back.
judge_webhooks() {
  local kind name namespace service ready
  for kind in validating mutating; do
    while read -r name namespace service; do
      ready=$(api GET "/apis/discovery.k8s.io/v1/namespaces/$namespace/endpointslices?labelSelector=kubernetes.io/service-name=$service" |
        jq '[.items[].endpoints[]? | select(.conditions.ready != false)] | length')
      [ "$ready" -gt 0 ] || problem "the $kind webhook $name asks the Service $namespace/$service, behind which nothing is ready, and refuses what it cannot ask: bring that back, or delete the webhook"
    done < <(api GET "/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations" |
      jq -r '.items[] | .metadata.name as $name | .webhooks[]? | select((.failurePolicy // "Fail") == "Fail") | .clientConfig.service // empty | "\($name) \(.namespace) \(.name)"' | sort -u)
    wait $!
  done
}

# judge_ceph: volumes must come up where pods go. A warning does not keep them from it, unless data is not available.
judge_ceph() {
  local health words="no monitor answers"
  [ -s /etc/ceph/ceph.client.admin.keyring ] || return 0
  health=$(timeout 30 ceph --connect-timeout 10 health --format json 2>/dev/null) || health=
  [ -z "$health" ] || words=$(jq -r 'select(.status == "HEALTH_ERR" or .checks.PG_AVAILABILITY) | [.checks[].summary.message] | join("; ")' <<<"$health")
  [ -z "$words" ] || problem "Ceph is not well ($words): see 'ceph health detail' on a monitor"
}

# judge: what is found out of the cluster by the API.
judge() {
  local address version minors=0 answering=()
  # One that does not answer says nothing of a version: it may be the very master that this 'up' takes out or mends.
  while read -r address version; do
    case $version in none | "$VERSION") ;; *) differs=1 ;; esac
    judge_api_server "$address" "$version"
    [ "$version" = none ] || answering+=("$address")
    [ "$version" = none ] || [ "$(minor "$version")" = "$(minor "$VERSION")" ] || minors=1
  done < <(api_servers)
  wait $!
  while read -r version; do
    [ "$version" = "$VERSION" ] || differs=1
    ! must_be_empty "$version" || drains=1
  done < <(jq -r '.items[].status.nodeInfo.kubeletVersion | ltrimstr("v") | sub("[+-].*"; "")' <<<"$nodes")
  [ -n "$differs" ] || PROBLEMS=()
  judge_etcd_way
  [ -z "$differs" ] || judge_nodes
  [ -z "$differs$etcd_differs" ] || judge_etcd
  [ -n "$differs" ] || return 0
  if [ -n "$drains" ]; then judge_pods; judge_webhooks; judge_ceph; fi
  [ "$minors" != 0 ] || return 0
  judge_apis "${answering[@]}"
  judge_stored
}

# someone_leaves: etcd has a member that the file does not have any more.
someone_leaves() {
  local name
  while read -r _ _ name _; do
    [[ " $MEMBERS - " == *" $name "* ]] || return 0
  done <<<"$all"
  return 1
}

# snapshot_before WHAT: takes one on this master at once, whoever leads, if the file wants snapshots; ends the step if that fails.
snapshot_before() {
  [ -e /etc/systemd/system/groundwork-snapshot.timer ] || return 0
  python3 -IB /usr/local/lib/groundwork/snapshot "$1" >"$RUN/snapshot" 2>&1 ||
    die "no snapshot of etcd could be taken before the $1: $(tail -n 1 "$RUN/snapshot")" \
      "mend what it says, or set cluster.etcd.snapshots.enabled: false to go on without one; nothing was changed"
  changed "before the $1: $(tail -n 1 "$RUN/snapshot")"
}

require_claim
exclusively upgrade
runs=$(version_of kube-apiserver.service)
etcd_runs=$(version_of etcd.service)
# Here nothing runs yet, or what the file asks for, and it may be this 'up' that mends it.
if [ -z "$runs" ] || { [ "$runs $etcd_runs" = "$VERSION $ETCD_VERSION" ] && ! poll 5 "" api_answers; }; then
  finish
  exit 0
fi
wait_for 60 "the cluster is to go from Kubernetes $runs and etcd $etcd_runs to $VERSION and $ETCD_VERSION, and the API server does not answer" kube-apiserver.service api_answers
differs='' drains='' etcd_differs=''
nodes=$(api GET /api/v1/nodes)
all=$(members "$ETCD_LOCAL") || die "etcd does not say who is a member of it" "see 'journalctl -u etcd' here; then run 'pulumi up' again; nothing was changed"
judge
if [ ${#PROBLEMS[@]} -gt 0 ]; then
  die "the cluster cannot go to ${differs:+Kubernetes $VERSION}${etcd_differs:+${differs:+ and }etcd $ETCD_VERSION}:$(printf '\n    %s' "${PROBLEMS[@]}")" \
    "mend each as it says, then run 'pulumi up' again, or set the version back; nothing was changed"
fi
while read -r name; do
  uncordon "$name"
  rm -f "$EVICTED/$name"
done < <(jq -r --arg key $CORDONED --arg version "v$VERSION" ".items[] | select(.metadata.annotations[\$key] and ($READY)
  and (.status.nodeInfo.kubeletVersion | sub(\"[+-].*\"; \"\")) == \$version) | .metadata.name" <<<"$nodes")
if [ -n "$differs$etcd_differs" ]; then snapshot_before upgrade; elif someone_leaves; then snapshot_before removal; fi
finish
