#!/usr/bin/env bash
# Builds the lab machines' root file system and prints its path: lab/image/build.sh [SUITE], of Debian, by default
# trixie; or trixie-virtual, which has a kernel of its own.
#
# The result is keyed by the suite and a hash of this directory and kept in the user's cache, so that it is built
# once for all clones and again as soon as a package or a drop-in changes.
set -euo pipefail

image=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/rootfs
system=${1:-trixie}
suite=${system%-virtual}

. "$image/../debian.sh"

# layers: the folders that the system is made of.
layers() {
  echo "$image"
  [ "$system" = "$suite" ] || echo "$image/virtual"
}

# hash_of_image: names, modes and contents of everything in this directory, and how Debian is laid out.
hash_of_image() {
  local unused=(-path ./virtual -prune -o)
  [ "$system" = "$suite" ] || unused=()
  (cd "$image" && find . ../debian.sh "${unused[@]}" -type f -printf '%p %m\n' | LC_ALL=C sort | while read -r path mode; do
    printf '%s %s ' "$path" "$mode"
    sha256sum <"$path"
  done) | sha256sum | cut -c1-16
}

build() {
  local target=$1 work packages hooks
  work=$(mktemp -d "$cache/build.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  packages=$(layers | sed 's,$,/packages,' | xargs cat | sed -E 's/#.*//; /^\s*$/d' | paste -sd,)
  mapfile -t hooks < <(layers | sed 's,.*,--customize-hook=&/customize.sh,')
  bootstrap "$suite" "$work/rootfs" --include="$packages" "${hooks[@]}"
  mv -T "$work/rootfs" "$target"
}

main() {
  [ "$(id -u)" = 0 ] || { echo "lab/image/build.sh: must run as root" >&2; exit 1; }
  case $system in bookworm | trixie | trixie-virtual) ;; *) echo "lab/image/build.sh: there is no image of '$system', but of bookworm, trixie and trixie-virtual" >&2; exit 1 ;; esac
  mkdir -p "$cache"
  local target
  target=$cache/$system-$(hash_of_image)
  if [ ! -d "$target" ]; then
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$target" ]; then
      echo "building the root file system of the lab's machines with $system (about a minute)" >&2
      build "$target"
    fi
  fi
  echo "$target"
}

main
