#!/usr/bin/env bash
# Fetches packages that the lab's machines do not have from the start: lab/packages.sh SYSTEM PACKAGE...
#
# Prints the paths of their .deb files, and of those that they need beside what a machine of SYSTEM (trixie, bookworm) has. They are
# kept in the user's cache, for as long as the machines' root file system stays what it is.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$lab_source/debian.sh"

# download TARGET PACKAGE...: appears complete or not at all.
download() {
  local target=$1 work apt
  shift
  work=$(mktemp -d "$cache/.work.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  mkdir -p "$work/lists" "$work/cache/archives/partial"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$root/etc/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::Etc::trustedparts=/usr/share/keyrings" -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$root/var/lib/dpkg/status"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2 || die "apt-get update failed" "see above"
  "${apt[@]}" install --yes --download-only --no-install-recommends "$@" >&2 || die "apt cannot fetch $*" "see above"
  rm -rf "$work/cache/archives"/{partial,lock}
  mv -T "$work/cache/archives" "$target"
}

main() {
  local root target
  [ $# -ge 2 ] || die "no packages given" "lab/packages.sh SYSTEM PACKAGE..."
  root=$("$lab_source/image/build.sh" "$1")
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/packages
  target=$cache/${root##*/}-$(printf '%s\n' "${@:2}" | sort -u | sha256sum | cut -c1-12)
  mkdir -p "$cache"
  [ -d "$target" ] || download "$target" "${@:2}"
  printf '%s\n' "$target"/*.deb
}

main "$@"
