#!/usr/bin/env bash
# Writes gates.ts: which feature gates Kubernetes' programs know, in each minor version that config/versions.ts names and in the two
# before, from Kubernetes' own source. For a release that supports another one: npm run feature-gates. Needs Go.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C GOWORK=off GOFLAGS=

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
first=$(sed -n 's/^export const kubernetesMinors = \["1\.\([0-9]*\)".*/\1/p' ../versions.ts)
last=$(sed -n 's/^export const kubernetesMinors = \[.*"1\.\([0-9]*\)"\].*/\1/p' ../versions.ts)
all=$(go list -m -versions k8s.io/kubernetes | tr ' ' '\n')
for ((minor = first - 2; minor <= last; minor++)); do
  version=$(grep -E "^v1\.$minor\.[0-9]+$" <<<"$all" | tail -n 1)
  mkdir "$work/$minor"
  cp gates.go "$work/$minor"
  (
    cd "$work/$minor"
    own=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"GoMod": "\(.*\)".*/\1/p')
    {
      echo 'module gates'
      grep -E '^(go|godebug) ' "$own"
      echo "require k8s.io/kubernetes $version"
      sed -nE "s,^\s*(k8s.io/\S+) => \./staging/.*,replace \1 => \1 v0.${version#v1.},p" "$own"
    } >go.mod
    GOFLAGS=-mod=mod go run .
  ) >"$work/out" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
  }
  sed "s/^/1.$minor /" "$work/out" >>"$work/gates"
done
{
  cat <<'END'
/**
 * The feature gates of Kubernetes' programs, with a letter for each minor version of `minors`: `o` it may be set, `+` and `-` it is
 * locked to true or false, `.` it is not there. Written by `npm run feature-gates` from Kubernetes' own source.
 */
export const gates: Readonly<Record<string, string>> = {
END
  awk -v first=$((first - 2)) -v last="$last" '
    { name[$2]; is[$2, substr($1, 3)] = $3 == "free" ? "o" : $3 == "true" ? "+" : "-" }
    END {
      for (one in name) {
        printf "  %s: \"", one
        for (minor = first; minor <= last; minor++) printf "%s", (one, minor) in is ? is[one, minor] : "."
        print "\","
      }
    }' "$work/gates" | sort
  printf '};\n\n/** Those before the supported ones, too: so that it can be told since when one is gone. */\n'
  echo "export const minors = [$(seq -f '"1.%g"' -s ', ' $((first - 2)) "$last")] as const;"
} >"$work/gates.ts"
../../node_modules/.bin/prettier "$work/gates.ts" >"$work/formatted"
mv "$work/formatted" gates.ts
