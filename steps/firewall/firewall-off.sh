#!/usr/bin/env bash
# firewall-off: what this machine listens at is closed to nobody any more: it leaves, or the file has no firewall. By then a machine
# that leaves is needed by nobody, and says so to all who let it in until now.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

CHECK=/usr/local/lib/groundwork/firewall-check
UNIT=groundwork-firewall.service

# say_goodbye: by a packet that may get lost. Whom the file has yet lets this machine in on.
say_goodbye() {
  local peer _
  for _ in 1 2 3; do
    { "$CHECK" elements nodes || true; } | while read -r peer; do
      { [ "$peer" = "$NODE_IP" ] || echo gone >"/dev/udp/$peer/9"; } 2>/dev/null || true
    done
    sleep 0.2
  done
}

require_claim
exclusively firewall
if [ -e "/etc/systemd/system/$UNIT" ]; then
  say_goodbye
  systemctl disable --quiet --now "$UNIT"
  rm -f "/etc/systemd/system/$UNIT" "$CHECK"
  rm -rf /etc/groundwork/firewall
  systemctl daemon-reload
  changed "closes nothing any more"
fi
nft delete table inet groundwork 2>/dev/null || true
undone firewall
