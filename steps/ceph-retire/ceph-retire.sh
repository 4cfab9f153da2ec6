#!/usr/bin/env bash
# ceph-retire: what Kubernetes called itself in Ceph before is unknown there, and the keys are refused. Nobody loses a volume by it: where
# somebody is still logged in by such a key, all of them stay.
#
# Needs also: FSID, FORMER (the former names, space separated), POOL (of the volumes).
# shellcheck disable=SC2016 # the variables are jq's own
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"

# sessions: who is logged in as one of the users, a line each: user, name of the client (client.NUMBER), address. Each client is, with one
# of the monitors, for as long as it has a volume: all of them have to tell.
sessions() {
  local monitors name said
  monitors=$(ceph_ask 'mon dump' | jq -r '.mons[].name') || return 1
  while read -r name; do
    said=$(ceph_do tell "mon.$name" sessions --format json) || {
      say "mon.$name does not tell who is logged in"
      return 1
    }
    jq -r --arg former "$present" '.[] | select(.entity_name | IN($former | split(" ")[])) |
      "\(.entity_name) client.\(.global_id) \(.addrs.addrvec[0].addr // .socket_addr.addr // "somewhere" | sub(":[0-9]+$"; ""))"' <<<"$said" || {
      say "what mon.$name tells of who is logged in is not of the form that is known"
      return 1
    }
  done <<<"$monitors"
}

# images CLIENTS: the volumes that these clients have open.
images() {
  local names image said
  names=$(timeout 60 rbd ls "$POOL") || return 0
  while read -r image; do
    [ -n "$image" ] || continue
    # Who has it open watches it: a client of librbd, or a kernel.
    said=$(timeout 20 rbd status "$POOL/$image" 2>/dev/null) || continue
    ! grep -qwFf <(tr ' ' '\n' <<<"$1") <<<"$said" || echo "$POOL/$image"
  done < <(head -n 100 <<<"$names")
  wait $!
}

require_claim
exclusively ceph-configure
known=$(ceph_ask 'auth ls' | jq -r '.auth_dump[].entity') || die "no monitor answers" "bring a quorum of the monitors back first"
present=$(grep -xFf <(tr ' ' '\n' <<<"$FORMER") <<<"$known" | paste -sd ' ') || present=
if [ -n "$present" ]; then
  # One whose monitor has just restarted comes back within seconds.
  used=''
  for _ in 1 2 3; do
    looked=$(sessions) || die "not all monitors tell whether $present is in use" "bring all monitors back ('ceph -s'), then run 'pulumi up' again; the users were left as they are"
    used=$(sort -u <<<"$used"$'\n'"$looked" | sed '/^$/d')
    [ -z "$used" ] || break
    sleep 3
  done
  if [ -n "$used" ]; then
    open=$(images "$(cut -d ' ' -f 2 <<<"$used" | paste -sd ' ')" | paste -sd ' ')
    who=$(awk '{ print $1 " on " $3 }' <<<"$used" | sort -u | paste -sd ',' | sed 's/,/, /g')
    die "volumes are still in use by a former key: $who${open:+ (${open// /, })}" "have the pods with these volumes end and begin anew (scale them to 0 and back, or drain the node), and restart the pods of ceph-csi's provisioner, which keep connections; then run 'pulumi up' again. The users were left as they are"
  fi
  for user in $present; do
    ceph_ask 'auth rm' entity="$user" >/dev/null
    changed "removed $user, whose key is refused now"
  done
fi
finish
