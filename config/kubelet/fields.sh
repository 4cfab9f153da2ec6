#!/usr/bin/env bash
# Writes fields.ts: which fields KubeletConfiguration has in each minor version of Kubernetes that config/versions.ts names, from
# Kubernetes' own source. For a release that supports another one: npm run kubelet-fields. Needs Go.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
minors=$(sed -n 's/^export const kubernetesMinors = \[\(.*\)\].*/\1/p' ../versions.ts | tr -d '",')
for minor in $minors; do
  mkdir "$work/$minor"
  cp fields.go "$work/$minor"
  (
    cd "$work/$minor"
    export GOFLAGS=-mod=mod GOWORK=off
    go mod init fields
    go get "k8s.io/kubelet/config/v1beta1@v0.${minor#*.}"
  ) 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
  }
  (cd "$work/$minor" && go run .) | sed "s/\$/ $minor/" >>"$work/fields"
done
{
  cat <<'END'
/**
 * The fields of KubeletConfiguration, each with the kind of its value. Behind `[]` stand those of a list's entries, behind
 * `{}` those of a mapping whose keys are free. Written by `npm run kubelet-fields` from Kubernetes' own source.
 */
export const fields = {
END
  sort -u -k 1,2 "$work/fields" | awk '{ printf "  \"%s\": \"%s\",\n", $1, $2 }'
  printf '} as const;\n\n/** Those that not every supported minor version of Kubernetes has, with the ones that do. */\n'
  echo 'export const onlyIn: Readonly<Record<string, readonly string[]>> = {'
  awk -v all="$(wc -w <<<"$minors")" '
    { count[$1]++; minors[$1] = minors[$1] (minors[$1] ? ", " : "") "\"" $3 "\"" }
    END { for (path in count) if (count[path] < all) printf "  \"%s\": [%s],\n", path, minors[path] }' "$work/fields" | sort
  echo '};'
} >"$work/fields.ts"
../../node_modules/.bin/prettier "$work/fields.ts" >"$work/formatted"
mv "$work/formatted" fields.ts
