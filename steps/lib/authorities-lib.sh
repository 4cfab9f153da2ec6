# shellcheck shell=bash
# What the steps share that deal with the authorities by which all certificates are issued. Each authority has its number in its name, but
# for the first, which has none.

# issuer_of FILE: number of the authority that issued the first certificate in it.
issuer_of() { openssl x509 -noout -issuer -in "$1" | number; }

# newest_of FILE: number of the authority whose certificate is the first in it.
newest_of() { openssl x509 -noout -subject -in "$1" | number; }

number() { sed -E '/CN *= *[a-z-]*[a-z]$/s/$/-1/; s/.*-([0-9]+)$/\1/'; }

# require_authorities NUMBER: this node knows no later authorities than these.
require_authorities() {
  local known
  known=$(cat "$STATE/authorities" 2>/dev/null || echo 1)
  [ "$known" -le "$1" ] ||
    die "$NODE may have certificates of authorities $known, and the cluster file asks for authorities $1: they are not taken back; nothing was changed" \
      "set cluster.kubernetes.rotations.authorities: $known, or one more for others"
}
