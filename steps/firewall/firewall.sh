#!/usr/bin/env bash
# firewall: what the cluster listens at on this machine is closed to all but those of the file, by a table of nftables of its own,
# which takes the place of the one before in one go, and from the next boot on is there before anything listens. No other table
# is touched, no service restarts, and no connection of those who may stay is cut.
#
# Whom the list had before and has no more is let in until it says that it has left, at most for so long as that may take: a node
# that goes is needed until the end of the `up`.
#
# Needs also: LOST (addresses of lost nodes, which are cut off at once), CLOSED (TCP ports and ranges of such), both space separated,
# LEAVES_WITHIN (seconds), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

RULES=/etc/groundwork/firewall/rules.nft
CHECK=/usr/local/lib/groundwork/firewall-check
UNIT=groundwork-firewall.service

# connected: addresses of others that have connections to what is to be closed.
connected() {
  local port filter=''
  for port in $CLOSED; do filter+="${filter:+ or }( sport >= :${port%-*} and sport <= :${port#*-} )"; done
  [ -z "$filter" ] || ss -Htn state established "( $filter )" |
    sed -nE 's/^([^ ]+ +){3}\[?(::ffff:)?([^] ]+)\]?:[0-9]+ *$/\3/p' | sort -u | { grep -vE '^(127\.|::1$)' || true; }
}

# require_no_strangers: before the first rules close anything. Nodes may send from addresses that the file does not have.
require_no_strangers() {
  local strangers
  strangers=$(connected | "$CHECK" strangers | sed -n '1,5p' | paste -sd ' ')
  [ -z "$strangers" ] || die "addresses that are no node's have connections to what would be closed to them (TCP $CLOSED): $strangers" \
    "name them in cluster.networking.firewall.trusted where they may, such as other addresses of nodes or a monitoring server (/32 for one address); else end what connects (ss -tnp)"
}

# known SET: whom the kernel lets in, and for how many seconds yet when it leaves, a line each.
known() {
  { nft -j list set inet groundwork "$1" 2>/dev/null || true; } | jq -r --arg within "$LEAVES_WITHIN" \
    '.nftables[].set? | select(. != null).elem[]? | if type == "object" then "\(.elem.val) \(.elem.expires)" else "\(.) \($within)" end'
}

# leaves SET: what lets those of it in yet that the file has no more.
leaves() {
  local wanted address seconds
  wanted=$("$CHECK" elements "$1" | paste -sd ' ')
  known "$1" | while read -r address seconds; do
    case " $wanted $LOST " in *" $address "*) continue ;; esac
    printf "add element inet groundwork %s { $address timeout ${seconds}s }\n" "$1" leaving
  done
}

# load: the file's rules take the place of those that are there.
load() {
  { cat "$RULES" && leaves nodes && leaves masters; } >"$RUN/firewall.nft"
  nft -f "$RUN/firewall.nft" 2>"$RUN/nft.log" || die "nft refuses the rules: $(head -n 1 "$RUN/nft.log")" "see 'nft -c -f $RULES'"
  changed "loaded the rules"
}

is_loaded() { [ "$("$CHECK")" = same ]; }

require_claim
exclusively firewall
undo_on_failure
install_files
nft -c -f "$RULES" 2>"$RUN/nft.log" || die "nft refuses the rules: $(head -n 1 "$RUN/nft.log")" "see 'nft -c -f $RULES' there; the kernel has to have nf_tables and nf_conntrack"
[ "$("$CHECK")" != absent ] || require_no_strangers
enable_units "$UNIT"
run_unit "$UNIT" "/etc/systemd/system/$UNIT"
wait_for 30 "the firewall did not start within 30 s" "$UNIT" systemctl is-active --quiet "$UNIT"
is_loaded || load
is_loaded || die "the kernel has other rules than $RULES" "see 'nft list table inet groundwork', and who changes it"
finish
