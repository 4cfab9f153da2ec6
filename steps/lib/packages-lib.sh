# shellcheck shell=bash
# What the steps share that ask the distribution for packages. Needs lib.sh and PROXY.

# What tells the services of packages whether they may start.
POLICY=/usr/sbin/policy-rc.d
HELD=

# hold_services: those of packages do not start, or start anew, before they are released. A run that was killed may have left
# our policy; one of somebody else's stays as it is.
hold_services() {
  if [ -e "$POLICY" ] && ! grep -q groundwork "$POLICY"; then return 0; fi
  printf '#!/bin/sh\n# groundwork\nexit 101\n' >"$POLICY"
  chmod 0755 "$POLICY"
  HELD=1
}
release_services() {
  [ -z "$HELD" ] || rm -f "$POLICY"
  HELD=
}

# packages COMMAND...: apt-get, after whoever installs packages now (a fresh machine upgrades itself), and after whoever was
# cut short while doing so.
packages() {
  local deadline=$((SECONDS + 240)) said=
  export DEBIAN_FRONTEND=noninteractive
  until outward apt-get -q -y -o DPkg::Lock::Timeout=240 "$@" >"$RUN/apt.log" 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    if grep -q 'dpkg was interrupted' "$RUN/apt.log"; then
      dpkg --configure -a >"$RUN/apt.log" 2>&1 || return 1
      changed "finished an interrupted installation of packages"
    elif grep -q 'Could not get lock' "$RUN/apt.log"; then
      [ -n "$said" ] || say "waits for another program that installs packages"
      said=1
      sleep 1
    else
      return 1
    fi
  done
}
