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
