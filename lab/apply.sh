#!/usr/bin/env bash
# Runs 'pulumi up' on the lab's stack, whatever an earlier run left, and fetches the kubeconfig.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=/dev/null
. "$lab/env"
cd "$repo"
pulumi stack select dev --create >/dev/null
# An operator who was killed left its lock on the stack. Steps whose end is not known are simply run again.
pulumi cancel --yes >/dev/null 2>&1 || true
pulumi up --yes --skip-preview --suppress-progress --suppress-outputs --non-interactive --parallel 32
# A cluster that only stores has none.
if pulumi stack output kubeconfig >/dev/null 2>&1; then
  (
    umask 077
    pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG.new"
  )
  mv "$KUBECONFIG.new" "$KUBECONFIG"
else
  rm -f "$KUBECONFIG"
fi
