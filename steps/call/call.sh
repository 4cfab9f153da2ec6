#!/usr/bin/env bash
# call: the machine calls all who take calls. What it needs for that is not noted among the cluster's files: it is the machine's
# way in, and stays when it leaves. Who it is connected to now is not disturbed: this may run over that connection.
#
# Needs also: SERVICES (names of those who take calls), and the texts ssh_config, known_hosts and unit.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

JOIN=/etc/groundwork/join
WANTS=/etc/systemd/system/multi-user.target.wants

# keep PATH MODE: PATH holds standard input, whole or not at all.
keep() {
  local wanted mode=$2
  wanted=$(cat && echo .)
  wanted=${wanted%.}
  require_roots "$1"
  if [ -f "$1" ] && [ "$(cat "$1" && echo .)" = "$wanted." ]; then return 0; fi
  install -d -m 0755 "${1%/*}"
  printf %s "$wanted" | install -m "$mode" /dev/stdin "$1.new"
  sync "$1.new"
  mv -fT "$1.new" "$1"
  changed "wrote $1"
}

# called: the services that the machine calls at each start.
called() {
  local link
  for link in "$WANTS"/groundwork-join@*.service; do
    link=${link##*/groundwork-join@}
    [ "$link" = "*.service" ] || echo "${link%.service}"
  done
}

require_claim
exclusively call
command -v ssh >/dev/null || die "there is no ssh, by which the machine calls" "install openssh-client on $NODE"
ssh_config | keep $JOIN/ssh_config 0600
known_hosts | keep $JOIN/known_hosts 0600
unit | keep /etc/systemd/system/groundwork-join@.service 0644
[ "$CHANGES" -eq 0 ] || systemctl daemon-reload
for service in $SERVICES; do
  systemctl is-enabled --quiet "groundwork-join@$service" 2>/dev/null || { systemctl enable --quiet "groundwork-join@$service"; changed "calls $service at each start"; }
  systemctl is-active --quiet "groundwork-join@$service" || systemctl start --no-block "groundwork-join@$service"
done
called | while read -r service; do
  case " $SERVICES " in *" $service "*) continue ;; esac
  systemctl disable --quiet --now "groundwork-join@$service"
  changed "calls $service no more"
done
finish
