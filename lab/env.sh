#!/usr/bin/env bash
# Writes .lab/env, to be sourced: the tools of the lab and their settings.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
artifacts=$("$lab_source/artifacts/build.sh" --print)
mkdir -p "$lab/bin" "$lab/state" "$lab/pulumi-home"
# The CLI looks for the language host beside itself and for the providers in its home: what lies on PATH it warns of.
ln -sfn "$lab/plugins" "$lab/pulumi-home/plugins"
cmp --quiet "$artifacts/pulumi" "$lab/plugins/pulumi" || ln -f "$(realpath "$artifacts/pulumi")" "$lab/plugins/pulumi" 2>/dev/null || cp "$artifacts/pulumi" "$lab/plugins/pulumi"
ln -sfn "$lab/plugins/pulumi" "$lab/bin/pulumi"
for tool in kubectl etcdctl; do ln -sfn "$artifacts/$tool" "$lab/bin/$tool"; done
ln -sfn "$repo/node_modules/node/bin/node" "$lab/bin/node"

cat >"$lab/env.new" <<END
# Sourced by bash; written by lab/env.sh.
export PATH="$lab/bin:$repo/node_modules/.bin:\$PATH"
export KUBECONFIG="$lab/kubeconfig"
# A CLI that is killed while it writes a sidecar with metadata leaves a state that none can read.
export PULUMI_BACKEND_URL="file://$lab/state?metadata=skip"
export PULUMI_HOME="$lab/pulumi-home"
# The lab's secrets are worth nothing outside it. A real stack has a passphrase of its own.
export PULUMI_CONFIG_PASSPHRASE=groundwork-lab
export PULUMI_IGNORE_AMBIENT_PLUGINS=true
export PULUMI_SKIP_UPDATE_CHECK=true
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
export PULUMI_DISABLE_REGISTRY_RESOLVE=true
export PULUMI_SUPPRESS_NEO_LINK=true
# ssh-agent is dialled for every step when this is set, and a stale one fails them all.
unset SSH_AUTH_SOCK
END
mv "$lab/env.new" "$lab/env"
