#!/usr/bin/env bash
# restore-settle: after a restore, on a master whose API answers: what the snapshot has of nodes that the file does not have goes,
# as if they were lost. They get no certificate, and their pods go to others.
#
# Needs also: NODES (names that the file has of nodes that are not lost, space separated).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"
# shellcheck source=../lib/gone-lib.sh
. "$(dirname "$0")/../lib/gone-lib.sh"

# unlisted FILTER PATH: of the names that FILTER (jq) takes of an object those that the file does not have.
unlisted() { api GET "$2" | jq -r --arg nodes "$NODES" "$1 | select(IN(\$nodes | split(\" \")[]) | not)"; }

require_claim
exclusively restore-settle
# In assignments, which end the step where the API does not answer.
declared=$(unlisted '.data // {} | keys[]' "$DECLARED")
known=$(unlisted '.items[].metadata.name' /api/v1/nodes)
for TARGET in $declared; do
  undeclare_target
  changed "$TARGET is not declared any more"
done
for TARGET in $known; do
  forget_node
done
finish
