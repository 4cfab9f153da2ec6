#!/usr/bin/env bash
# Builds the programs the lab runs from their Go modules: lab/artifacts/build.sh [--print [MODULE]]
#
# What the cache holds already is not built again. With --print, writes the path of a folder with every program
# under its usual name (pulumi, kubectl, kubelet, etcd, ...) to standard output. With MODULE, builds only what is made of
# that one, which may be one that no lab needs: conformance.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/recipes.sh"

report() {
  printf '%4d s  %s\n' "$SECONDS" "$*" >&2
}

require_tools() {
  command -v go >/dev/null ||
    die "Go is not installed" "install Go 1.21 or newer, e.g. 'apt-get install golang-go'; it fetches the release that go.mod asks for"
  [ "$cgo" = 0 ] || command -v gcc >/dev/null || die "gcc is not installed" "apt-get install gcc libc6-dev"
}

# go_build FOLDER OUTPUT PACKAGE LOG: one program, with a word every 15 seconds; returns go's status.
go_build() {
  local compiler seconds=0 verb=(build)
  [[ $2 != *.test ]] || verb=(test -c)
  # -mod=readonly: a go.mod that does not fit is an error, never rewritten. No -trimpath: it would make every user
  # compile again what the Go build cache holds of the same modules.
  (cd "$(module_of "$1")" && exec env GOWORK=off GOFLAGS= CGO_ENABLED="$cgo" GOARCH="$arch" \
    go "${verb[@]}" -v -mod=readonly -buildvcs=false -tags="$tags" -ldflags="$linker_flags" -o "$2" "$3") >"$4" 2>&1 &
  compiler=$!
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "kill $compiler 2>/dev/null || true; exit 143" INT TERM
  while kill -0 "$compiler" 2>/dev/null; do
    sleep 0.2
    seconds=$((seconds + 1))
    [ $((seconds % 75)) != 0 ] || report "$1: $(grep -c '^[^#]*/' "$4") packages compiled"
  done
  trap - INT TERM
  wait "$compiler"
}

# build FOLDER TARGET: appears at TARGET complete or not at all.
build() {
  local work program began=$SECONDS
  require_tools
  work=$(mktemp -d "$cache/artifacts/.build.XXXXXX")
  mkdir "$work/out"
  for program in "${programs[@]}"; do
    report "$1: building ${program%%=*}"
    if ! go_build "$1" "$work/out/${program%%=*}" "${program#*=}" "$work/log"; then
      sed -n '/^# \|^go: \|^[^ ]*\.go:/,$p' "$work/log" | head -40 >&2
      die "cannot build ${program%%=*}" "go's words stand above"
    fi
  done
  mv -T "$work/out" "$2"
  rm -rf "$work"
  report "$1: built in $((SECONDS - began)) s"
}

# gather TARGET FOLDER...: every program by its usual name, as hard links.
gather() {
  local work component
  work=$(mktemp -d "$cache/artifacts/.build.XXXXXX")
  mkdir "$work/out"
  for component in "${@:2}"; do
    ln "$component"/* "$work/out/"
  done
  for component in "${kubernetes_components[@]}"; do
    ln "$work/out/kubernetes" "$work/out/$component"
  done
  rm "$work/out/kubernetes"
  mv -T "$work/out" "$1"
  rm -rf "$work"
}

main() {
  local module target folders=() wanted=("${modules[@]}") programs_folder
  [ $# -lt 2 ] || wanted=("$2")
  mkdir -p "$cache/artifacts"
  exec 9>"$cache/artifacts/.lock"
  if ! flock --nonblock 9; then
    report "another build runs; waiting for its end"
    flock 9
  fi
  # Nobody else builds while the lock is held: these are what killed builds left.
  rm -rf "$cache"/artifacts/.build.*
  for module in "${wanted[@]}"; do
    recipe "$module"
    target=$(built_folder "$module")
    folders+=("$target")
    [ -d "$target" ] || build "$module" "$target"
  done
  programs_folder=$target
  if [ $# -lt 2 ]; then
    programs_folder=$cache/artifacts/programs-$(key_of "${folders[*]} ${kubernetes_components[*]}" /dev/null)
    [ -d "$programs_folder" ] || gather "$programs_folder" "${folders[@]}"
  fi
  case ${1:-} in
    '') ;;
    --print) echo "$programs_folder" ;;
    *) die "unknown option '$1'" "--print or nothing" ;;
  esac
}

main "$@"
