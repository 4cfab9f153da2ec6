#!/usr/bin/env bash
# service-account: the API server of this master takes tokens of the next key of service accounts, which no master signs with before
# all of them do.
#
# Needs also: SERVICE_ACCOUNT_KEY (its number), and the text new_key (its public half).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

PUBLIC=/etc/kubernetes/pki/sa.pub

# shows_keys: the API server tells everybody of as many keys as it is given: it has read them.
shows_keys() { [ "$(api GET /openid/v1/jwks --retry 0 | jq '.keys | length')" -ge "$(grep -c 'BEGIN PUBLIC KEY' $PUBLIC)" ]; }

require_claim
exclusively control-plane
# A master that is new gets its keys with its control plane, when all others take them.
if [ -s $PUBLIC ]; then
  present=$(<$PUBLIC)
  added=$(new_key)
  [[ $present == *"$added"* ]] || printf '%s\n%s\n' "$present" "$added" | file $PUBLIC 0644 root:root
  if systemctl is-active --quiet kube-apiserver.service; then
    run_unit kube-apiserver.service $PUBLIC
    wait_for 120 "the API server did not answer with key $SERVICE_ACCOUNT_KEY of service accounts within 120 s" kube-apiserver.service shows_keys
  fi
fi
finish
