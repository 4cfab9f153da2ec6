# shellcheck shell=bash
# What the step `kubelet` does for flannel. Needs lib.sh and kubelet.sh.

network_before() {
  install_beside flanneld.service
  # What flanneld sees of the machine hangs on it (networks/flannel/unit.ts).
  install -d -m 0755 /var/lib/groundwork /var/lib/groundwork/flanneld
}

# network_follows: pods get addresses of the network that the Node has.
network_follows() {
  poll 20 "" flannel_follows && return
  systemctl restart --no-block flanneld.service
  changed "restarted flanneld.service so that it takes the Node's pod network"
  wait_for 60 "flannel did not take the Node's pod network within 60 s" "flanneld.service" flannel_follows
}

# flannel_follows: flanneld asks for the Node's network when it starts, and may have been told of a Node that was deleted since.
flannel_follows() { has_its_network || { node_is_ready && has_its_network; }; }
has_its_network() {
  local bridge
  # flanneld names the bridge's address, the first of the network.
  # shellcheck disable=SC2154 # node_is_ready leaves it in `node`
  bridge=$(jq -r '.spec.podCIDR // empty | capture("(?<start>.*[.])(?<last>.*)/(?<length>.*)") | "\(.start)\((.last | tonumber) + 1)/\(.length)"' <<<"$node")
  [ "$(sed -n 's/^FLANNEL_SUBNET=//p' /run/flannel/subnet.env)" = "$bridge" ]
}

network_leads() {
  # Without kube-proxy this is for others to do, who may come later. One that lost all API servers for long asks them again after
  # half a minute, or more.
  [ "$PROXY_MODE" = off ] || wait_for 90 "pods of the node do not reach the API by its Service's address; a firewall may forbid it" "kube-proxy.service flanneld.service" pods_reach_api
  # Who is in has pods already, and `make status` says where a way has become narrower.
  [ -s "$STATE/cluster-joined" ] || poll 6 "" full_packets_pass || refuse_narrow_ways
  # By which any node could change all others, as long as they shared it.
  if [ -e /etc/kubernetes/flanneld.conf ]; then
    rm -f /etc/kubernetes/flanneld.conf
    changed "removed /etc/kubernetes/flanneld.conf"
  fi
}

# pods_reach_api: by the Service's address, from a network namespace that is made like theirs.
pods_reach_api() {
  ip netns exec groundwork-probe \
    curl --silent --noproxy '*' --fail --output /dev/null --max-time 3 --cacert /etc/kubernetes/pki/ca.crt https://kubernetes.default/readyz
}

# full_packets_pass: to pods of other nodes, of eight by chance, as far as they are there. flannel reckons with what the machine's
# card takes, and there may be room for less between the machines: large packets then get lost, and nobody is told. Leaves in `narrow` to
# which networks they do not pass, and in `most` how large one may be.
full_packets_pass() {
  local probes network address bytes
  local -A networks=()
  mtu=$(sed -n 's/^FLANNEL_MTU=\([0-9]*\)$/\1/p' /run/flannel/subnet.env) narrow='' most=$mtu
  # The probe of a network has the last address but one.
  probes=$(ip -json route show dev flannel.1 | jq -r '
    .[].dst | select(test("^[0-9.]+/[0-9]+$")) | . as $network | split("/") as [$start, $length]
    | reduce ($start | split(".")[] | tonumber) as $part (0; . * 256 + $part)
    | . + pow(2; 32 - ($length | tonumber)) - 2
    | "\($network) \([(16777216, 65536, 256, 1) as $unit | . / $unit | floor % 256 | tostring] | join("."))"' | shuf -n 8)
  while read -r network address; do [ -z "$address" ] || networks[$address]=$network; done <<<"$probes"
  [ ${#networks[@]} -gt 0 ] || return 0
  while read -r address bytes; do
    if [ "$bytes" -eq 0 ] || [ "$bytes" -ge "$mtu" ]; then continue; fi
    narrow+=" ${networks[$address]-$address}"
    [ "$bytes" -ge "$most" ] || most=$bytes
  done < <(ip netns exec groundwork-probe /usr/local/lib/groundwork/path-mtu "$mtu" "${!networks[@]}")
  wait $!
  [ -z "$narrow" ]
}

refuse_narrow_ways() {
  local others card
  others=$(as_node GET /api/v1/nodes | jq -r --arg networks "$narrow" '[.items[] | select(.spec.podCIDR as $own | $networks | split(" ") | index([$own])) | .metadata.name] | join(", ")') || others=
  card=$(ip -o -4 addr show to "$NODE_IP" | awk 'NR == 1 { print $2 }') || card=
  die "packets of full size do not pass between pods of $NODE and of ${others:-$narrow}: flannel reckons with $mtu bytes (card $card: $(cat "/sys/class/net/$card/mtu" 2>/dev/null)), and the largest that passes has $most" \
    "let what lies between the machines (switches, tunnels, firewalls) take packets of $((mtu + 50)) bytes, or set cluster.networking.flannel.mtu: $most; then run 'pulumi up' again"
}
