#!/usr/bin/env bash
# Builds the lab machines' root file system and prints its path.
#
# The result is keyed by a hash of this directory and kept in the user's cache, so that it is built
# once for all clones and again as soon as a package or a drop-in changes.
set -euo pipefail

image=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/rootfs
suite=trixie

# hash_of_image: names, modes and contents of everything in this directory.
hash_of_image() {
  (cd "$image" && find . -type f -printf '%P %m\n' | LC_ALL=C sort | while read -r path mode; do
    printf '%s %s ' "$path" "$mode"
    sha256sum <"$path"
  done) | sha256sum | cut -c1-16
}

# mirror_of LABEL DEFAULT: the mirror this machine's own apt uses for Debian's archive LABEL.
mirror_of() {
  local found
  # shellcheck disable=SC2016 # the placeholders are apt's, not the shell's
  found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    awk -v label="$1" '$1 == label && $2 ~ /^https?:/ { print $2; exit }')
  echo "${found:-$2}"
}

# host_apt_options FILE: what this machine's apt needs to reach its mirror (proxies, date checks), in FILE.
host_apt_options() {
  apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries|ForceIPv[46])\b' >"$1" || true
}

build() {
  local target=$1 work
  work=$(mktemp -d "$cache/build.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  host_apt_options "$work/apt.conf"
  local debian security packages keyring=()
  debian=$(mirror_of Debian http://deb.debian.org/debian)
  security=$(mirror_of Debian-Security http://deb.debian.org/debian-security)
  packages=$(sed -E 's/#.*//; /^\s*$/d' "$image/packages" | paste -sd,)
  [ ! -d /usr/share/keyrings ] || keyring=(--keyring=/usr/share/keyrings)

  mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" "${keyring[@]}" \
    --aptopt="$work/apt.conf" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="$image/customize.sh" \
    "$suite" "$work/rootfs" \
    "deb $debian $suite main" "deb $debian $suite-updates main" "deb $security $suite-security main" >&2
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
