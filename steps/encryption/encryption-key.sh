#!/usr/bin/env bash
# encryption-key: the API server of this master decrypts with the key of the file (PHASE accept), and encrypts with it, too (use). It
# reads its keys anew by itself, once a minute, and is not restarted. Nothing goes back: what is further on stays.
#
# Needs also: ENCRYPTION_KEY (its number), PHASE (accept | use), and the text new_key (its name and its secret, as JSON).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/encryption-lib.sh
. "$(dirname "$0")/../lib/encryption-lib.sh"

# is_reached: the file has come to the phase, or is past it.
is_reached() {
  local names
  names=$(encryption_keys)
  case $PHASE in
    accept) grep -qx "key$ENCRYPTION_KEY" <<<"$names" ;;
    use) [ "${names%%$'\n'*}" = "key$ENCRYPTION_KEY" ] ;;
  esac
}

# with_key: the file, with the key behind the others that are there, or before them.
with_key() {
  jq -cn --arg phase "$PHASE" 'input as $new | input | .resources[0].providers |= map(if .secretbox then .secretbox.keys |=
    (map(select(.name != $new.name)) as $others | if $phase == "use" then [$new] + $others else $others + [$new] end) else . end)' \
    <(new_key) $ENCRYPTION
}

# require_reload: a former release started the API server so that it reads its keys but once.
require_reload() {
  grep -q 'encryption-provider-config-automatic-reload=true' /etc/systemd/system/kube-apiserver.service ||
    die "the API server of $NODE was started by a former release, and does not read its keys again; nothing was changed" \
      "set cluster.kubernetes.rotations.encryption_key back, run 'pulumi up', and raise it then"
}

# is_taken: the API server has read the file as it is now, or reads it when it starts. It looks once a minute, so that there is no
# need to ask it all the time for all that it measures.
is_taken() {
  local pid said at
  pid=$(systemctl show --property=MainPID --value kube-apiserver.service)
  [ "$pid" != 0 ] || return 0
  said=$(api GET /metrics --retry 0 | grep '^apiserver_encryption_config_controller_') || said=
  case $said in
    *last_config_info*"sha256:$(sha256sum $ENCRYPTION | cut -d ' ' -f 1)"*) return 0 ;;
    *last_config_info*) ;;
    *)
      # Older ones do not say what they have read, but when.
      stale kube-apiserver.service $ENCRYPTION || return 0
      at=$(sed -n 's/^[^ ]*last_timestamp_seconds{.*status="success".*} //p' <<<"$said")
      ! awk -v at="${at:-0}" -v since="$(stat -c %.Y $ENCRYPTION)" 'BEGIN { exit !(at > since) }' || return 0
      ;;
  esac
  sleep 2
  return 1
}

require_claim
exclusively control-plane
require_key
# A master that is new gets its keys with its control plane, when all are done with the former one.
if [ -s $ENCRYPTION ]; then
  if ! is_reached; then
    require_reload
    text=$(with_key)
    printf '%s\n' "$text" | file $ENCRYPTION 0600 root:root
  fi
  wait_for 180 "the API server has not read its keys again within 180 s" kube-apiserver.service is_taken
fi
finish
