#!/usr/bin/env bash
# join-service: this master takes the calls of machines that nobody dials. Which ones it lets in say the steps `expect`.
#
# Needs also: HOST_KEY (the machine's public SSH host key that the file has: what callers are shown), and the text
# sshd_config.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/callers-lib.sh
. "$(dirname "$0")/../lib/callers-lib.sh"

require_claim
exclusively join-service

command -v sshd >/dev/null || die "there is no sshd" "install openssh-server on $NODE"
if ! getent passwd groundwork-join >/dev/null; then
  # Without a password that could be locked: sshd lets nobody in whose account is.
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --password '*' groundwork-join
  printf '%s\n' groundwork-join >>"$STATE/users"
  changed "made the user groundwork-join"
fi

# key_file: where the machine has the host key that the file names.
key_file() {
  local path
  sshd -T 2>/dev/null | sed -n 's/^hostkey //p' | while read -r path; do
    [ "$(ssh-keygen -y -f "$path" </dev/null 2>/dev/null | cut -d' ' -f1,2)" != "$HOST_KEY" ] || echo "$path"
  done | head -n 1
}

key=$(key_file)
[ -n "$key" ] || die "sshd has no host key $HOST_KEY" "compare the node's host_key in the file with /etc/ssh/ssh_host_*_key.pub and HostKey in sshd_config"
{
  sshd_config
  echo "HostKey $key"
  # From 9.8 on, all at an address are made to wait for what one there did.
  ! sshd -T -o PerSourcePenalties=no >/dev/null 2>&1 || echo "PerSourcePenalties no"
} | file "$CALLERS/sshd_config" 0600 root:root
gather_callers
install_files
sshd -t -f "$CALLERS/sshd_config" >"$RUN/sshd" 2>&1 || die "sshd does not take its settings: $(tail -n 1 "$RUN/sshd")" "see which release of OpenSSH the machine has (sshd -V)"
enable_units groundwork-join-service.service
run_unit groundwork-join-service.service /etc/systemd/system/groundwork-join-service.service "$CALLERS/sshd_config" "$key"
listens() { ss -Hltn "sport = :$(sed -n 's/^Port //p' "$CALLERS/sshd_config")" | grep -qF "$NODE_IP:"; }
wait_for 20 "nobody takes calls at $NODE_IP within 20 s" groundwork-join-service.service listens
finish
