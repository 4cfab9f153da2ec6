#!/usr/bin/env bash
# network: this machine has the addresses, gateway, DNS servers, VLANs and bonds that its file declares. Before the lock is
# held: a machine that is another's is refused, and what is written is the machine's network alone, which stays when it leaves
# the cluster. The former network comes back by itself unless the new one is confirmed over a connection of its own.
#
# ACTION (default: settle) is
#   switch   has the network change, where it is another: in a second, behind the back of whoever asks
#   look     says how far that is
#   confirm  the new network stays; only for whoever came by it
#   settle   the network is as declared, or the step fails
# All but settle print a report, behind a mark. Needs also: CARDS (MAC addresses of all network cards), MAC_ADDRESSES (one of
# which the machine must have, may be empty), ADDRESSES (with prefixes), GATEWAY, NAMESERVERS (may be empty), MADE (interfaces
# that are made: bonds and VLANs), NETWORKD, NETPLAN, IFUPDOWN (what each is told: files behind lines '==> PATH').
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/lock-lib.sh
. "$(dirname "$0")/../lib/lock-lib.sh"

# What outlasts a reboot: the new files, the former ones, and what switches between them.
WORK=/var/lib/groundwork/network
# What became of it, until the next boot.
WORDS=$RUN/network.words
WANT=$RUN/network.want
BOOT=/etc/systemd/system/groundwork-network-boot.service
# Seconds after which the former network comes back.
PATIENCE=90
declare -A NAMES=()

# report STATE: what the program is told, behind the mark.
report() {
  local words=''
  [ ! -s "$WORDS" ] || words=$(tail -c 900 "$WORDS" | tr -c ' -~' ' ' | sed 's/["\\]/ /g')
  printf '\ngroundwork-report: {"state":"%s","seconds":%d,"words":"%s"}\n' "$1" "$PATIENCE" "$words"
}

# find_cards: the interface of each card. A bond and a VLAN have the address of a card, and a card of a bond the bond's.
find_cards() {
  local path mac name all='' missing='' seen=''
  declare -A found=()
  for path in /sys/class/net/*; do
    name=${path##*/}
    if [ ! -e "$path/address" ] || [ "$name" = lo ] || compgen -G "$path/lower_*" >/dev/null || [ -e "$path/bonding" ]; then continue; fi
    mac=$(cat "$path/bonding_slave/perm_hwaddr" 2>/dev/null || cat "$path/address")
    found[${mac,,}]=$name
    all+=" ${mac,,}"
  done
  for mac in $CARDS; do
    if [ -n "${found[$mac]-}" ]; then NAMES[$mac]=${found[$mac]}; else missing+=" $mac"; fi
  done
  for mac in ${MAC_ADDRESSES:-$CARDS}; do [ -z "${found[$mac]-}" ] || seen=1; done
  if [ -n "$missing" ] || [ -z "$seen" ]; then
    die "it is not the machine that the file declares: it has no network card with the MAC address${missing:- $MAC_ADDRESSES}; it has those of$all. Nothing was written" \
      "see whether bootstrap_address, ip or ssh.host lead to another machine, or correct mac_addresses"
  fi
}

# find_back_end: what sets up this machine's network, in BACK_END.
find_back_end() {
  if command -v netplan >/dev/null && compgen -G '/etc/netplan/*.yaml' >/dev/null; then
    BACK_END=netplan
  elif systemctl is-active --quiet NetworkManager.service; then
    die "NetworkManager sets up its network, without netplan: that is not supported" \
      "have systemd-networkd, ifupdown or netplan do it; or set the network up by hand, and take interfaces out of its entry"
  elif systemctl is-active --quiet systemd-networkd.service; then
    BACK_END=networkd
  elif command -v ifup >/dev/null && [ -e /etc/network/interfaces ]; then
    BACK_END=ifupdown
  else
    die "neither netplan, systemd-networkd nor ifupdown sets up its network" \
      "enable one of them ('systemctl enable --now systemd-networkd'); or set the network up by hand, and take interfaces out of its entry"
  fi
}

# want PATH MODE: the file is to be what comes on standard input.
want() {
  install -d "$WANT/new${1%/*}"
  cat >"$WANT/new$1"
  chmod "$2" "$WANT/new$1" # 0644 or 0600
  printf '%s\n' "$1" >>"$WANT/paths"
}

# unwanted PATH: it is not to be.
unwanted() { printf '%s\n' "$1" >>"$WANT/paths"; }

# unpack TEXT MODE: its files, with the names of this machine's interfaces.
unpack() {
  local line mac path='' text=''
  while IFS= read -r line; do
    case $line in
      '==> /'*)
        [ -z "$path" ] || want "$path" "$2" <<<"$text"
        path=${line#'==> '} text=''
        continue
        ;;
    esac
    for mac in $CARDS; do line=${line//"<$mac>"/${NAMES[$mac]}}; done
    text+=${text:+$'\n'}$line
  done <<<"${1%$'\n'}"
  [ -z "$path" ] || want "$path" "$2" <<<"$text"
}

# want_files: all that is to be and is not to be, in WANT.
want_files() {
  local path
  rm -rf "$WANT"
  install -d -m 0700 "$RUN" "$WANT"
  : >"$WANT/paths"
  "want_$BACK_END"
  if [ -d /etc/cloud/cloud.cfg.d ]; then want /etc/cloud/cloud.cfg.d/99-groundwork-network.cfg 0644 <<<'network: { config: disabled }'; fi
  # Where nothing else hands them on.
  if [ -n "$NAMESERVERS" ] && ! systemctl is-active --quiet systemd-resolved.service && ! command -v resolvconf >/dev/null; then
    {
      for path in $NAMESERVERS; do echo "nameserver $path"; done
      grep -vE '^[[:space:]]*nameserver[[:space:]]' /etc/resolv.conf 2>/dev/null || true
    } | want /etc/resolv.conf 0644
  fi
}

want_networkd() {
  local path
  unpack "$NETWORKD" 0644
  for path in /etc/systemd/network/00-groundwork-*; do
    if [ -e "$path" ] && [ ! -e "$WANT/new$path" ]; then unwanted "$path"; fi
  done
}

# Netplan reads all files as one. One that is about our cards alone goes; one about others, too, is nobody's to guess at.
want_netplan() {
  local path ours others
  unpack "$NETPLAN" 0600
  for path in /etc/netplan/*.yaml; do
    [ ! -e "$WANT/new$path" ] || continue
    read -r ours others < <(netplan_names "$path") || true
    [ "${ours:-0}" -gt 0 ] || continue
    [ -z "$others" ] || die "$path sets up $others beside the network cards of the file; nothing was written" \
      "declare all of them in interfaces, or put the others into a file of their own in /etc/netplan"
    unwanted "$path"
  done
}

# netplan_names PATH: how many of our cards it is about, and what else.
netplan_names() {
  python3 - "$1" "$CARDS" "${NAMES[*]}" <<'END'
import fnmatch, sys
import yaml
path, cards, names = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
with open(path, encoding="utf-8") as file:
    network = (yaml.safe_load(file) or {}).get("network") or {}
ours, others = set(), []
def is_ours(name, about):
    match = about.get("match") or {}
    mac = str(match.get("macaddress", "")).lower()
    if mac:
        return mac in cards
    called = match.get("name", name)
    patterns = called if isinstance(called, list) else [called]
    return any(fnmatch.fnmatch(one, pattern) for one in names for pattern in patterns)
kinds = ["ethernets", "bonds", "bridges", "vlans"]
for kind in kinds + [key for key in network if key not in kinds]:
    entries = network.get(kind)
    if not isinstance(entries, dict):
        continue
    for name, about in entries.items():
        about = about or {}
        below = set(about.get("interfaces") or []) | {about.get("link")}
        if (kind == "ethernets" and is_ours(name, about)) or (kind != "ethernets" and below & ours):
            ours.add(name)
        else:
            others.append(str(name))
print(len(ours), ", ".join(others))
END
}

# What ifupdown knows of our cards from elsewhere goes; the rest of these files stays.
want_ifupdown() {
  local path auto
  unpack "$IFUPDOWN" 0644
  mapfile -t auto < <(sed -n 's/^auto //p' "$WANT/new/etc/network/interfaces.d/groundwork" | grep -vxF "$(printf '%s\n' "${NAMES[@]}")")
  UPPER=${auto[*]}
  for path in /etc/network/interfaces /etc/network/interfaces.d/*; do
    if [ ! -f "$path" ] || [ -e "$WANT/new$path" ]; then continue; fi
    {
      awk -v names=" ${NAMES[*]} $UPPER " '
        function ours(name) { return index(names, " " name " ") }
        /^[ \t]*(auto|allow-[a-z]+|no-auto-down|no-scripts)[ \t]/ {
          skip = count = 0
          kept = $1
          for (i = 2; i <= NF; i++) if (!ours($i)) { kept = kept " " $i; count++ }
          if (count == NF - 1) print; else if (count) print kept
          next
        }
        /^[ \t]*iface[ \t]/ { skip = ours($2) }
        /^[ \t]*(mapping|source|source-directory|rename|template)[ \t]/ { skip = 0 }
        !skip { print }' "$path"
      if [ "$path" = /etc/network/interfaces ] && ! grep -qE '^[[:space:]]*source(-directory)?[[:space:]]+(/etc/network/)?interfaces\.d' "$path"; then
        echo "source /etc/network/interfaces.d/*"
      fi
    } >"$WANT/cleaned"
    cmp --quiet "$WANT/cleaned" "$path" || want "$path" 0644 <"$WANT/cleaned"
  done
}

# is_written: whether all files are as they are wanted.
is_written() {
  local path
  while read -r path; do
    if [ ! -e "$WANT/new$path" ]; then
      [ ! -e "$path" ] || return 1
    else
      cmp --quiet "$WANT/new$path" "$path" && [ "$(stat -c %a "$path")" = "$(stat -c %a "$WANT/new$path")" ] || return 1
    fi
  done <"$WANT/paths"
}

# has_network: whether it is in force.
has_network() {
  local each all
  all=" $(ip -o -4 addr show | awk '{ printf "%s ", $4 }')"
  for each in $ADDRESSES; do [[ $all == *" $each "* ]] || return 1; done
  [ -z "$GATEWAY" ] || ip -4 route show default | grep -q "^default via ${GATEWAY//./\\.} "
}

# gateway_answers: whether somebody has the gateway's address: who routes answers to ARP, whatever it filters.
gateway_answers() {
  local _
  [ -n "$GATEWAY" ] || return 0
  ip neigh flush to "$GATEWAY" 2>/dev/null || true
  for _ in {1..25}; do
    (echo >"/dev/udp/$GATEWAY/9") 2>/dev/null || true
    if ip neigh show to "$GATEWAY" | grep -q lladdr; then return 0; fi
    sleep 0.2
  done
  return 1
}

# From here to switch_program: what runs by itself, from a file.

networkd_down() { :; }
networkd_up() { networkctl reload; }
netplan_down() { :; }
netplan_up() { netplan apply; }
ifupdown_down() {
  local each
  for each in $UPPER $LOWER; do
    ifdown --force "$each" 2>/dev/null || true
    ip -4 addr flush dev "$each" scope global 2>/dev/null || true
  done
}
ifupdown_up() {
  local each
  for each in $LOWER $UPPER; do ifup --force "$each" 2>&1 || true; done
}

# put_files FOLDER: each of the paths is what it is there, or is not.
put_files() {
  local path
  while read -r path; do
    if [ -e "$1$path" ] || [ -L "$1$path" ]; then
      mkdir -p "${path%/*}"
      cp -a "$1$path" "$path.groundwork"
      mv -fT "$path.groundwork" "$path"
    else
      rm -f "$path"
    fi
  done <"$WORK/paths"
  sync
}

forth() {
  local _
  "${BACK_END}_down"
  put_files "$WORK/new"
  "${BACK_END}_up"
  for _ in {1..150}; do
    if has_network; then
      touch "$WORK/switched"
      return 0
    fi
    sleep 0.2
  done
  echo "after half a minute it does not have $ADDRESSES${GATEWAY:+ and its default route by $GATEWAY}"
  systemctl start --no-block groundwork-network-back.service
}

# former_holds: whether the former addresses are back.
former_holds() {
  local address
  while read -r _ _ address _; do
    ip -o -4 addr show | grep -qF " $address " || return 1
  done < <(grep '^address ' "$WORK/runtime")
}

# back: the former network, by its files, and where that is not enough by hand: it may have come from elsewhere.
back() {
  local each words
  mv "$WORK/pending" "$WORK/going" 2>/dev/null || [ -e "$WORK/going" ] || return 0
  systemctl stop groundwork-network-forth.service 2>/dev/null || true
  "${BACK_END}_down"
  put_files "$WORK/former"
  for each in $MADE; do
    grep -qxF "$each" "$WORK/links" || ip link delete "$each" 2>/dev/null || true
  done
  "${BACK_END}_up" || true
  for each in {1..75}; do
    ! former_holds || break
    sleep 0.2
  done
  for each in $ADDRESSES; do
    if grep -qF "address replace $each " "$WORK/runtime"; then continue; fi
    words=$(ip -o -4 addr show | awk -v address="$each" '$4 == address { print $2; exit }')
    [ -z "$words" ] || ip addr del "$each" dev "$words" 2>/dev/null || true
  done
  while read -r each; do
    # shellcheck disable=SC2086 # words
    case $each in
      'route '*) ip $each 2>/dev/null || true ;;
      *) former_holds || ip $each 2>/dev/null || true ;;
    esac
  done <"$WORK/runtime"
  clear_away
  systemctl daemon-reload
  echo "the former network is back"
}

# boot: a machine that restarts before the new network is confirmed comes up with the former one.
boot() {
  mv "$WORK/pending" "$WORK/going" 2>/dev/null || [ -e "$WORK/going" ] || return 0
  put_files "$WORK/former"
  [ "$BACK_END" != netplan ] || netplan generate
  clear_away
}

clear_away() {
  systemctl stop groundwork-network-back.timer 2>/dev/null || true
  rm -f "$BOOT" "${BOOT%/*}/sysinit.target.wants/${BOOT##*/}"
  rm -rf "$WORK"
  rmdir "${WORK%/*}" 2>/dev/null || true
}

# switch_program: bash that goes forth or back, as its first argument says; what it says is kept for who looks.
switch_program() {
  echo 'set -uo pipefail'
  declare -p LC_ALL PATH BACK_END ADDRESSES GATEWAY MADE UPPER LOWER WORK BOOT
  declare -f has_network networkd_down networkd_up netplan_down netplan_up ifupdown_down ifupdown_up put_files forth former_holds back boot clear_away
  printf 'install -d -m 0700 %q\n' "$RUN"
  # shellcheck disable=SC2016 # the program's
  printf 'case $1 in forth | back | boot) "$1" ;; esac >>%q 2>&1\n' "$WORDS"
}

# prepare_switch: everything that brings the former network back is there, before anything changes.
prepare_switch() {
  local path
  rm -rf "$WORK" "$WORDS"
  install -d -m 0700 "${WORK%/*}" "$WORK" "$WORK/former"
  cp -a "$WANT/new" "$WANT/paths" "$WORK"
  while read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      install -d "$WORK/former${path%/*}"
      cp -a "$path" "$WORK/former$path"
    fi
  done <"$WORK/paths"
  declared >"$WORK/declared"
  ls /sys/class/net >"$WORK/links"
  {
    ip -o -4 addr show scope global | awk '$2 !~ /^(cni0|flannel|veth|docker|kube-)/ { print "address replace " $4 " dev " $2 }'
    ip -4 route show | awk '!/ proto kernel/ && !/ dev (cni0|flannel|veth|docker|kube-)/ { gsub(/ (linkdown|dead)/, ""); print "route replace " $0 }'
  } >"$WORK/runtime"
  switch_program >"$WORK/switch"
  {
    printf '[Unit]\nDescription=The former network, unless the new one was confirmed\nDefaultDependencies=no\n'
    printf 'RequiresMountsFor=%s\nAfter=local-fs.target\nWants=network-pre.target\n' "$WORK"
    printf 'Before=network-pre.target systemd-networkd.service networking.service NetworkManager.service\n\n'
    printf '[Service]\nType=oneshot\nExecStart=/bin/bash %s/switch boot\n' "$WORK"
  } >"$BOOT.new"
  chmod 0644 "$BOOT.new"
  mv "$BOOT.new" "$BOOT"
  install -d -m 0755 "${BOOT%/*}/sysinit.target.wants"
  ln -sfn "../${BOOT##*/}" "${BOOT%/*}/sysinit.target.wants/${BOOT##*/}"
  : >"$WORK/pending"
  sync
}

# start_switch: the way back is on its way before the way forth is.
start_switch() {
  systemctl daemon-reload
  systemd-run --quiet --collect --unit=groundwork-network-back --on-active="$PATIENCE" --timer-property=AccuracySec=1s \
    /bin/bash "$WORK/switch" back
  systemd-run --quiet --collect --no-block --unit=groundwork-network-forth \
    /bin/bash -c "sleep 1; exec /bin/bash $WORK/switch forth"
}

# declared: what the file says of it.
declared() { printf '%s\n' "$NETWORKD" "$NETPLAN" "$IFUPDOWN" "$NAMESERVERS"; }

# is_settled: whether the machine has it all.
is_settled() { is_written && has_network; }

# switch: see above. One that is under way already, to the same, goes on.
switch() {
  if [ -e "$WORK/pending" ]; then
    declared | cmp --quiet - "$WORK/declared" ||
      die "another network is being tried on it; without a confirmation it goes within $PATIENCE s" "wait for that, and run 'pulumi up' again"
    report switching
  elif [ -e "$WORK/going" ]; then
    die "its former network is coming back at this moment" "run 'pulumi up' again"
  elif is_settled; then
    report unchanged
  else
    prepare_switch
    start_switch
    report switching
  fi
}

look() {
  if [ -e "$WORK/going" ]; then
    report returning
  elif [ ! -e "$WORK/pending" ]; then
    if is_settled; then report unchanged; else report former; fi
  elif [ -e "$WORK/switched" ]; then
    report switched
  else
    report switching
  fi
}

# confirm: exactly one of this and the way back takes the mark.
confirm() {
  if [ ! -e "$WORK/pending" ]; then
    is_settled || die "the confirmation of its new network came too late: the former one is back" "run 'pulumi up' again"
    report unchanged
    return
  fi
  if ! gateway_answers; then
    systemctl start --no-block groundwork-network-back.service
    die "nobody answers at its gateway $GATEWAY; the former network is coming back" "correct the gateway, the addresses' prefix length or the VLAN in the file; or see whether the router is on"
  fi
  mv "$WORK/pending" "$WORK/kept" || die "the confirmation of its new network came too late: the former one is coming back" "run 'pulumi up' again"
  clear_away
  systemctl daemon-reload
  report confirmed
}

settle() {
  if [ -e "$WORK/pending" ] || ! is_settled; then
    die "its network is not what was confirmed a moment ago" "see what else sets it up there; then run 'pulumi up' again"
  fi
}

[ "$(id -u)" = 0 ] || die "the SSH user is not root and has no password-less sudo" "give it sudo rights without password, or set ssh.user"
check_lock || true
exclusively network
[ ! -e "$WORK/kept" ] || clear_away # of a run that was killed
find_cards
find_back_end
# In the order in which they go up: cards, then what is made of them.
LOWER=${NAMES[*]}
UPPER=
want_files
case ${ACTION:-settle} in
  switch) switch ;;
  look) look ;;
  confirm) confirm ;;
  settle)
    settle
    outcome
    ;;
esac
