#!/usr/bin/env bash
# Builds the lab machines' root file system and prints its path.
#
# The result is keyed by a hash of this directory and kept in the user's cache, so that it is built
# once for all clones and again as soon as a package or a drop-in changes.
set -euo pipefail

image=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/rootfs
suite=trixie

. "$image/../debian.sh"

# hash_of_image: names, modes and contents of everything in this directory, and how Debian is laid out.
hash_of_image() {
  (cd "$image" && find . ../debian.sh -type f -printf '%p %m\n' | LC_ALL=C sort | while read -r path mode; do
    printf '%s %s ' "$path" "$mode"
    sha256sum <"$path"
  done) | sha256sum | cut -c1-16
}

build() {
  local target=$1 work packages
  work=$(mktemp -d "$cache/build.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  packages=$(sed -E 's/#.*//; /^\s*$/d' "$image/packages" | paste -sd,)
  bootstrap "$suite" "$work/rootfs" --include="$packages" --customize-hook="$image/customize.sh"
  mv -T "$work/rootfs" "$target"
}

main() {
  [ "$(id -u)" = 0 ] || { echo "lab/image/build.sh: must run as root" >&2; exit 1; }
  mkdir -p "$cache"
  local target
  target=$cache/$(hash_of_image)
  if [ ! -d "$target" ]; then
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$target" ]; then
      echo "building the lab machines' root file system (about a minute)" >&2
      build "$target"
    fi
  fi
  echo "$target"
}

main
