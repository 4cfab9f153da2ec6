#!/usr/bin/env bash
# declare: a node whose machine is not managed may come, by a ticket. Runs on a master: what the node is called, where it answers
# and what else it may serve as is in the list of declared nodes from now on.
#
# Needs also: TARGET, TARGET_IP (the node), CERT_SANS (JSON: further names and addresses it may serve with).
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/declared-lib.sh
. "$(dirname "$0")/../lib/declared-lib.sh"

require_claim
exclusively "admit-$TARGET"
known=$(recorded) || die "$untold" "see whether etcd and the API server are well (make status), then run 'pulumi up' again"
# What leaves goes last in an up: it would take the declaration of its name with it.
jq -e '. == {} or .managed == false' <<<"$known" >/dev/null ||
  die "$TARGET is a node that is managed" "delete its entry and run 'pulumi up', which resets its machine; then declare it anew with managed: false"
wanted=$(jq -nc --arg ip "$TARGET_IP" --argjson certSans "$CERT_SANS" '{$ip, managed: false, $certSans}')
if [ "$(jq -cS . <<<"$known")" != "$(jq -cS . <<<"$wanted")" ]; then
  declare_target "$wanted"
  changed "declared $TARGET, which is not managed"
fi
finish
