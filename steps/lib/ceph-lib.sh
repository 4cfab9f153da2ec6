# shellcheck shell=bash
# shellcheck disable=SC2034 # the steps use these
# shellcheck disable=SC2016 # a shell of another user expands them
# What the Ceph steps share. Needs lib.sh and FSID.

# `ceph` is a Python program: where it runs beside Kubernetes, Kubernetes goes first.
renice -n 10 $$ >/dev/null 2>&1 || true

CEPH_DATA=/var/lib/ceph
CEPH_BIRTH=/run/groundwork-birth
MON_DATA=$CEPH_DATA/mon/ceph-$NODE
MGR_DATA=$CEPH_DATA/mgr/ceph-$NODE
MON_UNIT=ceph-mon@$NODE.service
MGR_UNIT=ceph-mgr@$NODE.service
# Where the programs of Ceph look for keys by themselves, and their daemons by /etc/ceph/ceph.conf.
MGR_KEYRING=/etc/ceph/ceph.mgr.$NODE.keyring
# What root knows of this machine's OSDs, a file for each id. What lies in their own folders is what their user says.
OSD_NOTES=/etc/ceph/groundwork-osd
OSD_DATA=$CEPH_DATA/osd/ceph-
# Where apt knows Ceph's packages from, and in which version they came: daemons that started before are to restart. None of these where the
# packages are the distribution's.
CEPH_SOURCE=/etc/apt/sources.list.d/groundwork-ceph.sources
CEPH_PIN=/etc/apt/preferences.d/groundwork-ceph
CEPH_KEY=/etc/apt/keyrings/groundwork-ceph.asc
CEPH_INSTALLED=/var/lib/groundwork/ceph-version
# What a monitor reads only when it starts.
MON_READS=(/etc/systemd/system/ceph-mon@.service.d/groundwork.conf "$CEPH_INSTALLED")
# Seconds that what the manager says of data may be old.
STALE=6

# ceph_ask COMMAND [NAME=TEXT | NAME:=JSON | -]...: a command of the monitors as administrator, its arguments by the names that Ceph
# gives them; with `-`, standard input goes with it. Answers in JSON, unless format= says otherwise; gives up when no monitor
# answers. It costs a fifth of what `ceph` does, which learns of every command first.
ceph_ask() { ceph_says ask_as client.admin 15 "$@"; }

# as_osd_host COMMAND...: the same with the right to register this machine's own OSDs, and no other.
as_osd_host() { ceph_says ask_as client.bootstrap-osd 30 "$@"; }

# ask_as USER SECONDS COMMAND...; `mon.` is what the monitors are among themselves, where one has its store: by a key that does not change.
ask_as() {
  local as=()
  [ "$1" != mon. ] || as=(as_ceph env "KEYRING=$MON_DATA/keyring")
  "${as[@]}" python3 -c '
import json, os, rados, sys
user, patience, command, *words = sys.argv[1:]
question, given = {"prefix": command, "format": "json"}, b""
settings = {"client_mount_timeout": patience, "rados_mon_op_timeout": "60"}
if "KEYRING" in os.environ: settings["keyring"] = os.environ["KEYRING"]
for word in words:
    name, is_text, value = word.partition("=")
    if word == "-": given = sys.stdin.buffer.read()
    elif name.endswith(":"): question[name[:-1]] = json.loads(value)
    else: question[name] = value
try:
    monitors = rados.Rados(conffile="/etc/ceph/ceph.conf", name=user, conf=settings)
    monitors.connect(timeout=int(patience))
    status, answer, said = monitors.mon_command(json.dumps(question), given)
except rados.Error as error:
    status, answer, said = 1, b"", str(error)
sys.stdout.buffer.write(answer)
sys.stdout.flush()
sys.stderr.write(said)
sys.stderr.flush()
os._exit(min(abs(status), 255))
' "$@"
}

# ceph_do COMMAND...: `ceph` as administrator; gives up when no monitor answers.
ceph_do() { ceph_says ceph --connect-timeout 15 "$@"; }

# ceph_says PROGRAM ARGUMENT...: a program that asks Ceph, of whose words beside its answer only those of a failure are passed on: of each
# success it tells there, too.
ceph_says() {
  local said status=0 told=("$@")
  [ "$1" != ask_as ] || told=(ceph "${@:4}")
  { said=$("$@" 2>&1 >&3) || status=$?; } 3>&1
  [ "$status" -eq 0 ] || sed -E 's@AQ[A-Za-z0-9+/]{36}==@(left out)@g' <<<"${told[*]}: $said" | harmless >&2
  return "$status"
}

# import_users USER: each user of the keyring `users`, with its key and its rights, as USER may set them.
import_users() {
  local known=
  known=$(ceph_says ask_as "$1" 15 'auth export' format=plain) || return
  users | python3 -c '
import configparser, sys
def users(text):
    parser = configparser.RawConfigParser()
    parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    return {name: dict(parser.items(name)) for name in parser.sections()}
known, wanted = users(open(sys.argv[1]).read()), users(sys.stdin.read())
sys.exit(any(known.get(name) != user for name, user in wanted.items()))
' /dev/fd/3 3<<<"$known" && return 0
  users | ceph_says ask_as "$1" 15 'auth import' - >/dev/null || return
  changed "set the keys and rights of Ceph's users"
}

# renew_users: where Ceph's users have other keys than those that they were born with (the text `users`, a keyring, is there), the cluster
# knows them by these. It is asked as by a monitor: the administrator's key here may be the former one or the next.
renew_users() {
  declare -F users >/dev/null || return 0
  import_users mon. ||
    die "the monitors do not take other keys for Ceph's users" "bring a quorum of the monitors back first"
}

# ceph_versions ANSWER KIND: of what `ceph versions` answers, each version of daemons of a kind (mon, mgr, osd, overall) and how many run it.
ceph_versions() { jq -r --arg kind "$2" '.[$kind] // {} | to_entries[] | "\(.key | sub("^ceph version "; "") | sub("[^0-9.].*"; "")) \(.value)"' <<<"$1"; }

# is_older VERSION OTHER: of versions of upstream's.
is_older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# crush_host HOSTNAME: the host's name in the CRUSH map, under which its OSDs put themselves.
crush_host() { echo "${1%%.*}"; }

# asok DAEMON COMMAND: a running daemon's answer on its admin socket, for a tenth of what `ceph daemon` costs.
asok() {
  as_ceph python3 -c '
import json, signal, socket, sys
signal.alarm(10)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(5)
connection.connect("/run/ceph/ceph-%s.asok" % sys.argv[1])
connection.sendall(json.dumps({"prefix": sys.argv[2]}).encode() + b"\0")
answer = connection.makefile("rb")
sys.stdout.write(answer.read(int.from_bytes(answer.read(4), "big")).decode())
' "$1" "$2"
}

# forget_keys PATH...: keys of the time when they lay in the daemons' own folders.
forget_keys() {
  local path
  for path in "$@"; do
    [ ! -e "$path" ] || as_ceph rm -f "$path"
  done
}

# Written last when a monitor's store is made: a store without it is half-made and has never run.
mon_has_data() { [ -e "$MON_DATA/done" ]; }
in_quorum() { asok "mon.$NODE" mon_status | jq -e '.state == "leader" or .state == "peon"'; }

# quorum_of STATUS: names of the monitors in the quorum that take connections, too: one that has just stopped is still
# counted by the others for some seconds.
quorum_of() {
  local name address
  jq -r '.quorum as $quorum | .monmap.mons[] | select(.rank | IN($quorum[])) | "\(.name) \(.public_addr)"' <<<"$1" |
    while read -r name address; do
      address=${address%/*}
      if timeout 2 bash -c ": <>/dev/tcp/${address%:*}/${address##*:}" 2>/dev/null; then echo "$name"; fi
    done
}

# birth_folder: a place for a map and a keyring on their way into a store, which the daemons' user may read, not change. It
# is gone when the step ends, however it does.
birth_folder() {
  # With what came for the step (IN), which a trap takes away that this one stands for.
  trap 'rm -rf "$CEPH_BIRTH" ${IN:+"$IN"}' EXIT
  rm -rf "$CEPH_BIRTH"
  install -d -m 2750 -o root -g ceph "$CEPH_BIRTH"
}

# make_monitor: an empty store that knows the monitors of CEPH_BIRTH/monmap, and the keys of CEPH_BIRTH/keyring.
make_monitor() {
  chmod 0640 "$CEPH_BIRTH"/*
  as_ceph bash -euc '
    rm -rf "$1"
    mkdir -p -m 0750 "$1"
    ceph-mon --mkfs --id "$2" --monmap "$3/monmap" --keyring "$3/keyring" >/dev/null
    : >"$1/done"
    sync "$1/done" "$1"' - \
    "$MON_DATA" "$NODE" "$CEPH_BIRTH"
  rm -rf "$CEPH_BIRTH"
}

# run_monitor CONDITION: the monitor runs and is in the quorum, as CONDITION says.
run_monitor() {
  enable_units "$MON_UNIT"
  run_unit "$MON_UNIT" "${MON_READS[@]}"
  wait_for 60 "the monitor was not in the quorum within 60 s" "$MON_UNIT" "$1"
}

# apply_settings: what the text `settings` says (lines of: section, option, value) stands in the cluster's configuration.
apply_settings() {
  local now section option value missing=
  now=$(ceph_ask 'config dump' | jq -r '.[] | "\(.section) \(.name) \(.value)"')
  while read -r section option value; do
    ! grep -qxF "$section $option $value" <<<"$now" || continue
    # Taking many in at once leaves those alone that have another value.
    if grep -q "^$section $option " <<<"$now"; then
      ceph_do config set "$section" "$option" "$value" --force
      changed "set $option of $section"
      continue
    fi
    case $option in
      # Options of a manager's module are unknown until the first manager runs.
      */*)
        ceph_do config set "$section" "$option" "$value" --force
        changed "set $option"
        ;;
      *) missing+="[$section]"$'\n'"$option = $value"$'\n' ;;
    esac
  done < <(settings)
  [ -n "$missing" ] || return 0
  printf '%s' "$missing" | ceph_do config assimilate-conf -i - >"$RUN/unknown"
  [ ! -s "$RUN/unknown" ] || die "Ceph does not take these settings: $(tr '\n' ' ' <"$RUN/unknown")" "mend cluster.ceph.config"
  changed "set $(grep -c ' = ' <<<"$missing") options of Ceph"
}

# stop_unit UNIT: stopped for good.
stop_unit() {
  systemctl disable --quiet --now "$1" 2>/dev/null || systemctl kill --signal=SIGKILL "$1" 2>/dev/null || true
  systemctl reset-failed "$1" 2>/dev/null || true
}

# stop_monitor: no monitor and no manager of this machine is left, nor what they knew.
stop_monitor() {
  stop_unit "$MGR_UNIT"
  stop_unit "$MON_UNIT"
  as_ceph rm -rf "$MON_DATA" "$MGR_DATA"
  rm -f "$MGR_KEYRING" /etc/ceph/ceph.client.admin.keyring /etc/ceph/dashboard.key
}

# osd_keyring ID: the keyring of an OSD, with the key that the program has for it (the text osd_key).
osd_keyring() {
  printf '[osd.%s]\n\tkey = %s\n' "$1" "$(osd_key)"
}

# osd_choice ID: what has an OSD start with the key that the monitors take, while there are two.
osd_choice() { echo "/etc/systemd/system/ceph-osd@$1.service.d/groundwork-key.conf"; }

# osd_of UUID: the id of the OSD with this UUID on this machine.
osd_of() {
  local note
  note=$(grep -lxF "OSD_UUID=$1" "$OSD_NOTES"/* 2>/dev/null | head -n 1) || return 1
  echo "${note##*/}"
}

# stop_osd ID: the OSD no longer runs here, nor is anything left that it ran with.
stop_osd() {
  stop_unit "ceph-osd@$1.service"
  as_ceph rm -rf "$OSD_DATA$1"
  rm -f "$OSD_NOTES/$1" "/etc/ceph/ceph.osd.$1".{keyring,next} "$(osd_choice "$1")"
}
