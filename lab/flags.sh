#!/usr/bin/env bash
# Asks real distributions for what nodes' scripts ask of them, and writes test/unit/fixtures/flags.tsv: lab/flags.sh
#
# Each is installed anew from Debian's archive and asked by lab/flags.py. Debian 12 and 13 are those the product runs on; 11
# and sid are here because the versions of Ubuntu 22.04 and 24.04, which no lab can have without Ubuntu's archive, lie between
# theirs. To be run when a test says that scripts ask for more than the file has: some minutes, and one when it is run again.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$lab_source/debian.sh"
. "$lab_source/apt.sh"

declare -A systems=([bullseye]=debian-11 [bookworm]=debian-12 [trixie]=debian-13 [sid]=debian-sid)
table=$repo/test/unit/fixtures/flags.tsv

# available SUITE PACKAGE...: those that the suite has, separated by commas.
available() {
  local folder=$work/apt apart
  apt_in "$folder" "$folder/sources"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror_of Debian http://deb.debian.org/debian) $1 main" >"$folder/sources"
  apt-get -qq "${apart[@]}" update >&2
  { apt-cache "${apart[@]}" show "${@:2}" 2>/dev/null || true; } | sed -n 's/^Package: //p' | sort -u | paste -sd,
}

# inside ROOT COMMAND...: without a network, and with a kernel that takes no settings.
inside() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --net --pid --fork bash -euc 'mount -t proc -o ro proc "$1/proc"; mount -t sysfs -o ro sysfs "$1/sys"; chroot "$@"' - "$@"
}

# ask SUITE: `lacks` of it, and its line of versions in $work/versions.
ask() {
  local packages root
  # shellcheck disable=SC2046 # a list
  packages=$(available "$1" $(sed -n 's/^package //p' "$work/asked") $(sed -E 's/#.*//' "$lab_source/image/packages") ifupdown netplan.io wget)
  root=$cache/$1-$(echo "$packages" | sha256sum | cut -c1-12)
  if [ ! -d "$root" ]; then
    echo "installing $1" >&2
    bootstrap "$1" "$work/root" --include="$packages"
    rm -rf --one-file-system "$cache/$1"-*
    mv -T "$work/root" "$root"
  fi
  cp "$lab_source/flags.py" "$repo/steps/control-plane/judge.py" "$repo/test/unit/fixtures/kubelet.csr" "$root/root/"
  inside "$root" python3 /root/flags.py <"$work/asked" >"$work/lacks-$1"
  # shellcheck disable=SC2016 # dpkg-query expands it
  printf '# %s: %s\n' "${systems[$1]}" "$(chroot "$root" dpkg-query --showformat='${Package} ${Version}\n' --show \
    apt ceph-common containerd coreutils curl diffutils dpkg findutils haproxy iproute2 iptables jq keepalived kmod lvm2 nftables openssl passwd \
    procps python3 systemd tar util-linux wget | paste -sd, | sed 's/,/, /g')" >>"$work/versions"
}

main() {
  local suite line
  require_root
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/flags
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.work.XXXXXX")
  # shellcheck disable=SC2064 # expanded now
  trap "rm -rf --one-file-system '$work'" EXIT
  "$repo/node_modules/.bin/node" -r ts-node/register "$repo/test/unit/commands.ts" >"$work/asked"
  for suite in bullseye bookworm trixie sid; do ask "$suite"; done
  {
    printf '# Written by lab/flags.sh: what nodes ask of their distribution, and which of these lack it.\n'
    cat "$work/versions"
    while IFS= read -r line; do
      printf '%s\t' "$line"
      for suite in bullseye bookworm trixie sid; do
        ! grep -qxF -e "$line" "$work/lacks-$suite" || echo "${systems[$suite]}"
      done | paste -sd' '
    done <"$work/asked"
  } >"$table.new"
  mv "$table.new" "$table"
}

main
