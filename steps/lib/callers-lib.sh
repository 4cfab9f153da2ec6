# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources it uses it
# Whose calls a master takes. Sourced behind lib.sh.

CALLERS=/etc/groundwork/join-service

# gather_callers: of each that is expected a line, in one file: sshd reads it anew for each call.
gather_callers() {
  local path
  [ -d "$CALLERS/callers.d" ] || { record "$CALLERS"; install -d -m 0755 /etc/groundwork "$CALLERS" "$CALLERS/callers.d"; }
  for path in "$CALLERS"/callers.d/*; do [ ! -e "$path" ] || cat "$path"; done | file "$CALLERS/callers" 0640 root:groundwork-join
}
