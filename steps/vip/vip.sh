#!/usr/bin/env bash
# vip: this master holds the API's address when it is its turn: keepalived runs with the masters of the file as its peers, and
# hears nobody else. Ends when somebody holds the address.
#
# Masters that the list had before are heard on: one that leaves stops at the end of the `up`, and would hold the address as long
# as it hears nobody. Another list forgets them.
#
# Needs also: VIP, ROUTER_ID, PEERS (addresses of all masters, space separated), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

FOLDER=/etc/groundwork/vip
UNIT=groundwork-vip.service

# link_of ADDRESS: the interface that carries it; nothing where none does.
link_of() { ip -json -4 address show to "$1/32" | jq -r '[.[] | select(.ifname)][0].ifname // empty'; }

# former_peers: of the list before the one that is in force.
former_peers() {
  local now='' before=''
  { read -r now; read -r before; } 2>/dev/null <"$FOLDER/peers" || true
  [ "$now" != "$PEERS" ] || now=$before
  tr ' ' '\n' <<<"$now" | grep -vxF -f <(tr ' ' '\n' <<<"$PEERS $NODE_IP") | sed '/^$/d' | sort -u | paste -sd ' ' || true
}

# answers: whether the API answers at the address, by this cluster's authority.
answers() { curl --silent --noproxy '*' --fail --output /dev/null --max-time 3 --cacert /etc/kubernetes/pki/ca.crt "https://$VIP:6443/readyz"; }

# require_unused: before this machine may hold the address for the first time. Whoever answers there is asked at the link.
require_unused() {
  local route owner
  route=$(ip -json route get "$VIP")
  jq -e --arg link "$LINK" '.[0] | .dev == $link and (has("gateway") | not)' <<<"$route" >/dev/null ||
    die "$VIP is not in the network of $NODE_IP on $LINK" "give an unused address of the masters' network as cluster.endpoint.vip"
  if answers; then return 0; fi
  ip neigh flush to "$VIP" dev "$LINK"
  timeout 2 bash -c ": <>/dev/tcp/$VIP/6443" 2>/dev/null || true
  owner=$(ip -json neigh show to "$VIP" dev "$LINK" | jq -r '[.[].lladdr // empty][0] // empty')
  [ -z "$owner" ] || is_peers "$owner" || answers ||
    die "another machine has the address $VIP already: its network card is $owner" "give an address that nobody has as cluster.endpoint.vip, or take it from that machine"
}

# priority: of two that miss the same master one is earlier by a good part of a second: else both would tell the network that the
# address is theirs, and it might believe the one that gives way.
priority() {
  local rank=0 peer masters
  read -ra masters <<<"$PEERS"
  for peer in "${masters[@]}"; do
    [ "$peer" != "$NODE_IP" ] || break
    rank=$((rank + 1))
  done
  echo $((250 - rank * 200 / ${#masters[@]}))
}

# is_peers CARD: whether it is a master's, who may hold the address while no API server answers in time.
is_peers() {
  local peer masters
  read -ra masters <<<"$PEERS"
  for peer in "${masters[@]}"; do
    [ "$peer" != "$NODE_IP" ] || continue
    timeout 1 bash -c ": <>/dev/tcp/$peer/6443" 2>/dev/null || true
    [ "$(ip -json neigh show to "$peer" dev "$LINK" | jq -r '[.[].lladdr // empty][0] // empty')" != "$1" ] || return 0
  done
  return 1
}

keepalived_conf() {
  local peer
  printf '%s\n' "global_defs {" "  router_id groundwork" "  vrrp_version 3" "  enable_script_security" "  script_user nobody nogroup" "}"
  # What keeps the API server from answering, but for a cluster of etcd that has no leader: nobody would have more to say.
  printf '%s\n' "vrrp_script alive {" "  script \"$FOLDER/check alive\"" "  interval 1" "  timeout 3" "  fall 2" "  rise 1" "  init_fail" "}"
  printf '%s\n' "vrrp_script ready {" "  script \"$FOLDER/check ready\"" "  interval 1" "  timeout 3" "  fall 10" "  rise 1" "  init_fail" "}"
  # None that answers gives way to another (nopreempt): the address stays where it is as long as that one answers.
  printf '%s\n' "vrrp_instance api {" "  state BACKUP" "  nopreempt" "  priority $(priority)" "  advert_int 0.5" "  interface $LINK" "  virtual_router_id $ROUTER_ID" \
    "  unicast_src_ip $NODE_IP" "  unicast_peer {"
  for peer in "${HEARD[@]}"; do echo "    $peer"; done
  printf '%s\n' "  }" "  virtual_ipaddress {" "    $VIP/32 dev $LINK" "  }" "  track_script {" "    alive" "    ready" "  }" "  garp_master_delay 1" "  garp_master_refresh 10" "}"
}

# peers_nft: VRRP has no proof of who speaks: what is no master's is dropped.
peers_nft() {
  local others=''
  [ ${#HEARD[@]} -eq 0 ] || others="ip saddr != { $(printf '%s\n' "${HEARD[@]}" | paste -sd ,) } "
  printf '%s\n' "table inet groundwork-vip" "delete table inet groundwork-vip" "table inet groundwork-vip {" "  chain input {" \
    "    type filter hook input priority -10; policy accept;" "    ip protocol 112 ${others}drop" "  }" "}"
}

# is_held: here or elsewhere.
is_held() { [ -n "$(link_of "$VIP")" ] || answers; }

require_claim
exclusively vip
LINK=$(link_of "$NODE_IP")
[ -n "$LINK" ] || die "no interface of the machine carries $NODE_IP" "see 'ip address'"
# Taken away while it lies here, the address would be missed by nobody.
systemctl is-active --quiet $UNIT || require_unused
FORMER=$(former_peers)
mapfile -t HEARD < <(tr ' ' '\n' <<<"$PEERS $FORMER" | grep -vxF -e "$NODE_IP" -e '')
undo_on_failure
install_files
keepalived_conf | file $FOLDER/keepalived.conf 0600 root:root
peers_nft | file $FOLDER/peers.nft 0600 root:root
printf '%s\n%s\n' "$PEERS" "$FORMER" | file $FOLDER/peers 0600 root:root
keepalived -t -P -f $FOLDER/keepalived.conf >"$RUN/keepalived.log" 2>&1 ||
  die "keepalived refuses its configuration: $(tail -n 1 "$RUN/keepalived.log")" "see 'keepalived -t -P -f $FOLDER/keepalived.conf'"
enable_units $UNIT
run_unit $UNIT /etc/systemd/system/$UNIT $FOLDER/keepalived.conf $FOLDER/peers.nft $FOLDER/check
wait_for 30 "nobody holds $VIP within 30 s" $UNIT is_held
finish
