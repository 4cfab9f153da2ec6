#!/usr/bin/env bash
# Writes what the real provider of @pulumi/command says of each connection that fails: record.sh PULUMI-RESOURCE-COMMAND
#
# The provider is the plugin of the version in package.json, as `pulumi plugin install resource command VERSION` brings it
# (~/.pulumi/plugins/resource-command-vVERSION/pulumi-resource-command), or built of its tag with `go build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[ -x "${1:-}" ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
unset SSH_AUTH_SOCK
./machine.sh ../../../node_modules/.bin/node -r ts-node/register record.ts "$(realpath "$1")" >provider.json.new
mv provider.json.new provider.json
