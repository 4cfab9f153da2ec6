#!/usr/bin/env bash
# kubelet: containerd in the version that the file asks for, the node's own certificate, then kubelet, kube-proxy, the network plugin and, on workers, the proxy to the API
# servers. Ends when the node is Ready, or lacks nothing for it but a network plugin that may come later. The masters answer its requests meanwhile, once `invite` has run.
#
# The first client certificate is fetched here, before the kubelet starts: a kubelet that fetches it itself looks for it
# only every ten seconds (kubernetes/kubernetes#112170). It renews it on its own.
#
# Needs also: VERSION (of Kubernetes), CONTAINERD_VERSION and RUNC_VERSION (their versions; empty: the distribution's), UNITS (the services, in
# the order in which they start), READS (see files_of), AUTHORITIES (number of those that issue certificates, where they followed others),
# PROXY_MODE (of kube-proxy; off: there is none), SYSTEM_CPU and SYSTEM_MEMORY (what the machine does beside Kubernetes'
# services, in thousandths of a processor and MiB), NETWORK_LATER (see fit-lib.sh), install_files, and of the network plugin's library network_before,
# network_follows and network_leads (networks/plugin.ts).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/programs-lib.sh
. "$(dirname "$0")/../lib/programs-lib.sh"
# shellcheck source=../lib/runtime-lib.sh
. "$(dirname "$0")/../lib/runtime-lib.sh"
# shellcheck source=../lib/fit-lib.sh
. "$(dirname "$0")/../lib/fit-lib.sh"
# shellcheck source=../lib/authorities-lib.sh
. "$(dirname "$0")/../lib/authorities-lib.sh"
# shellcheck source=../lib/cni-lib.sh
. "$(dirname "$0")/../lib/cni-lib.sh"

BOOTSTRAP=/etc/kubernetes/bootstrap-kubelet.conf
CERTIFICATE=/var/lib/kubelet/pki/kubelet-client-current.pem
SERVING=/var/lib/kubelet/pki/kubelet-server-current.pem
API=https://127.0.0.1:6443
# fetch [CURL ARGUMENT...] URL: of the API server.
# The proxy believes in every master until it has looked twice, and an API server that starts takes connections long before
# it answers any. One that many nodes join at once is slow to answer: who has waited longer has more patience.
fetch() {
  curl --silent --noproxy '*' --fail --connect-timeout $((2 + SECONDS / 5)) --max-time $((10 + SECONDS / 5)) --cacert /etc/kubernetes/pki/ca.crt "$@"
}

# with_token METHOD PATH [CURL ARGUMENT...]: a request with the bootstrap token, which stays out of the process list.
with_token() {
  local method=$1 path=$2
  shift 2
  fetch --request "$method" --header @"$RUN/token" "$@" "$API$path"
}

# as_node METHOD PATH [CURL ARGUMENT...]: a request with the certificate that the node has.
as_node() {
  local method=$1 path=$2
  shift 2
  fetch --request "$method" --cert $CERTIFICATE "$@" "$API$path"
}

# first_certificate: by the bootstrap token.
first_certificate() {
  jq -er '"Authorization: Bearer " + .users[0].user.token' $BOOTSTRAP >"$RUN/token"
  wait_for 90 "the bootstrap token was not accepted within 90 s" "" with_token GET /version
  request_certificate client "$RUN/kubelet.key" with_token
  record_in /var/lib/kubelet pki pki/kubelet-client-first.pem pki/kubelet-client-current.pem pods plugins plugins_registry pod-resources \
    device-plugins checkpoints {cpu,memory,dra}_manager_state {allocated,actuated}_pods_state
  install -d -m 0700 /var/lib/kubelet /var/lib/kubelet/pki
  install_certificate client first "$RUN/kubelet.key"
  rm -f "$RUN/token"
  changed "received the client certificate of system:node:$NODE"
}

# renew_certificates: those of former authorities are followed by others of the newest; the kubelet would wait for their end.
renew_certificates() {
  local kind current key tries
  for kind in client server; do
    current=/var/lib/kubelet/pki/kubelet-$kind-current.pem key=$RUN/kubelet-$kind.key tries=0
    while [ -s "$current" ] && [ "$(issuer_of "$current")" -lt "$AUTHORITIES" ]; do
      request_certificate "$kind" "$key" as_node
      if [ "$(issuer_of /dev/stdin <<<"$certificate")" -ge "$AUTHORITIES" ]; then
        record_in /var/lib/kubelet "pki/kubelet-$kind-$AUTHORITIES.pem"
        install_certificate $kind "$AUTHORITIES" "$key"
        changed "received a $kind certificate of authorities $AUTHORITIES"
      else
        # A controller manager reads within a minute what it signs with.
        rm -f "$key"
        tries=$((tries + 1))
        [ $tries -lt 20 ] || die "Kubernetes still signs by authorities $(issuer_of /dev/stdin <<<"$certificate")" "see 'journalctl -u kube-controller-manager' on the masters, then run 'pulumi up' again"
        sleep 5
      fi
    done
  done
}

# install_certificate KIND NAME KEY: what was received, for the kubelet to find when it starts.
install_certificate() {
  local folder=/var/lib/kubelet/pki kind=$1 name=kubelet-$1-$2.pem
  { printf '%s\n' "$certificate"; cat "$3"; } >"$folder/.$name.new"
  sync "$folder/.$name.new"
  mv -f "$folder/.$name.new" "$folder/$name"
  ln -sfn "$name" "$folder/.current.new"
  mv -fT "$folder/.current.new" "$folder/kubelet-$kind-current.pem"
  rm -f "$3"
}

# request_certificate KIND KEY ASKED: certificate signing request -> `certificate`, a client's or a server's; ASKED METHOD PATH asks the API.
request_certificate() {
  local kind=$1 key=$2 asked=$3 csr name signer=kubernetes.io/kube-apiserver-client-kubelet names=()
  [ "$kind" = client ] || signer=kubernetes.io/kubelet-serving names=(-addext "subjectAltName=DNS:$NODE,IP:$NODE_IP")
  # The key outlives a killed run, and its request is named after it: asking again finds the same request.
  [ -s "$key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$key"
  csr=$(openssl req -new -key "$key" -subj "/O=system:nodes/CN=system:node:$NODE" "${names[@]}" | base64 -w0)
  name=node-csr-$(openssl pkey -in "$key" -pubout | sha256sum | cut -c1-40)
  # ask: the API may refuse for a moment while etcd changes its membership; asking again changes nothing.
  ask() {
    jq -n --arg name "$name" --arg csr "$csr" --arg signer "$signer" --arg usage "$kind auth" '{apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: {name: $name},
      spec: {request: $csr, signerName: $signer, usages: ["digital signature", $usage]}}' |
      "$asked" POST /apis/certificates.k8s.io/v1/certificatesigningrequests --header 'Content-Type: application/json' --data @- >/dev/null
  }
  has_certificate() {
    local request
    ask || true
    request=$(first_seen 'any(.status.conditions[]?; .type == "Denied" or .type == "Failed") or .status.certificate' \
      "$asked" GET "/apis/certificates.k8s.io/v1/certificatesigningrequests?fieldSelector=metadata.name=$name&$WATCH") || return
    if jq -e 'any(.status.conditions[]?; .type == "Denied" or .type == "Failed")' <<<"$request" >/dev/null; then
      rm -f "$key" # the next run asks anew
      die "the request $name was refused: $(jq -r '.status.conditions[-1].message' <<<"$request")" "see 'journalctl -u groundwork-admission' on the masters; if it names another node or address than this one's, somebody else may use its token"
    fi
    certificate=$(jq -r '.status.certificate | @base64d' <<<"$request")
  }
  wait_for 90 "no certificate was issued for $name within 90 s; a master's groundwork-admission.service approves it" "" has_certificate
}

# node_is_ready: as the kubelet of this version says: what a former one said holds for a while. Leaves the Node in `node`.
node_is_ready() {
  # shellcheck disable=SC2034 # a network plugin's library looks at it
  node=$(first_seen "$NODE_FIT and (.status.nodeInfo.kubeletVersion | sub(\"[+-].*\"; \"\")) == \"v$VERSION\"" fetch --cert $CERTIFICATE "$API/api/v1/nodes?fieldSelector=metadata.name=$NODE&$WATCH")
}

# all_stay_up: nothing but its own death tells of a service that the node's readiness does not depend on.
all_stay_up() {
  local now
  read -r now _ </proc/uptime
  # shellcheck disable=SC2086,SC2153 # a list, from the program
  systemctl show --property=ActiveState,ExecMainStartTimestampMonotonic $UNITS | awk -F= -v now="$now" '
    $1 == "ActiveState" && $2 != "active" || $1 == "ExecMainStartTimestampMonotonic" && now - $2 / 1000000 < 2 { no = 1 }
    END { exit no }'
}

# machine_facts: what no file of the cluster can know: how this machine groups processes and resolves names.
machine_facts() {
  local driver=systemd legacy=
  if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
    driver=cgroupfs
    legacy='failCgroupV1: false' # the claim step let it pass because the operator accepts it
  fi
  printf '%s\n' 'apiVersion: kubelet.config.k8s.io/v1beta1' 'kind: KubeletConfiguration' "cgroupDriver: $driver" ${legacy:+"$legacy"}
  # systemd-resolved's stub would make CoreDNS ask itself. A file that it left behind is gone at the next boot.
  [ ! -s /run/systemd/resolve/resolv.conf ] || ! systemctl is-active --quiet systemd-resolved.service || echo 'resolvConf: /run/systemd/resolve/resolv.conf'
  reservations
}

# reservations: what pods leave to others: to Kubernetes' own services by the size of the machine, as Google reckons for its
# clusters; to the rest by what runs there. A quarter stays for pods. What the file says itself stands alone.
reservations() {
  local memory cpu kube_memory kube_cpu line
  memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024)) cpu=$(($(nproc) * 1000))
  kube_memory=$(graded $memory 4096 2500 8192 2000 16384 1000 131072 600 $memory 200)
  kube_cpu=$(graded $cpu 1000 600 2000 100 4000 50 $cpu 25)
  for line in "kubeReserved: {cpu: ${kube_cpu}m, memory: ${kube_memory}Mi}" \
    "systemReserved: {cpu: $(least "$SYSTEM_CPU" $((cpu * 3 / 4 - kube_cpu)))m, memory: $(least "$SYSTEM_MEMORY" $((memory * 3 / 4 - kube_memory)))Mi}"; do
    grep -q "^${line%%:*}:" /var/lib/kubelet/config.yaml || echo "$line"
  done
}
least() { echo $(($1 < $2 ? $1 : $2)); }

# graded AMOUNT [UP_TO SHARE]...: what it comes to where each part of it, up to the next bound, counts by its own share, in
# ten-thousandths.
graded() {
  local amount=$1 from=0 sum=0
  shift
  while [ $# -gt 0 ]; do
    [ "$amount" -le "$from" ] || sum=$((sum + ($(least "$amount" "$1") - from) * $2)) from=$1
    shift 2
  done
  echo $((sum / 10000))
}

# run_proxy: where only the list of masters changed, open connections to the others stay.
run_proxy() {
  run_unit kube-api-proxy.service /etc/systemd/system/kube-api-proxy.service
  # shellcheck disable=SC2046 # a list
  stale kube-api-proxy.service $(files_of kube-api-proxy.service) || return 0
  haproxy -c -q -f /etc/kubernetes/haproxy.cfg || die "haproxy refuses its configuration" "see 'haproxy -c -f /etc/kubernetes/haproxy.cfg'"
  systemctl restart kube-api-proxy.service
  changed "restarted kube-api-proxy.service"
}

# runtime_before: a machine that had the distribution's alone is to get that back where another does not start.
runtime_before() {
  [ -z "$CONTAINERD_VERSION$RUNC_VERSION" ] || [ -e "$RUNTIME" ] || file "$RUNTIME" 0600 root:root <<<"$OF_DISTRIBUTION"
}

# run_runtime: pods run on: each has a shim, which goes on with the programs that it was started with.
run_runtime() {
  if [ -z "$CONTAINERD_VERSION$RUNC_VERSION" ]; then
    [ -e "$RUNTIME" ] || return 0
    file "$RUNTIME" 0600 root:root <<<"$OF_DISTRIBUTION"
  fi
  enable_units containerd.service
  run_unit containerd.service "$RUNTIME"
  wait_for 60 "containerd${CONTAINERD_VERSION:+ $CONTAINERD_VERSION} did not start within 60 s" containerd.service runtime_answers
  # Whatever becomes of the step, it stays: an older one may not know the containers that this one has started since.
  rm -f "$UNDO$RUNTIME"
  RESTARTED=()
}

# serves_by_its_authority: true as well when it does not serve yet. How old the certificate is, is the kubelet's own matter.
serves_by_its_authority() {
  [ ! -s $SERVING ] || openssl verify -no_check_time -CAfile /etc/kubernetes/pki/kubelet-serving-ca.crt $SERVING >/dev/null 2>&1
}

run_kubelet() {
  local before renewed=()
  [ -s $CERTIFICATE ] || first_certificate
  before=$CHANGES
  if ! serves_by_its_authority; then
    systemctl stop kubelet.service
    rm -f /var/lib/kubelet/pki/kubelet-server-*.pem
    changed "made kubelet.service ask for a serving certificate of the present authority"
  fi
  if [ "${AUTHORITIES-1}" -gt 1 ]; then
    renew_certificates
    renewed=("/var/lib/kubelet/pki/kubelet-"{client,server}"-$AUTHORITIES.pem")
  fi
  # shellcheck disable=SC2046 # a list
  run_unit kubelet.service $(files_of kubelet.service) "${renewed[@]}"
  # A kubelet registers when it starts and never again; a removal that was cut short may have deleted its Node since.
  if [ "$(fetch --output /dev/null --write-out '%{http_code}' --cert $CERTIFICATE "$API/api/v1/nodes/$NODE")" = 404 ] && [ "$CHANGES" -eq "$before" ]; then
    systemctl restart kubelet.service
    changed "restarted kubelet.service so that it registers again"
  fi
}

# proxy_mode: that of kube-proxy whose rules are here; `changing` as long as those of two may be; nothing where it never ran.
proxy_mode() { cat "$STATE/proxy-mode" 2>/dev/null || sed -nE 's/^ *--proxy-mode=([a-z]+).*/\1/p' /etc/systemd/system/kube-proxy.service 2>/dev/null || true; }

run_kube_proxy() {
  [ "$(proxy_mode)" != changing ] || take_off_rules
  run_service kube-proxy.service
}

# take_off_rules: those of every mode, by kube-proxy itself, which in its new one leaves some of another's.
take_off_rules() {
  RESTARTED+=(kube-proxy.service)
  systemctl stop kube-proxy.service
  timeout 60 "$(program_of kube-proxy.service)" --cleanup >"$RUN/kube-proxy.log" 2>&1 ||
    die "kube-proxy did not take off the rules of its former mode: $(tail -n 1 "$RUN/kube-proxy.log")" "reboot the machine, which does; then run 'pulumi up' again"
  changed "took off the rules of kube-proxy's former mode"
}

# no_kube_proxy: of a node that had it.
no_kube_proxy() {
  [ -e /etc/systemd/system/kube-proxy.service ] || return 0
  take_off_rules
  systemctl disable --quiet kube-proxy.service
  rm -f /etc/systemd/system/kube-proxy.service
  systemctl daemon-reload
  changed "removed kube-proxy.service"
}

require_claim
exclusively kubelet
undo_on_failure
case $(proxy_mode) in '' | off | "$PROXY_MODE") ;; *) write_state proxy-mode changing ;; esac
runtime_before
network_before
run_runtime
machine_facts | file /etc/kubernetes/kubelet.conf.d/00-facts.conf 0600 root:root
# shellcheck disable=SC2086 # UNITS is a list
enable_units $UNITS
for unit in $UNITS; do
  case $unit in
    kube-api-proxy.service) run_proxy ;;
    kubelet.service) run_kubelet ;;
    kube-proxy.service) run_kube_proxy ;;
    *) run_service "$unit" ;;
  esac
done
wait_for 120 "the node was not Ready with Kubernetes $VERSION within 120 s" "kubelet.service ${UNITS/kubelet.service/}" node_is_ready
network_follows
wait_for 60 "not every service of the node stayed up within 60 s" "$UNITS" all_stay_up
network_leads
rm -f $BOOTSTRAP
[ -s "$STATE/cluster-joined" ] || write_state cluster-joined "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
write_state bootstrap-state joined
[ "${AUTHORITIES-1}" = 1 ] || write_state authorities-through "$AUTHORITIES" # all of this node has come to them
succeeded # what would be put back names its programs
[ "$PROXY_MODE" != off ] || no_kube_proxy
write_state proxy-mode "$PROXY_MODE"
remove_unused_programs
finish
