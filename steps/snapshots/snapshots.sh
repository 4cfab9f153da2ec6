#!/usr/bin/env bash
# snapshots: a timer takes snapshots of etcd on the master that leads it, as the file says. The first comes at once.
#
# Needs also: TIMER (on or off), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

FOLDER=/var/lib/groundwork/snapshots
UNIT=groundwork-snapshot

require_claim
exclusively snapshots
[ -d $FOLDER ] || install -d -m 0700 $FOLDER
install_files
for path in /etc/groundwork/s3-credentials /etc/groundwork/s3-ca.crt; do
  if [[ $'\n'$PLACED == *$'\n'"$path"$'\n'* ]] || ! recorded $path || [ ! -e $path ]; then continue; fi
  rm -f $path
  changed "removed $path"
done
if [ "$TIMER" = off ]; then
  if recorded /etc/systemd/system/$UNIT.timer && [ -e /etc/systemd/system/$UNIT.timer ]; then
    systemctl disable --quiet --now $UNIT.timer
    rm -f /etc/systemd/system/$UNIT.{timer,service}
    systemctl daemon-reload
    changed "removed $UNIT.timer"
  fi
  finish
  exit 0
fi
enable_units $UNIT.timer $UNIT.service
run_unit $UNIT.timer /etc/systemd/system/$UNIT.timer
[ -e $FOLDER/state.json ] || systemctl start --no-block $UNIT.service
finish
