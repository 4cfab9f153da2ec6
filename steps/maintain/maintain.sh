#!/usr/bin/env bash
# maintain: the machine has the packages of its distribution as new as its sources have them, and was restarted with them: once for each
# number in the file. Its hook has it done, in these actions; the step itself only looks whether it was. Between them a master
# empties the node (leave, rejoin), and a monitor tells Ceph (ceph-away, ceph-back).
#
# Needs also: ACTION (look | fetch | restart | done | verify), MAINTENANCE (the number), SINCE (the one of the day when the machine
# came, to which nothing is owed), PROXY (words NAME=VALUE, may be empty).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/packages-lib.sh
. "$(dirname "$0")/../lib/packages-lib.sh"

# The number that was done last, in words of `write_state`; and which is under way, with the boot that its restart is to end.
DONE=$STATE/maintenance
GOING=$STATE/maintenance-begun
# Nobody is there to be asked; files that were changed here stay; and what runs is not restarted by a package, but with the machine.
export DPKG_FORCE=confdef,confold UCF_FORCE_CONFFOLD=1 APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l
# Kernels are packages that were not there before. Nothing is ever removed.
UPGRADE=(-o APT::Get::Upgrade-Allow-New=true -o APT::Keep-Downloaded-Packages=false upgrade)

boot_id() { cat /proc/sys/kernel/random/boot_id; }

is_done() {
  local last=0
  read -r last 2>/dev/null <"$DONE" || true
  # shellcheck disable=SC2153 # from the program
  [ "$MAINTENANCE" -le "$SINCE" ] || [ "$MAINTENANCE" -le "$last" ]
}

# progress: done | due | going (the restart is ordered, and has not come) | back (it came).
progress() {
  local number='' before=''
  if is_done; then
    echo "done"
  elif read -r number before 2>/dev/null <"$GOING" && [ "$number" = "$MAINTENANCE" ]; then
    if [ "$before" = "$(boot_id)" ]; then echo going; else echo back; fi
  else
    echo due
  fi
}

words_of_apt() { grep -m3 -E '^(E:|W:|dpkg: error)' "$RUN/apt.log" | tr '\n' ' ' || tail -n 1 "$RUN/apt.log"; }

# get_packages: all that is to be installed lies here before anybody is troubled. To apt a source that does not answer is a warning.
get_packages() {
  local why=''
  if ! packages update || grep -qE '^W: (Failed to fetch|Some index files failed)' "$RUN/apt.log"; then
    why="its package sources do not all answer: $(words_of_apt)"
  elif ! packages -d "${UPGRADE[@]}"; then
    why="its packages cannot be fetched: $(words_of_apt)"
  fi
  [ -z "$why" ] || die "$why" "mend the machine's package sources (/etc/apt), or cluster.proxy, or make room in /var; then run 'pulumi up' again. No pod has left $NODE, and nothing was restarted"
}

# go: the packages become new, and a moment later, when this was answered, the machine restarts.
go() {
  local failed=''
  if [ "$(progress)" = due ]; then
    hold_services
    packages "${UPGRADE[@]}" || failed="$(words_of_apt) "
    release_services
    [ -z "$failed" ] || die "its packages could not be upgraded: $failed" "mend what apt says ('apt-get upgrade' there shows all of it), then run 'pulumi up' again, which goes on here. $NODE was not restarted"
    sync
    write_state maintenance-begun "$MAINTENANCE $(boot_id)"
    changed "upgraded the packages of $NODE"
  fi
  [ "$(progress)" = going ] || return 0
  systemctl is-active --quiet groundwork-restart.timer ||
    systemd-run --quiet --collect --unit=groundwork-restart --on-active=3 --timer-property=AccuracySec=100ms systemctl reboot
}

# come_back: all is back. Of a run that was cut short a policy may be left that keeps services of packages from starting.
come_back() {
  [ "$(progress)" = back ] || die "$NODE was not restarted for maintenance $MAINTENANCE" "run 'pulumi up' again"
  ! grep -qs groundwork "$POLICY" || rm -f "$POLICY"
  write_state maintenance "$MAINTENANCE"
  rm -f "$GOING"
  changed "did maintenance $MAINTENANCE"
}

require_claim
exclusively maintain
case $ACTION in
  fetch) get_packages ;;
  restart) go ;;
  done) come_back ;;
  verify) is_done || die "maintenance $MAINTENANCE was not done on $NODE" "run 'pulumi up' again" ;;
esac
printf '\ngroundwork-report: {"state":"%s","boot":"%s"}\n' "$(progress)" "$(boot_id)"
finish
