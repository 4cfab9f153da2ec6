#!/usr/bin/env bash
# Runs `lab/bench.sh` of another commit and of this one in turn, so that both meet the same hours of the same host, and prints the
# medians and their ratios: lab/compare.sh COMMIT [ROUNDS], by default 3 rounds of about eight minutes. What is not committed
# is not measured. Destroys the lab that runs, if one does.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
require_root
other=$(git -C "$repo" rev-parse --verify --quiet "${1-}^{commit}") || die "there is no commit '${1-}'" "lab/compare.sh COMMIT [ROUNDS]"
rounds=${2:-3}
work=$(mktemp -d)
clean() {
  local tree
  for tree in "$work"/*/; do
    "$tree/lab/down.sh" >/dev/null || true
    git -C "$repo" worktree remove --force "$tree"
  done
  rm -rf "$work"
}
trap clean EXIT

# seconds PATTERN: the last number with a fraction, or in bold, of the line of docs/performance.md that has it.
seconds() { grep -E "$1" docs/performance.md | grep -oE '[0-9]+(\.[0-9]+)?' | tail -1; }

# measure NAME: a line `NAME what seconds` for each figure.
measure() {
  local from
  cd "$work/$1"
  lab/bench.sh >&2
  echo "$1 ready-without-Ceph $(seconds '^\| the same nodes without Ceph')"
  echo "$1 ready $(seconds 'nodes Ready\*\*')"
  echo "$1 HEALTH_OK $(seconds 'HEALTH_OK')"
  echo "$1 up-returns $(seconds '^\| .pulumi up. returns')"
  echo "$1 no-op-up $(seconds '^A second .pulumi up.')"
  # shellcheck source=/dev/null
  . .lab/env
  from=$(date +%s%N)
  pulumi preview --expect-no-changes >&2
  echo "$1 preview $(($(date +%s%N) - from))" | awk '{ print $1, $2, $3 / 1e9 }'
  lab/down.sh >&2
}

"$lab_source/down.sh" >&2
git -C "$repo" worktree add --quiet --detach "$work/other" "$other"
git -C "$repo" worktree add --quiet --detach "$work/this" HEAD
for ((round = 0; round < rounds; round++)); do
  for name in other this; do (measure $name) >>"$work/figures"; done
done
sort -k2,2 -k1,1 -k3,3g "$work/figures" | awk -v other="${other:0:7}" '
  { key = $2; values[key, $1, ++count[key, $1]] = $3; if (!(key in seen)) { seen[key]; order[++n] = key } }
  function median(key, name, m) { m = count[key, name]; return m % 2 ? values[key, name, (m + 1) / 2] : (values[key, name, m / 2] + values[key, name, m / 2 + 1]) / 2 }
  END {
    printf "| seconds, median | %s | this | ratio |\n|---|---:|---:|---:|\n", other
    for (i = 1; i <= n; i++) { a = median(order[i], "other"); b = median(order[i], "this"); printf "| %s | %.1f | %.1f | %.2f |\n", order[i], a, b, b / a }
  }'
cat "$work/figures" >&2
