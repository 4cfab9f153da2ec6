# shellcheck shell=bash
# What the steps share that deal with the keys by which API servers encrypt Secrets in etcd. Needs lib.sh, and ENCRYPTION_KEY
# (number of the key that the file asks for).
ENCRYPTION=/etc/kubernetes/encryption.yaml

# encryption_keys: names of the keys that the API server of this master is given, a line each; it encrypts with the first.
encryption_keys() { jq -r '.resources[0].providers[].secretbox.keys[]?.name' $ENCRYPTION; }

# require_key: this master knows no later key than that of the file. What was encrypted with it could not be read any more.
require_key() {
  local names newest
  [ -s $ENCRYPTION ] || return 0
  names=$(encryption_keys)
  newest=$(sort -n <<<"${names//key/}" | tail -n 1)
  [ "${newest:-0}" -le "$ENCRYPTION_KEY" ] ||
    die "the API server of $NODE has key $newest for Secrets, which may be encrypted with it already, and the cluster file asks for key $ENCRYPTION_KEY: a key is not taken back; nothing was changed" \
      "set cluster.kubernetes.rotations.encryption_key: $newest, or one more for another key"
}
