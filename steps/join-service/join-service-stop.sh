#!/usr/bin/env bash
# join-service-stop: this master takes no calls any more: nobody is left who calls, or it leaves.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/callers-lib.sh
. "$(dirname "$0")/../lib/callers-lib.sh"

require_claim
exclusively join-service
unit=groundwork-join-service.service
if [ -e "/etc/systemd/system/$unit" ]; then
  systemctl disable --quiet "$unit"
  # Who is connected has a process of its own, which a stop leaves alone.
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || true
  systemctl stop "$unit"
  rm -f "/etc/systemd/system/$unit"
  rm -rf "$CALLERS"
  systemctl daemon-reload
  changed "takes no calls"
fi
undone join-service
