# shellcheck shell=bash
# What every step shares. Sourced by the scripts; on a machine it lies beside them, under a name with its digest.
#
# A step is probe -> converge -> verify: run twice, the second run changes nothing and restarts nothing.
# Each step gets NODE, NODE_IP, STEP, CLUSTER_ID and CLUSTER_NAME; what else it needs stands at its top.
set -Eeuo pipefail
shopt -s lastpipe # what the last part of a pipe changes is counted
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# What a machine asks itself or another of the cluster goes by no proxy, whatever its environment says: it would be told no,
# or see what it must not.
THEIR_NO_PROXY=${no_proxy-${NO_PROXY-}}
export no_proxy='*' NO_PROXY='*'

STATE=/var/lib/cluster-state
RUN=/run/groundwork
CHANGES=0
# Files whose new text waits beside them, and where: the same places in both.
STAGED=()
BESIDE=()
# Copies of what was there before, which have to be on the disk first, as power may fail.
ORIGINALS=()
# What the step puts in place, be it new or not: a path a line.
PLACED=
# Folders that are known to be root's alone.
declare -A ROOTS=()
# Where a step that may be undone keeps the files it replaces, and the units it restarted.
UNDO=
RESTARTED=()

# What was said so far where the engine looks on (QUIET), which would keep it: only a step that fails tells it.
SAID=

# say TEXT: one line of progress, for whoever runs the script by hand, and for the machine's journal.
say() { tell "$*"; }

# tell LINE...: lines of progress, as they stand in the journal (journalctl -t groundwork), and, where a step fails, in `up`.
tell() {
  local lines
  printf -v lines "${NODE//%/%%}: %s\n" "${@//[^ -~]/ }"
  if [ -z "${QUIET-}" ]; then printf %s "$lines" >&2; else SAID+=$lines; fi
  journal "${lines%$'\n'}"
}

# journal LINES: where nobody takes them, as in a folder that is to be an image, nothing is wrong.
journal() { logger --tag groundwork <<<"$1" >/dev/null 2>&1 || true; }

# die WHAT [REMEDY] [UNITS]: ends the step, saying what failed and where, what to do, and the last words of the units at fault.
die() {
  local unit failure
  trap - ERR
  printf -v failure 'groundwork: %s failed on %s (%s): %s\n' "$STEP" "$NODE" "$NODE_IP" "$1"
  [ -z "${2-}" ] || failure+="  what to do: $2"$'\n'
  journal "$(harmless <<<"${failure%$'\n'}")"
  {
    printf '%s\n%s' "$SAID" "$failure"
    for unit in $(at_fault "${3-}"); do
      printf '  last lines of %s:\n' "$unit"
      last_words "$unit" || true
    done
  } | harmless >&"$TOLD" || true
  rm -f "${BESIDE[@]}"
  put_back 2>&"$TOLD" || true
  exit 1
}
# harmless: what others wrote, as a terminal may show it: nothing in it controls it.
harmless() { tr -c '\n -~' ' '; }

# last_words UNIT: its last lines, and the last before them that speak of an error: some programs then explain their flags.
# Keys of Ceph and tokens of Kubernetes are left out.
last_words() {
  journalctl --no-pager --quiet --output=cat --lines=200 --unit="$1" 2>/dev/null | awk '
    { line[NR] = substr($0, 1, 400) }
    /invalid|[Ee]rror|ERROR|[Ff]atal|FATAL|panic|cannot|in use|denied/ { hit[++hits] = NR }
    END {
      for (i = hits - 4; i <= hits; i++) keep[hit[i]] = 1
      for (n = 1; n <= NR; n++) if (n > NR - 15 || n in keep) print "    " line[n]
    }' | sed -E 's@AQ[A-Za-z0-9+/]{36}==|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+|\b[a-z0-9]{6}\.[a-z0-9]{16}\b@(left out)@g'
}

# at_fault UNITS: those that do not run; when all do, the first: it is the one that was waited for.
at_fault() {
  local unit found=
  for unit in $1; do
    systemctl is-active --quiet "$unit" || found+=" $unit"
  done
  echo "${found:-${1%% *}}"
}
# What is polled is silenced, but not when it gives up.
exec {TOLD}>&2
# ended STATUS LINE COMMAND: ends the step for a command that failed. Bash has it as it stands in the program, with no variable
# expanded, but with the texts of here-documents, which begin in its second line, and with the values that the program was
# given, which stand in single quotes: what comes before both may be shown.
ended() {
  local line=$2 shown=${3%%$'\n'*}
  # A subshell's failure is told once, by the shell that asked it.
  [ "$BASH_SUBSHELL" -eq 0 ] || return 0
  shown=${shown%%\'*}
  [ "$shown" = "$3" ] || shown+=...
  # A function that hands on another's failure is told by its name, where it was called.
  case $shown in 'return '*) shown=${FUNCNAME[1]} line=${BASH_LINENO[1]} ;; esac
  die "line $line: ${shown:0:160} ended with status $1" "run the step again; if it stays, see docs/troubleshooting.md"
}
trap 'ended $? "$LINENO" "$BASH_COMMAND"' ERR

# changed TEXT: counts a change, so that a step can say whether it made any.
changed() { CHANGES=$((CHANGES + 1)); say "$*"; }

# succeeded: nothing is put back any more.
succeeded() {
  [ -z "$UNDO" ] || rm -rf "$UNDO"
  UNDO=
}

# finish: the last line of a step: it is done, and that is written down; of the steps for a device under its name, too (OSD).
finish() {
  succeeded
  note "$STEP${OSD:+-$OSD}"
  outcome
}

# undone NAMES: the last line of what undoes steps: they are not done any more. NAMES is a pattern.
undone() {
  # shellcheck disable=SC2086 # a pattern
  rm -f "$STATE/steps/"$1
  outcome
}

outcome() {
  local said=unchanged
  [ "$CHANGES" -eq 0 ] || said="changed: $CHANGES"
  journal "$NODE: $STEP${OSD:+-$OSD}: $said"
  echo "$said"
}

# note NAME: when the step last changed something, and for which life of the machine it was done. Not written down is what was
# done for another node (TARGET), and what was run by hand, which knows of no life: then stands what the last `up` did.
note() {
  local noted='' now
  [ -n "${IDENTITY-}" ] && [ -z "${TARGET-}" ] || return 0
  [ ! -e "$STATE/steps/$1" ] || IFS= read -r -d '' noted <"$STATE/steps/$1" || true
  [ "$CHANGES" -gt 0 ] || [[ $noted != *"identity=$IDENTITY"$'\n' ]] || return 0
  TZ=UTC printf -v now '%(%Y-%m-%dT%H:%M:%SZ)T' -1
  [ -d "$STATE/steps" ] || install -d -m 0755 "$STATE/steps"
  write_state "steps/$1" "at=$now"$'\n'"identity=$IDENTITY"
}

# exclusively NAME: waits for its turn; a step whose operator was killed may still be running here.
exclusively() {
  [ -d "$RUN" ] || install -d -m 0700 "$RUN"
  exec 9>"$RUN/$1.lock"
  flock -w 300 9 || die "an earlier run of this step still holds $RUN/$1.lock" "look at it with: fuser -v $RUN/$1.lock"
}

# undo_on_failure: from here on a step that fails puts back the files it replaced and restarts what it restarted. The
# state knows of steps that succeeded only: a setting that is taken back in the file must find the node without it.
# What a run that was killed had replaced is kept until one succeeds.
undo_on_failure() { UNDO=/var/lib/groundwork/undo/$STEP; }

# put_back: undoes this run; nothing where there was nothing before.
put_back() {
  local path
  [ -n "$UNDO" ] && [ -n "$(find "$UNDO" -type f -print -quit 2>/dev/null)" ] || return 0
  while read -r path; do
    cp -a "$UNDO$path" "$path.undo"
    mv -f "$path.undo" "$path"
  done < <(find "$UNDO" -type f -printf '/%P\n')
  rm -rf "$UNDO"
  systemctl daemon-reload
  [ ${#RESTARTED[@]} -eq 0 ] || systemctl restart --no-block "${RESTARTED[@]}"
  printf '  the former files are back on %s%s\n' "$NODE" "${RESTARTED[*]:+, and read by ${RESTARTED[*]}}" >&2
}

# require_claim: the node's lock must name this cluster before anything is written.
require_claim() {
  local holder
  holder=$(sed -n 's/^cluster_id=//p' "$STATE/lock" 2>/dev/null || true)
  [ "$holder" = "$CLUSTER_ID" ] ||
    die "the node's lock ($STATE/lock) names ${holder:-no cluster}, not $CLUSTER_ID" "if the machine was cleared, raise its generation in the cluster file, so that it is taken again"
}

# write_state NAME VALUE: one of the state files, written atomically.
write_state() {
  local path=$STATE/$1 new present=''
  [ ! -e "$path" ] || IFS= read -r -d '' present <"$path" || true
  [ "$present" != "$2"$'\n' ] || return 0
  new=${path%/*}/.${path##*/}.new
  umask 022
  printf '%s\n' "$2" >"$new"
  umask 077
  sync "$new"
  mv "$new" "$path"
}

# record PATH: notes what this cluster puts on the node (folders with a slash behind) and keeps what was there before, so
# that reset can undo it. A folder that others used is not ours: a copy of it would be old when it comes back, and what is
# mounted in it is nobody's to copy. Of such a one nothing is noted.
record() {
  local parent=${1%/*} folders='' known=''
  [ ! -e "$STATE/files" ] || IFS= read -r -d '' known <"$STATE/files" || true
  if [[ $'\n'$known == *$'\n'"$1"$'\n'* ]]; then
    [ -d "$parent" ] || install -d -m 0755 "$parent"
    return 0
  fi
  if [ -d "$1" ] && [ -n "$(ls -A "$1")" ]; then return 0; fi
  while [ -n "$parent" ] && [ ! -d "$parent" ]; do
    folders=$parent/$'\n'$folders
    parent=${parent%/*}
  done
  if is_there "$1"; then
    install -d -m 0700 "$STATE/original${1%/*}"
    [ -d "$1" ] || rm -rf "$STATE/original$1" # of a run that was killed: a part
    cp -aT -- "$1" "$STATE/original$1"
    [ ! -f "$1" ] || [ -L "$1" ] || ORIGINALS+=("$STATE/original$1")
  fi
  # A disk that was full has left half a line.
  [ -z "$known" ] || [[ $known == *$'\n' ]] || echo >>"$STATE/files"
  printf '%s%s\n' "$folders" "$1" >>"$STATE/files"
  [ -d "${1%/*}" ] || install -d -m 0755 "${1%/*}"
}

is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# recorded PATH: whether the cluster put it there.
recorded() { grep -qxF "$1" "$STATE/files" 2>/dev/null; }

# unrecord PATH...: they are gone.
unrecord() {
  printf '%s\n' "$@" | grep -vxF -f - "$STATE/files" >"$STATE/.files.new"
  sync "$STATE/.files.new"
  mv "$STATE/.files.new" "$STATE/files"
}

# record_in FOLDER NAME...: the folder, where it is ours as a whole; where others used it before, what we make in it.
record_in() {
  local name
  record "$1"
  ! recorded "$1" || return 0
  for name in "${@:2}"; do record "$1/$name"; done
}

# require_roots PATH: every folder above PATH is root's alone. In another's folder a link can wait that root would follow.
# A group may write: Debian gives /usr/local to one. Each folder is looked at once, for bash cannot tell who may write.
require_roots() {
  local folder=${1%/*} new=()
  while [ -n "$folder" ]; do
    [ -n "${ROOTS[$folder]-}" ] || [ ! -e "$folder" ] || new+=("$folder")
    folder=${folder%/*}
  done
  [ ${#new[@]} -gt 0 ] || return 0
  folder=$(find -H "${new[@]}" -maxdepth 0 \( ! -user "$EUID" -o -perm -0002 \) -print -quit)
  [ -z "$folder" ] ||
    die "$1 is no place for root to write to: $folder is a folder that others may write to ($(stat -Lc '%A %U' "$folder"))" "name a path whose folders are all root's; one that has lost its owner is given back with 'chown root:root $folder; chmod 0755 $folder'"
  for folder in "${new[@]}"; do ROOTS[$folder]=1; done
}

# as_ceph COMMAND...: what happens in a folder of Ceph's daemons happens as their user, who can make nothing of it by links.
as_ceph() { setpriv --reuid=ceph --regid=ceph --init-groups --no-new-privs "$@"; }

# file PATH MODE OWNER: makes PATH hold standard input, a text. It appears whole and with its final mode, or not at all.
file() {
  stage "$@"
  land
}

# stage PATH MODE OWNER: what `file` does, but for the last: the text waits beside PATH until all that belongs together can
# `land`. They start few programs: a master gets some fifty files, and each program costs as much as the rest of it.
stage() {
  local path=$1 mode=$2 owner=$3 temporary=${1%/*}/.groundwork.${1##*/} wanted='' present=''
  IFS= read -r -d '' wanted || true # which is how it says that it came to the end
  PLACED+=$path$'\n'
  require_roots "$path"
  if [ -e "$temporary" ] || [ -L "$temporary" ]; then rm -f "$temporary"; fi # of a run that was killed
  if [ -f "$path" ] && ! IFS= read -r -d '' present <"$path" && [ "$wanted" = "$present" ] &&
    [ "$(stat -c '0%a %U:%G' "$path")" = "$mode $owner" ]; then return 0; fi
  [ -d "$RUN" ] || install -d -m 0700 "$RUN"
  record "$path"
  STAGED+=("$path") BESIDE+=("$temporary")
  # Nobody else may read what umask lets be made.
  {
    printf %s "$wanted" >"$temporary" &&
      { [ "$owner" = root:root ] || chown "$owner" "$temporary"; } &&
      { [ "$mode" = 0600 ] || chmod "$mode" "$temporary"; }
  } 2>"$RUN/error" || not_written "$path"
}

# land: what is staged takes its place.
land() {
  local i path
  [ ${#STAGED[@]} -gt 0 ] || return 0
  sync "${BESIDE[@]}" "$STATE/files" "${ORIGINALS[@]}" 2>"$RUN/error" || not_written "${STAGED[@]}"
  for i in "${!STAGED[@]}"; do
    path=${STAGED[i]}
    if [ -n "$UNDO" ] && [ -f "$path" ] && [ ! -e "$UNDO$path" ]; then
      install -d -m 0700 "$UNDO" "$UNDO${path%/*}"
      cp -a "$path" "$UNDO$path.new"
      mv "$UNDO$path.new" "$UNDO$path"
    fi
    mv -fT "${BESIDE[i]}" "$path" 2>"$RUN/error" || not_written "$path"
  done
  CHANGES=$((CHANGES + ${#STAGED[@]}))
  tell "${STAGED[@]/#/wrote }"
  touch "${STAGED[@]}" # units compare this time with their own start
  STAGED=() BESIDE=() ORIGINALS=()
}

# not_written PATH...: ends the step.
not_written() {
  die "could not write $*: $(tail -n 1 "$RUN/error")" "see what is wrong with its file system ($(room "${1%/*}")), and whether it is immutable (lsattr); then run 'pulumi up' again"
}

# room FOLDER: what is free on its file system, in words.
room() { df --output=avail,target -h "$1" | awk 'END { print $1 " are free on " $2 }'; }

# stale UNIT FILE...: whether UNIT started before the last change of one of the FILEs it reads.
stale() {
  local unit=$1 started since=ExecMainStartTimestamp
  shift
  case $unit in *.timer) since=ActiveEnterTimestamp ;; esac # it is no process
  started=$(systemctl show --timestamp=us+utc --property="$since" --value "$unit")
  [ -n "$started" ] || return 0
  touch -d "$started" "$RUN/started"
  [ -n "$(find "$@" -type f -newer "$RUN/started" -print -quit 2>/dev/null)" ]
}

# enable_units UNIT...: each starts with the machine, and systemd knows what their files say now. Links are made for the
# next boot; asked to make them itself, systemd would want to read all its units again, at half a second each time.
enable_units() {
  [ "$(systemctl is-enabled "$@" 2>/dev/null | grep -cxE 'enabled|static')" -eq $# ] || systemctl --root=/ enable --quiet "$@"
  case $(systemctl show --property=NeedDaemonReload,LoadState "$@") in
    *NeedDaemonReload=yes* | *LoadState=not-found*) systemctl daemon-reload ;;
  esac
}

# files_of UNIT: what it reads when it starts: its unit file, and what READS has of it.
files_of() {
  local unit files
  echo "/etc/systemd/system/$1"
  # shellcheck disable=SC2153 # of the program
  while read -r unit _ files; do
    [ "$unit" != "$1" ] || echo "$files"
  done <<<"$READS"
}

# run_service UNIT: run_unit with all that READS has of it.
# shellcheck disable=SC2046 # a list
run_service() { run_unit "$1" $(files_of "$1"); }

fresh() { ! stale "$@"; }

# run_unit UNIT FILE...: UNIT runs, started after the last change of every FILE. Does not wait for readiness, but for the end of
# what ran before: else that would answer for what comes, and the next machine's turn would come too soon.
run_unit() {
  local unit=$1 state
  shift
  state=$(systemctl is-active "$unit") || true
  if [ "$state" != active ]; then
    [ "$state" != failed ] || systemctl reset-failed "$unit"
    RESTARTED+=("$unit")
    systemctl start --no-block "$unit"
    changed "started $unit"
  elif stale "$unit" "$@"; then
    RESTARTED+=("$unit")
    systemctl restart --no-block "$unit"
    changed "restarted $unit"
    poll 90 "$unit" fresh "$unit" "$@" || true # that it does not start is said by who waits for it
  fi
}

# falls UNITS: how often systemd had to start the worst of them again.
falls() {
  # shellcheck disable=SC2086 # a list
  { systemctl show --property=NRestarts --value $1 2>/dev/null || true; } | awk '$1 > most { most = $1 } END { print most + 0 }'
}

# poll SECONDS UNITS COMMAND...: asks COMMAND five times a second until it succeeds. Fails with 1 when the SECONDS are over,
# with 2 when after the first five seconds one of UNITS has fallen five times and half a minute did not mend it: what it
# needs may only be on its way, like the node's pod network, for which a new controller manager waits until its
# predecessor's lease is over.
poll() {
  local start=$SECONDS seconds=$1 units=$2 look=$((SECONDS + 5)) before=''
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt $((start + seconds)) ] || return 1
    if [ -n "$units" ] && [ "$SECONDS" -ge "$look" ]; then
      if [ -z "$before" ]; then
        before=$(falls "$units") look=$((start + 30))
      else
        look=$((SECONDS + 2))
        [ $(($(falls "$units") - before)) -lt 5 ] || return 2
      fi
    fi
    sleep 0.2
  done
}

# wait_for SECONDS WHAT UNITS COMMAND...: polls COMMAND, and ends the step by saying WHAT when it does not succeed.
wait_for() {
  local seconds=$1 what=$2 units=$3
  shift 3
  poll "$seconds" "$units" "$@" || case $? in
    2) die "${what% within *}: a service ends as soon as it is started" \
      "mend what the lines below name: a setting of the file or a drop-in that it does not take, a port that is in use" "$units" ;;
    *) die "$what" "${units:+read the lines below; }run 'pulumi up' again; if it stays, see docs/troubleshooting.md" "$units" ;;
  esac
}

# outward COMMAND...: a program that gets something from elsewhere, by the cluster's proxy (PROXY: words NAME=VALUE), or else
# as the machine's own environment has it.
outward() {
  local settings=("no_proxy=$THEIR_NO_PROXY" "NO_PROXY=$THEIR_NO_PROXY")
  # shellcheck disable=SC2206 # words
  [ -z "${PROXY-}" ] || settings=(-u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY $PROXY)
  env "${settings[@]}" "$@"
}

# api METHOD PATH [CURL ARGUMENT...]: a request to this master's API server, as the administrator; fails on HTTP errors.
api() {
  local method=$1 path=$2 client=$RUN/admin.pem
  shift 2
  if [ ! -s "$client" ]; then
    jq -r '.users[0].user | .["client-certificate-data"], .["client-key-data"] | @base64d' \
      /etc/kubernetes/admin.conf >"$RUN/admin.$$"
    mv "$RUN/admin.$$" "$client"
  fi
  # An API server refuses now and then while etcd changes its membership.
  curl --silent --show-error --globoff --noproxy '*' --fail-with-body --max-time 10 --retry 8 --retry-max-time 40 --retry-connrefused --cacert /etc/kubernetes/pki/ca.crt \
    --cert "$client" --request "$method" "$@" "https://127.0.0.1:6443$path"
}

# api_answers: this master's API server is ready, asked once.
api_answers() { api GET /readyz --retry 0; }

# found PATH: the object as the API has it; nothing where there is none. Fails where the API does not say.
found() {
  local answer
  if answer=$(api GET "$1" 2>/dev/null); then
    printf '%s\n' "$answer"
  else
    jq -e '.code == 404' <<<"$answer" >/dev/null 2>&1
  fi
}

# What makes a Node Ready, to jq.
# shellcheck disable=SC2034 # some steps use it
READY='any(.status.conditions[]?; .type == "Ready" and .status == "True")'

# For two seconds, what is there and then what changes; the API server ends it.
# shellcheck disable=SC2034
WATCH='watch=true&timeoutSeconds=2'

# first_seen FILTER COMMAND...: the first object that FILTER (jq) picks of those that COMMAND, a request with WATCH, comes to
# see; fails when it sees none. Does not wait for COMMAND to end.
first_seen() { jq -cen "first(inputs.object | select($1))" < <("${@:2}" --no-buffer 2>/dev/null); }
