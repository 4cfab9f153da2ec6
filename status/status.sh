#!/usr/bin/env bash
# status: what this machine is in its cluster, and how it does, as JSON. Reads only, judges nothing, and ends within six
# seconds. As root on a machine, or from elsewhere:
#   status/status.sh [--report]
#   cat networks/*/*-status-lib.sh status/status.sh | ssh root@MACHINE bash
# By itself it says nothing of the network of pods, which network plugins' libraries before it do.
# A report is the JSON in one line behind a mark, by which `make status` finds it in what a login shell prints.
set -uo pipefail
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

STATE=/var/lib/cluster-state
PKI=/etc/kubernetes/pki
ETCD_PKI=/etc/etcd/pki

# Everything that is asked is the machine's own or the cluster's: never by a proxy that the environment names.
CURL=(curl --silent --noproxy '*' --cacert "$PKI/ca.crt")

# JSON is put together by hand: a machine that is not prepared has no jq.

# text STRING: a JSON string; what is not printable ASCII becomes a blank.
text() {
  local string=${1//[^ -~]/ }
  string=${string//\\/\\\\}
  printf '"%s"' "${string//\"/\\\"}"
}

# The same for all texts of a JSON value, to jq: in what others wrote nothing may control a terminal, nor be so long that
# it costs the report. jq's gsub takes seconds for a text of some kilobytes.
PRINTABLE='walk(if type == "string" then .[:500] | explode | map(if . < 32 or . > 126 then 32 else . end) | implode else . end)'

# object KEY JSON...: a JSON object; keys whose value is empty are left out.
object() {
  local pairs=
  while [ $# -gt 0 ]; do
    [ -z "$2" ] || pairs+="${pairs:+,}\"$1\":$2"
    shift 2
  done
  printf '{%s}' "$pairs"
}

# list: a JSON list of the JSON values on standard input, one a line.
list() { printf '[%s]' "$(paste -sd,)"; }

# lock: as it was written when the machine was claimed.
lock() {
  local key value pairs=()
  while IFS='=' read -r key value; do pairs+=("$key" "$(text "$value")"); done <"$STATE/lock"
  object "${pairs[@]}"
}

state_files() {
  local name pairs=()
  for name in bootstrap-state cluster-joined node-role etcd-member-id; do
    [ ! -s "$STATE/$name" ] || pairs+=("$name" "$(text "$(cat "$STATE/$name")")")
  done
  object "${pairs[@]}"
}

# steps: what each wrote down when it was done, in lines KEY=VALUE.
steps() {
  printf '{%s}' "$(awk '
    { gsub(/[^ -~]|["\\]/, " "); at = index($0, "=") }
    FNR == 1 { name = FILENAME; sub(/.*\//, "", name); printf "%s\"%s\":{", (steps++ ? "}," : ""), name }
    { printf "%s\"%s\":\"%s\"", (FNR > 1 ? "," : ""), substr($0, 1, at - 1), substr($0, at + 1) }
    END { if (steps) print "}" }' "$STATE"/steps/* 2>/dev/null)"
}

# units: those of the cluster that this machine has: those whose files it put there, and those of packages that it runs. Not
# those that start with no boot (static), but by another unit, such as a timer. systemd prints times as 'Sat 2026-11-21 12:00:00.123456 UTC'.
units() {
  local own
  own=$(sed -nE 's,^/etc/systemd/system/([^/]+\.(service|timer))$,\1,p' "$STATE/files" 2>/dev/null)
  own+=' containerd.service'
  # Ceph's packages may be there without a cluster.
  [ ! -e /etc/ceph/ceph.conf ] || own+=' ceph-crash.service ceph-mon@*.service ceph-mgr@*.service ceph-osd@*.service'
  set -f
  # shellcheck disable=SC2086 # a list
  systemctl show --timestamp=us+utc --property=Id,LoadState,UnitFileState,ActiveState,SubState,StateChangeTimestamp,NRestarts $own 2>/dev/null |
    awk 'BEGIN { RS = ""; FS = "\n" } {
      delete is
      for (i = 1; i <= NF; i++) { at = index($i, "="); is[substr($i, 1, at - 1)] = substr($i, at + 1) }
      if (is["LoadState"] != "loaded" || is["UnitFileState"] == "static") next
      sub(/\.service$/, "", is["Id"])
      split(is["StateChangeTimestamp"], when, " ")
      printf "{\"name\":\"%s\",\"active\":\"%s\",\"sub\":\"%s\",\"enabled\":\"%s\",\"restarts\":%d", is["Id"], is["ActiveState"], is["SubState"], is["UnitFileState"], is["NRestarts"]
      if (when[2] != "") printf ",\"since\":\"%sT%sZ\"", when[2], substr(when[3], 1, 8)
      print "}"
    }' | list
}

# certificates: path and end of each, also of those inside kubeconfigs.
certificates() {
  local path data
  # expiry PATH: of the certificate on standard input.
  expiry() {
    local end
    # -dateopt is younger than the oldest OpenSSL that machines have.
    end=$(openssl x509 -noout -enddate 2>/dev/null) && end=$(date -u -d "${end#*=}" +'"%FT%TZ"') || end=null
    object path "$(text "$1")" expires "$end"
    echo
  }
  {
    for path in "$PKI"/*.crt "$PKI"/etcd/*.crt "$ETCD_PKI"/*.crt /var/lib/kubelet/pki/kubelet-{client,server}-current.pem /etc/ceph/*.crt; do
      [ ! -s "$path" ] || expiry "$path" < <(cat "$path")
    done
    for path in /etc/kubernetes/*.conf; do
      [ -s "$path" ] || continue
      data=$(jq -r '.users[0].user["client-certificate-data"] // empty' "$path" 2>/dev/null)
      [ -z "$data" ] || base64 -d <<<"$data" 2>/dev/null | expiry "$path"
    done
  } | list
}

# program_of SERVICE: what its unit file has it run.
program_of() { sed -n 's,^ExecStart=\([^ ]*\).*,\1,p' "/etc/systemd/system/$1.service" 2>/dev/null; }

# first_line COMMAND...: its first line as a JSON string, or nothing.
first_line() {
  local line
  command -v "$1" >/dev/null || return 0
  line=$(timeout 3 "$@" 2>/dev/null | head -n 1)
  [ -z "$line" ] || text "$line"
}

# package_version NAME: of a Debian package that is installed.
# shellcheck disable=SC2016 # dpkg-query expands it
package_version() { first_line dpkg-query --showformat='${Version}' --show "$1"; }

# containerd_version: the file's, by the path of its program, or the distribution's.
containerd_version() {
  local version
  version=$(sed -n 's,^ExecStart=/usr/local/lib/groundwork/containerd-\([0-9.]*\)/.*,\1,p' /etc/systemd/system/containerd.service.d/groundwork-version.conf 2>/dev/null)
  if [ -n "$version" ]; then text "$version"; else package_version containerd; fi
}

versions() {
  # shellcheck disable=SC1091
  object os "$(text "$(. /etc/os-release && echo "$PRETTY_NAME")")" kernel "$(text "$(uname -r)")" \
    kubelet "$(first_line "$(program_of kubelet)" --version)" containerd "$(containerd_version)" ceph "$(package_version ceph-common)"
}

disk() {
  local size free
  read -r size free < <(df --block-size=1 --output=size,avail /var/lib | tail -n 1)
  object size "$size" free "$free"
}

booted() {
  local when
  read -ra when < <(systemctl show --timestamp=us+utc --property=UserspaceTimestamp --value)
  [ ${#when[@]} -lt 3 ] || text "${when[1]}T${when[2]%.*}Z"
}

# updates: how many of the distribution's an upgrade would install, by apt's lists as they lie here, and when these were fetched;
# nobody is asked. And why the machine is to be restarted. It comes last: apt takes a
# processor for a second, and who looks at the network waits for no longer than three.
updates() {
  local said='' outdated='' lists='' path newest='' running restart=''
  for path in /var/lib/apt/lists/*Packages*; do
    [ ! -e "$path" ] || lists=$(stat -c %Y /var/lib/apt/lists /var/lib/apt/lists/partial 2>/dev/null | sort -n | tail -n 1)
    break
  done
  if [ -n "$lists" ] && said=$(timeout 4 apt-get -s -o Debug::NoLocking=1 -o APT::Get::Upgrade-Allow-New=true upgrade 2>/dev/null); then
    outdated=$(grep -c '^Inst ' <<<"$said")
  fi
  running=$(uname -r)
  for path in /boot/vmlinuz-*; do [ ! -e "$path" ] || newest+=${path#/boot/vmlinuz-}$'\n'; done
  newest=$(printf '%s%s\n' "$newest" "$running" | sort -V | tail -n 1)
  # What runs in a container says nothing of its kernel, and has none of its own.
  if [ "$newest" != "$running" ]; then
    restart="kernel $newest is installed, and $running runs"
  elif [ -e /run/reboot-required ]; then
    restart="packages ask for it: $(sort -u /run/reboot-required.pkgs 2>/dev/null | head -n 5 | paste -sd ' ')"
  fi
  object outdated "$outdated" lists "$lists" restart "$([ -z "$restart" ] || text "${restart%: }")"
}

# settings: of the kernel's settings that the cluster makes those that are others now, or that a file undoes which systemd-sysctl
# reads later at boot: by the files' names, whichever folder they are in; of the same name the first folder's.
settings() {
  local path name later=() ours=/etc/sysctl.d/90-groundwork.conf
  local -A files=()
  [ -s $ours ] || return 0
  for path in /usr/lib/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf; do
    [ ! -r "$path" ] || files[${path##*/}]=$path
  done
  while read -r name; do
    [[ ! $name > ${ours##*/} ]] || later+=("${files[$name]}")
  done < <(printf '%s\n' "${!files[@]}" | sort)
  awk '
    { sub(/^[ \t]+/, ""); at = index($0, "="); leaves = sub(/^-/, ""); at -= leaves && at ? 1 : 0 }
    /^([#;]|$)/ || !at && !leaves { next }
    {
      key = at ? substr($0, 1, at - 1) : $0
      value = at ? substr($0, at + 1) : ""
      gsub(/^[ \t]+|[ \t\r]+$/, "", key); gsub(/^[ \t]+|[ \t\r]+$/, "", value)
      if (match(key, /[.\/]/) && substr(key, RSTART, 1) == "/") gsub(/\//, ".", key)
      if (NR == FNR) wanted[key] = value
      else if (key in wanted) { file[key] = FILENAME; is[key] = value }
    }
    function text(of) { gsub(/[^ -~]|["\\]/, " ", of); return "\"" of "\"" }
    END {
      for (key in wanted) {
        path = key; gsub(/\./, "/", path)
        if ((getline now <("/proc/sys/" path)) <= 0) now = wanted[key]
        undone = key in file && is[key] != wanted[key]
        if (now != wanted[key] || undone)
          print "{\"key\":" text(key) ",\"wanted\":" text(wanted[key]) ",\"now\":" text(now) (undone ? ",\"file\":" text(file[key]) : "") "}"
      }
    }' $ours "${later[@]}" 2>/dev/null | sort | list
}

# api_ready: whether the API answers where every node looks for it; on a worker that is through its proxy.
api_ready() {
  [ -s $PKI/ca.crt ] && [ -e /etc/systemd/system/kubelet.service ] || return 0
  "${CURL[@]}" --fail --max-time 4 --output /dev/null https://127.0.0.1:6443/readyz && echo true || echo false
}

# vip: the API's address, where this machine has its turn to hold it.
vip() {
  local address
  address=$(sed -n 's,^ *\([0-9.]*\)/32 dev .*,\1,p' /etc/groundwork/vip/keepalived.conf 2>/dev/null)
  [ -n "$address" ] || return 0
  object address "$(text "$address")" held "$(ip -o -4 address show to "$address/32" | grep -q . && echo true || echo false)"
}

# firewall: the cluster's own, where the file has one: which rules are written, and whether the kernel has them.
firewall() {
  local rules=/etc/groundwork/firewall/rules.nft kernel
  [ -s $rules ] || return 0
  kernel=$(timeout 4 /usr/local/lib/groundwork/firewall-check 2>/dev/null) || kernel=unknown
  object rules "$(text "$(sha256sum <$rules | cut -d' ' -f1)")" kernel "$(text "$kernel")"
}

# kubernetes: the cluster as this master's API server sees it. A node writes its Node's status itself, and its requests:
# they may lack something, be too long, or too many. What comes is read at once and bounded, in time as a whole.
kubernetes() {
  local api=https://127.0.0.1:6443 apps=/apis/apps/v1/namespaces/kube-system answers requests kubelets fd_requests
  [ -s /etc/kubernetes/admin.conf ] || return 0
  jq -r '.users[0].user | .["client-certificate-data"], .["client-key-data"] | @base64d' /etc/kubernetes/admin.conf >"$TEMPORARY/admin.pem"
  local ask=("${CURL[@]}" --cert "$TEMPORARY/admin.pem")
  # what MIB FILTER URL...: of each answer what the filter takes; of answers that are longer together, of the first ones.
  what() { timeout 4 "${ask[@]}" --fail "${@:3}" | head --bytes="$1M" | timeout 4 jq -c "$2 | $PRINTABLE" 2>/dev/null; }
  exec {fd_requests}< <(what 32 '[.items[] | select(.status.conditions == null) |
    {name: .metadata.name, signer: .spec.signerName, user: .spec.username, since: .metadata.creationTimestamp}]' \
    "$api/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=500")
  answers=$(what 64 'if .kind == null then .gitVersion elif .kind != "NodeList"
    then [.items[] | {name: .metadata.name, ready: (.status.readyReplicas // .status.numberReady // 0), wanted: (.spec.replicas // .status.desiredNumberScheduled)}]
    else [.items[] | {
      name: .metadata.name, podCIDR: .spec.podCIDR, version: .status.nodeInfo.kubeletVersion, runtime: .status.nodeInfo.containerRuntimeVersion,
      cordoned: (.spec.unschedulable // false), taints: [.spec.taints[:20][]? | "\(.key):\(.effect)"],
      ready: (([.status.conditions[]? | select(.type == "Ready")][0] | values | {status, since: (.lastTransitionTime // "1970-01-01T00:00:00Z"), message: (.message // "")}) // null),
      pressure: [.status.conditions[]? | select(.type != "Ready" and .status == "True") | .type[:100]][:20]}
    ] end' $api/version $api/api/v1/nodes $api$apps/deployments $api$apps/daemonsets)
  requests=$(cat <&"$fd_requests")
  [ "$(wc -l <<<"$answers")" -eq 4 ] || return 0
  # What kubectl logs and exec need, too: the way of the API server to the kubelets.
  # shellcheck disable=SC2046 # a list
  kubelets=$("${ask[@]}" --parallel --max-time 1.4 --write-out '%{http_code} %{url_effective}\n' \
    $(jq -r --arg api $api 'select(type == "array")[] | select(has("cordoned")).name | "--output /dev/null \($api)/api/v1/nodes/\(.)/proxy/healthz"' <<<"$answers" | shuf -n 32))
  jq -cs --arg kubelets "$kubelets" --argjson requests "${requests:-null}" '{
    version: .[0], nodes: .[1], requests: $requests, workloads: (.[2] + .[3]),
    kubelets: [$kubelets | split("\n")[] | select(. != "") | {name: (split("/")[-3]), reached: startswith("200 ")}]}' <<<"$answers"
}

# network: the pod network of this machine, as the function `network_of_PLUGIN` of a network plugin knows it that stands before
# this script, and what its pods reach: asked from a network namespace that is made as theirs are, and in which no process runs.
network() {
  local plugin subnet='' bridge='' routes='' table='' mtu='' policies='' networks='' said='' causes='' passes='' fd_passes
  for plugin in $(compgen -A function network_of_); do
    $plugin
    [ -z "$table" ] || break
  done
  [ -n "$table" ] || return 0
  if [ -e /run/netns/groundwork-probe ]; then
    networks=$(jq -r '.[].dst | select(test("^[0-9.]+/[0-9]+$"))' <<<"${routes:-[]}" | shuf -n 32)
    said="looked $(pods_reach "$networks")"
    exec {fd_passes}< <(packets_pass "$mtu" "$said")
    # shellcheck disable=SC2086 # lists
    [ "$(wc -w <<<"$said")" -eq "$(wc -w <<<"looked name address $networks")" ] || causes=$(suspects)
    passes=$(cat <&"$fd_passes")
  fi
  jq -cn --arg subnet "$subnet" --argjson bridge "${bridge:-[]}" --argjson routes "${routes:-[]}" --arg mtu "$mtu" --arg passes "$passes" --arg policies "$policies" \
    --arg networks "$networks" --arg said "$said" --argjson suspects "${causes:-[]}" '($said | split("\n| "; null)) as $said |
    ($passes | split("\n") | map(split(" ") | select(length == 2) | {key: .[0], value: (.[1] | tonumber)}) | from_entries) as $passes | {
      subnet: $subnet, mtu: (($mtu | select(. != "") | tonumber) // null), bridge: [$bridge[].addr_info[]?.local], routes: [$routes[].dst], suspects: $suspects,
      policies: (if $policies == "" then null else $policies == "yes" end),
      seen: (if $said[0] != "looked" then null else {name: ($said | any(. == "name")), address: ($said | any(. == "address")),
        nodes: [$networks | split("\n")[] | select(. != "") | {network: ., reached: (. as $network | $said | any(. == $network)), passes: ($passes[.] // null)}]} end)}'
}

# probe_of NETWORK: `probe`, the address of its probe: the last but one.
probe_of() {
  local a b c d length number
  IFS=./ read -r a b c d length <<<"$1"
  number=$(((a << 24 | b << 16 | c << 8 | d) + (1 << 32 - length) - 2))
  probe=$((number >> 24)).$((number >> 16 & 255)).$((number >> 8 & 255)).$((number & 255))
}

# pods_reach NETWORKS: a word for what pods reach: `name` and `address` for the API's Service, and those of other nodes'
# NETWORKS whose probe answers: where nothing listens, a refused connection was there and back.
pods_reach() {
  local network probe probes=()
  for network in $1; do
    probe_of "$network"
    probes+=("$network=$probe")
  done
  # shellcheck disable=SC2016 # the inner shell's variables
  timeout 3 ip netns exec groundwork-probe bash -c '
    curl --silent --noproxy "*" --parallel --max-time 2.5 --cacert "$0" --write-out "%{http_code} %{url_effective}\n" \
      --output /dev/null https://kubernetes.default.svc/readyz --output /dev/null https://kubernetes.default/readyz |
      while read -r code url; do case $code$url in 200*.svc/*) echo name ;; 200*) echo address ;; esac; done &
    for each; do
      { said=$({ : <>"/dev/tcp/${each#*=}/1"; } 2>&1); [[ $said != *refused* ]] || echo "${each%=*}"; } &
    done
    wait' $PKI/ca.crt "${probes[@]}" 2>/dev/null
}

# packets_pass MTU REACHED: of the networks among these words those to which packets of MTU bytes do not pass, and how large one may be.
packets_pass() {
  local word probe bytes program=/usr/local/lib/groundwork/path-mtu
  local -A networks=()
  for word in $2; do
    [[ $word == */* ]] || continue
    probe_of "$word"
    networks[$probe]=$word
  done
  [ -n "$1" ] && [ -x $program ] && [ ${#networks[@]} -gt 0 ] || return 0
  timeout 2 ip netns exec groundwork-probe $program "$1" "${!networks[@]}" 2>/dev/null | while read -r probe bytes; do
    [ "$bytes" -eq 0 ] || [ "$bytes" -ge "$1" ] || echo "${networks[$probe]} $bytes"
  done
}

# suspects: what on this machine may keep packets of pods from their way.
suspects() {
  local tables="[\"$table\"]"
  ! grep -q '[-]-proxy-mode=nftables' /etc/systemd/system/kube-proxy.service 2>/dev/null || tables="[\"kube-proxy\", \"$table\"]"
  {
    [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo '"its kernel forwards no packets (net.ipv4.ip_forward is 0)"'
    # shellcheck disable=SC2016 # jq's variables
    timeout 2 nft -j list ruleset | timeout 2 jq --argjson tables "$tables" --arg own "$table" '[.nftables[].rule // empty] as $rules |
      ($tables[] | . as $table | select(all($rules[]; .family != "ip" or .table != $table)) | "the rules of nft table ip \($table) are gone"),
      (.nftables[].chain // empty | select("\(.table) \(.name)" | test("^(kube-proxy|\($own)|cni_[^ ]*|groundwork-vip) | (KUBE|CNI)-") | not) | . as $chain
        | [$rules[] | select(.family == $chain.family and .table == $chain.table and .chain == $chain.name)
          | select(any(.expr[]?; has("drop") or has("reject")) and all(.expr[]?; .match.left.ct.key? != "state"))] as $drops
        | select(.policy == "drop" or ($drops | length > 0))
        | "nft table \(.family) \(.table), chain \(.name), drops packets\(if .policy == "drop" then " by default" else "" end)")'
  } 2>/dev/null | head -n 10 | list
}

# etcd: this machine's member, and the members it knows. Identifiers have 64 bits, too many for a number in JSON.
etcd() {
  local key value members healthy pairs=() fd_members fd_healthy
  [ -e /etc/systemd/system/etcd.service ] || return 0
  local_etcd() {
    timeout 4 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$ETCD_PKI/ca.crt --cert=$ETCD_PKI/server.crt --key=$ETCD_PKI/server.key \
      --dial-timeout=2s --command-timeout=3s "$@" 2>/dev/null
  }
  # Side by side, as each may wait. Serializable reads are answered in any case, but health needs a quorum.
  exec {fd_members}< <(local_etcd member list --consistency=s --write-out=simple) \
    {fd_healthy}< <(local_etcd endpoint health >/dev/null && echo true || echo false)
  while IFS=' ' read -r key _ value; do
    case $key in
      '"MemberID"') pairs+=(id "\"$(printf %x "$value")\"") ;;
      '"Leader"') pairs+=(leader "\"$(printf %x "$value")\"") ;;
      '"IsLearner"') pairs+=(learner "$value") ;;
      '"Version"') pairs+=(version "$value") ;;
      '"DBSize"') pairs+=(size "$value") ;;
      '"DBSizeQuota"') pairs+=(quota "$value") ;;
      '"Errors"') [ "$value" = '[]' ] || pairs+=(errors "$(text "$value")") ;;
    esac
  done < <(local_etcd endpoint status --write-out=fields)
  members=$(awk -F', ' 'NF > 4 { gsub(/[^ -~]|["\\]/, " ")
    printf "{\"id\":\"%s\",\"started\":%s,\"name\":\"%s\",\"peer\":\"%s\",\"learner\":%s}\n", $1, ($2 == "started" ? "true" : "false"), $3, $4, $NF }' <&"$fd_members" | list)
  read -r healthy <&"$fd_healthy"
  object healthy "$healthy" members "$members" snapshot "$(snapshot)" halted "$([ ! -e "$STATE/halted" ] || echo true)" "${pairs[@]}"
}

# snapshot: what came of the last ones that this master took, and of backups of the state that were brought here.
snapshot() {
  jq -c "{good: ((.good | values | {time, name, bytes}) // null), tried, failure, backup: ((.backup | values | {time, name}) // null)} | $PRINTABLE" /var/lib/groundwork/snapshots/state.json 2>/dev/null
}

# ceph_daemons: what runs here of Ceph, each asked at its own socket. Those are user ceph's, who is not root: one that says
# too much or too slowly costs nobody else's answer.
ceph_daemons() {
  ls /run/ceph/*.asok >/dev/null 2>&1 || return 0
  timeout 5 python3 -c '
import concurrent.futures, glob, json, re, socket, time
end = time.monotonic() + 3
def read(connection, size):
    data = b""
    while len(data) < size:
        connection.settimeout(max(0.001, end - time.monotonic()))
        part = connection.recv(min(size - len(data), 65536))
        if not part: raise EOFError
        data += part
    return data
def ask(path, prefix):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(0.001, end - time.monotonic()))
        connection.connect(path)
        connection.sendall(json.dumps({"prefix": prefix}).encode() + b"\0")
        size = int.from_bytes(read(connection, 4), "big")
        if size > 1 << 20: raise ValueError
        return json.loads(read(connection, size))
def tell(name):
    kind, path = name.split(".")[0], f"/run/ceph/ceph-{name}.asok"
    daemon = {"name": name}
    try:
        daemon["version"] = str(ask(path, "version")["version"])[:200]
        daemon["state"] = "running" if kind == "mgr" else str(ask(path, "mon_status" if kind == "mon" else "status")["state"])[:200]
    except Exception:
        daemon["state"] = "no answer"
    return daemon
names = re.findall(r"^/run/ceph/ceph-((?:mon|mgr|osd)\..+)\.asok$", "\n".join(sorted(glob.glob("/run/ceph/ceph-*.asok"))), re.M)[:200]
with concurrent.futures.ThreadPoolExecutor(200) as pool: print(json.dumps(list(pool.map(tell, names))))
'
}

# ceph: the Ceph cluster as its monitors see it, where the administrator's key lies.
ceph_cluster() {
  [ -s /etc/ceph/ceph.client.admin.keyring ] || return 0
  timeout 5 python3 -c '
import json, rados
cluster = rados.Rados(conffile="/etc/ceph/ceph.conf", conf={"rados_mon_op_timeout": "3", "client_mount_timeout": "3"})
cluster.connect(timeout=3)
def ask(prefix): return json.loads(cluster.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"")[1])
status, mons, osds, mgr = ask("status"), ask("mon dump"), ask("osd dump"), ask("mgr stat")
print(json.dumps({
    "fsid": status["fsid"],
    "health": status["health"]["status"],
    "checks": [{"name": name, "severity": check["severity"], "message": check["summary"]["message"][:500]}
               for name, check in status["health"]["checks"].items() if not check.get("muted")],
    "monitors": [{"name": mon["name"], "quorum": mon["rank"] in mons["quorum"]} for mon in mons["mons"]],
    "manager": mgr.get("active_name") or None,
    "osds": [{"id": osd["osd"], "uuid": osd["uuid"], "up": osd["up"] == 1, "in": osd["in"] == 1} for osd in osds["osds"]],
    "bytes": {"used": status["pgmap"].get("bytes_used", 0), "total": status["pgmap"].get("bytes_total", 0)},
}))
' 2>/dev/null
}

# report: one JSON object. The clock comes first and at once, so that whoever asked can compare it with his own.
report() {
  local fd_kubernetes fd_network fd_etcd fd_daemons fd_ceph fd_ready fd_certificates fd_versions fd_firewall
  printf '{"clock":%s,"host":%s' "$(date +%s.%N | cut -c1-14)" "$(text "$(hostname)")"
  [ -e "$STATE/lock" ] || { printf ',"lock":null}\n'; return; }
  # What may have to wait waits side by side.
  exec {fd_kubernetes}< <(kubernetes) {fd_network}< <(network) {fd_etcd}< <(etcd) {fd_daemons}< <(ceph_daemons) {fd_ceph}< <(ceph_cluster) {fd_ready}< <(api_ready) \
    {fd_certificates}< <(certificates) {fd_versions}< <(versions) {fd_firewall}< <(firewall)
  printf ',%s\n' "$(object lock "$(lock)" state "$(state_files)" steps "$(steps)" booted "$(booted)" units "$(units)" disk "$(disk)" settings "$(settings)" \
    apiReady "$(cat <&"$fd_ready")" vip "$(vip)" firewall "$(cat <&"$fd_firewall")" certificates "$(cat <&"$fd_certificates")" versions "$(cat <&"$fd_versions")" etcd "$(cat <&"$fd_etcd")" \
    cephDaemons "$(cat <&"$fd_daemons")" kubernetes "$(cat <&"$fd_kubernetes")" network "$(cat <&"$fd_network")" \
    ceph "$(cat <&"$fd_ceph")" packages "$(updates)" | cut -c2-)"
}

main() {
  TEMPORARY=$(mktemp -d /run/groundwork-status.XXXXXX) || { echo "status: /run cannot be written to; run this as root" >&2; exit 2; }
  trap 'rm -rf "$TEMPORARY"' EXIT
  case ${1-} in
    --report)
      printf '\ngroundwork-report: '
      report
      ;;
    '') if command -v jq >/dev/null; then report | jq "$PRINTABLE"; else report; fi ;;
    *) echo "status: unknown argument '$1'; usage: status.sh [--report]" >&2; exit 2 ;;
  esac
}

# Nothing runs until all of the script has arrived, and nothing reads the script from standard input as its own.
main "$@" </dev/null
