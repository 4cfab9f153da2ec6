# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use these
# What the etcd steps share. Needs lib.sh.
ETCD_PKI=/etc/etcd/pki
ETCD_LOCAL=https://127.0.0.1:2379
ETCD_SELF=https://$NODE_IP:2380

# etcdctl_at ENDPOINT COMMAND...: etcdctl with this machine's client certificate.
etcdctl_at() {
  local endpoint=$1
  shift
  etcdctl --endpoints="$endpoint" --cacert=$ETCD_PKI/ca.crt --cert=$ETCD_PKI/server.crt --key=$ETCD_PKI/server.key \
    --dial-timeout=2s --command-timeout=5s "$@"
}

# healthy ENDPOINT [QUERY] [SECONDS]: the member answers and sees a leader. A learner answers serializable reads only. One
# that starts takes connections long before it answers.
healthy() {
  curl --silent --noproxy '*' --fail --connect-timeout 2 --max-time "${3-5}" --cacert $ETCD_PKI/ca.crt --cert $ETCD_PKI/server.crt --key $ETCD_PKI/server.key \
    "$1/health${2-}" | grep -q '"health":"true"'
}
started() { healthy "$ETCD_LOCAL" '?serializable=true'; }

# members ENDPOINT: one line a member: hex id, started | unstarted, name or -, peer URL, learner (true | false).
members() {
  etcdctl_at "$1" member list --write-out=simple | awk -F', ' '{ print $1, $2, ($3 == "" ? "-" : $3), $4, $NF }'
}

# id_of ENDPOINT PEER_URL: of the member that is listed with it; nothing where none is.
id_of() { members "$1" | awk -v url="$2" '$4 == url { print $1 }'; }

# Where etcd notes by its id who has a place as a learner, and has not taken it. A place is for one start: whoever started with
# an id and has lost its data must come with another.
AWAITED=groundwork/awaited

# is_awaited ENDPOINT ID
is_awaited() { [ -n "$2" ] && etcdctl_at "$1" get "$AWAITED/$2" --write-out=json | jq -e '.count == 1' >/dev/null; }

# remove_member ENDPOINT ID
remove_member() {
  etcdctl_at "$1" member remove "$2" >/dev/null
  etcdctl_at "$1" del "$AWAITED/$2" >/dev/null
}

# client_url PEER_URL: where the member with this peer URL answers clients.
client_url() { echo "${1%:2380}:2379"; }

# put_aside: this machine's data is of a member that the cluster does not have any more.
put_aside() {
  local aside
  etcd_has_data || return 0
  aside=/var/lib/etcd/removed-$(date -u +%Y%m%dT%H%M%SZ)
  record "$aside"
  mv /var/lib/etcd/member "$aside"
  changed "put aside the data of a member that the cluster has removed"
}

etcd_has_data() { [ -d /var/lib/etcd/member ]; }

# live_peer: the client URL of another member that sees a leader: of the masters that were listed when this machine came,
# or of those that its own etcd knows. A learner says that it is healthy, and answers nothing else.
live_peer() {
  local url
  # shellcheck disable=SC2086,SC2153 # PEERS is a list, from the program
  for url in $(printf 'https://%s:2379\n' $PEERS) $(known_peers); do
    [ "$url" != "$(client_url "$ETCD_SELF")" ] || continue
    if healthy "$url" && members "$url" >/dev/null 2>&1; then
      echo "$url"
      return 0
    fi
  done
  return 1
}

known_peers() {
  local url
  started || return 0
  members "$ETCD_LOCAL" 2>/dev/null | while read -r _ _ _ url _; do client_url "$url"; done
}

# require_spare: ends the step unless etcd lives on without this member. Sets PEER, another member to ask (none where this
# one is alone), MINE, this one's id (none where it has left), and HEIR, the id of another that may lead.
require_spare() {
  local all id url learner voters=0 alive=0
  PEER='' MINE='' HEIR=''
  if ! PEER=$(live_peer); then
    if ! healthy "$ETCD_LOCAL" || ! all=$(members "$ETCD_LOCAL") || [ "$(wc -l <<<"$all")" -gt 1 ]; then
      die "no other member of etcd answers; without this one nothing would be left of the cluster" "bring the others back first"
    fi
    return 0
  fi
  all=$(members "$PEER") || die "$PEER does not say who is a member of etcd" "see 'journalctl -u etcd' there; then run 'pulumi up' again"
  while read -r id _ _ url learner; do
    if [ "$url" = "$ETCD_SELF" ]; then
      MINE=$id
    elif [ "$learner" = false ]; then
      voters=$((voters + 1))
      if healthy "$(client_url "$url")"; then
        alive=$((alive + 1))
        HEIR=$id
      fi
    fi
  done <<<"$all"
  [ -z "$MINE" ] || [ "$alive" -gt $((voters / 2)) ] ||
    die "of the $voters members that would stay only $alive are healthy; without this one etcd would lose its quorum" "bring the others back first"
}

# install_initial CLUSTER STATE: how the member starts when it has no data; etcd reads it only then, so that it stays out of the unit.
install_initial() {
  record_in /var/lib/etcd member
  install -d -m 0700 -o etcd -g etcd /var/lib/etcd
  printf 'ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=%s\nETCD_INITIAL_CLUSTER_TOKEN=%s\n' "$1" "$2" "$CLUSTER_ID" |
    file /etc/etcd/initial.env 0600 root:root
}
