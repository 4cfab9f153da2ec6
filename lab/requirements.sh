#!/usr/bin/env bash
# Installs what the lab needs on this machine, if it is missing: Debian packages and the Node.js modules; and further packages
# that are named: lab/requirements.sh [PACKAGE...]
#
# Services that come with the packages are neither started nor enabled: the lab runs its own, on its own bridge.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(
  # machines
  systemd-container mmdebstrap debian-archive-keyring iproute2 nftables kmod procps openssh-client
  # artifacts, mirror and registry
  gcc libc6-dev libcap2-bin nginx docker-registry skopeo jq curl openssl ca-certificates gpg gpg-agent
  # development
  make shellcheck shfmt socat python3 python3-cryptography python3-yaml openssh-server sudo
)
# Packages above whose installation enables a unit, and that unit.
declare -A services=([nginx]=nginx [docker-registry]=docker-registry [openssh-server]=ssh)

go_hint="install Go 1.21 or newer, e.g. from https://go.dev/dl, and have its bin folder in root's PATH"

policy=/usr/sbin/policy-rc.d
# A policy of the machine's own, set aside while packages are installed.
kept_policy=$policy.groundwork

# missing_packages: those not installed, one a line.
missing_packages() {
  dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    awk -v wanted="${packages[*]}" '
      $1 == "installed" { have[$2] }
      END { count = split(wanted, names, " "); for (i = 1; i <= count; i++) if (!(names[i] in have)) print names[i] }'
}

restore_policy() {
  if [ -e "$kept_policy" ]; then
    mv "$kept_policy" "$policy"
  elif grep -qs "written by groundwork" "$policy"; then
    rm "$policy"
  fi
}

# forbid_services: no package's script starts a service until restore_policy.
forbid_services() {
  restore_policy # of a run that was killed
  [ ! -e "$policy" ] || mv "$policy" "$kept_policy"
  trap restore_policy EXIT
  printf '#!/bin/sh\n# written by groundwork: lab/requirements.sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

install_packages() {
  local package
  command -v apt-get >/dev/null || die "this machine has no apt-get to install packages with" "install by hand: $*"
  require_root
  echo "installing $*" >&2
  forbid_services
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update >&2 || die "apt-get update failed" "see above"
  apt-get -qq install --yes --no-install-recommends "$@" >&2 || die "apt-get cannot install: $*" "see above"
  restore_policy
  for package in "${!services[@]}"; do
    if [[ " $* " == *" $package "* ]] && command -v systemctl >/dev/null; then
      systemctl --quiet disable "${services[$package]}" 2>/dev/null || true
    fi
  done
}

# want_go: adds the distribution's Go to the packages if this machine has none. From 1.21 on (Debian 13) it fetches the
# release that go.mod asks for.
want_go() {
  local candidate
  ! command -v go >/dev/null || return 0
  apt-get -qq update >&2 || die "apt-get update failed" "see above"
  candidate=$(apt-cache policy golang-go | awk '$1 == "Candidate:" { print $2 }')
  dpkg --compare-versions "$candidate" ge 2:1.21 || die "there is no Go in PATH, and this distribution's is too old (golang-go $candidate)" "$go_hint"
  packages+=(golang-go)
}

check_go() {
  local version
  version=$(go env GOVERSION)
  dpkg --compare-versions "${version#go}" ge 1.21 || die "$(command -v go) is ${version:-too old}" "$go_hint"
}

# install_modules: Node.js modules as package-lock.json has them. No package's script runs but that of `node`, which
# fetches Node.js itself.
install_modules() {
  local stamp=$repo/node_modules/.installed lock_sum
  lock_sum=$(sha256sum <"$repo/package-lock.json")
  [ "$(cat "$stamp" 2>/dev/null)" != "$lock_sum" ] || return 0
  echo "installing the Node.js modules of package-lock.json" >&2
  (cd "$repo" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 &&
    npm rebuild node --ignore-scripts=false --loglevel=error >&2) || die "npm cannot install the modules" "see above"
  "$repo/node_modules/.bin/node" --version >/dev/null || die "the installed Node.js does not run" "remove node_modules and run again"
  echo "$lock_sum" >"$stamp"
}

main() {
  local missing
  packages+=("$@")
  # The distribution's npm only fetches the modules, among them the Node.js that the project runs on.
  command -v npm >/dev/null || packages+=(nodejs npm)
  want_go
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" = 0 ] || install_packages "${missing[@]}"
  check_go
  install_modules
}

main "$@"
