# shellcheck shell=bash
# What preflight and reset share about links that a network of pods makes.

# is_like NAME PATTERNS: whether it is as one of the space separated patterns.
is_like() {
  local pattern patterns
  read -ra patterns <<<"$2"
  for pattern in "${patterns[@]}"; do
    # shellcheck disable=SC2053 # a pattern
    [[ $1 != $pattern ]] || return 0
  done
  return 1
}
