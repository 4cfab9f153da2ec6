#!/usr/bin/env bash
# Builds the lab's Pulumi plugins into a folder to be put on PATH: build.sh [FOLDER], by default .lab/plugins.
# They stand in for the real ones, which come from no package registry. Nothing is built while no source has changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
modules=$(cd "$here/../.." && pwd)/node_modules
target=${1:-$here/../../.lab/plugins}

sources() { find "$here" -name '*.ts' -print0 | sort -z | xargs -0 cat "$here/build.sh" "$modules/.package-lock.json"; }
stamp=$(echo "$modules" && sources | sha256sum)
if [ "$(cat "$target/bundles/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

mkdir -p "$target"
target=$(cd "$target" && pwd)
# Beside the old ones, so that a plugin that starts just now finds a whole file.
bundles=$(mktemp -d "$target/bundles.XXXXXX")
trap 'rm -rf "$bundles"' EXIT
# ssh2 looks for its own native code, which is not built, and works without; optional parts of other modules likewise.
"$modules/.bin/esbuild" "$here"/{language,command,tls,random,kubernetes}/main.ts --bundle --platform=node --target=node22 \
  --outbase="$here" --outdir="$bundles" --minify-whitespace --minify-syntax --log-level=error \
  --external:cpu-features '--external:*.node'
echo "$stamp" >"$bundles/stamp"

# plugin EXECUTABLE NAME: compiled code outlives the lab, also that of the programs a language host starts: it is what a
# third of a program's start goes into.
plugin() {
  cat >"$target/$1.new" <<END
#!/bin/sh
export NODE_COMPILE_CACHE="\${NODE_COMPILE_CACHE:-$modules/.cache/groundwork/compiled}"
exec "$modules/node/bin/node" "$target/bundles/$2/main.js" "\$@"
END
  chmod 0755 "$target/$1.new"
  mv "$target/$1.new" "$target/$1"
}
plugin pulumi-language-nodejs language
for name in command tls random kubernetes; do
  plugin "pulumi-resource-$name" "$name"
  # The layout of PULUMI_HOME/plugins, for an engine that is told to look there rather than on PATH.
  version=$(sed -n 's/^ *"version": "v\{0,1\}\([^"]*\)".*/\1/p' "$modules/@pulumi/$name/package.json" | head -n 1)
  mkdir -p "$target/resource-$name-v$version"
  ln -sfn "../pulumi-resource-$name" "$target/resource-$name-v$version/pulumi-resource-$name"
done
rm -rf "$target/bundles"
mv "$bundles" "$target/bundles"
