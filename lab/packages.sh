#!/usr/bin/env bash
# Fetches packages that the lab's machines do not have from the start: lab/packages.sh SYSTEM PACKAGE...
#
# Prints the paths of their .deb files, and of those that they need beside what a machine of SYSTEM (trixie, bookworm) has. They are
# kept in the user's cache, for as long as the machines' root file system stays what it is.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$lab_source/debian.sh"
. "$lab_source/apt.sh"

# download TARGET PACKAGE...: appears complete or not at all.
download() {
  local target=$1 work apart apt
  shift
  work=$(mktemp -d "$cache/.work.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  apt_in "$work" "$root/etc/apt/sources.list"
  apt=(apt-get -qq "${apart[@]}" -o "Dir::Etc::trustedparts=/usr/share/keyrings" -o "Dir::State::status=$root/var/lib/dpkg/status")
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
