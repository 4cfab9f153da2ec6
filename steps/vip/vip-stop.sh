#!/usr/bin/env bash
# vip-stop: this master holds the API's address no more: it leaves, or the file names none.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

require_claim
exclusively vip
unit=groundwork-vip.service
if [ -e "/etc/systemd/system/$unit" ]; then
  systemctl disable --quiet --now "$unit"
  rm -f "/etc/systemd/system/$unit"
  rm -rf /etc/groundwork/vip
  systemctl daemon-reload
  changed "holds no address of the API"
fi
undone vip
