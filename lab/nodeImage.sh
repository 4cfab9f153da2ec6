#!/usr/bin/env bash
# Builds the image of a node as users do, by mkosi from what `npm run image` writes, and makes lab machines' root file system
# of it: lab/nodeImage.sh ROLE FILE prints its path. Machines have it by SYSTEMS="worker-01=image-worker".
#
# It needs Debian's archive; the programs come from the lab's mirror, which lab/artifacts/mirror.sh has laid out. The result is
# kept in the user's cache, by a hash of what it is made of.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$lab_source/debian.sh"
. "$lab_source/disk.sh"

role=${1:?no role} file=${2:?no cluster file}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/nodeImages
tools=$cache/tools
# Where this machine serves the programs to the build alone.
port=18443

# make_tools: a Debian 13 that has mkosi: this machine's may be too old.
make_tools() {
  [ ! -d "$tools" ] || return 0
  echo "building a system with mkosi (about a minute)" >&2
  rm -rf --one-file-system "$tools.new"
  bootstrap trixie "$tools.new" --include=mkosi,apt,ca-certificates,cpio,debian-archive-keyring,dosfstools,e2fsprogs,kmod,mtools,python3-pefile,systemd,systemd-boot,systemd-repart,systemd-ukify,zstd
  mv -T "$tools.new" "$tools"
}

# write_recipe FOLDER: what `npm run image` writes for the cluster file as the lab has it, with the programs from here.
write_recipe() {
  local site=$1.site name
  mkdir -p "$site/ssh" "$1"
  ln -sfn "$lab/artifacts" "$site/artifacts"
  ssh-keygen -q -t ed25519 -N '' -f "$site/ssh/id_ed25519"
  "$repo/node_modules/.bin/node" --disable-warning=ExperimentalWarning --disable-warning=MODULE_TYPELESS_PACKAGE_JSON \
    "$lab_source/clusterFile.ts" machines "$file" | while read -r name _; do
    mkdir -p "$site/nodes/$name"
    ssh-keygen -q -t ed25519 -N '' -f "$site/nodes/$name/ssh_host_ed25519_key"
  done
  "$repo/node_modules/.bin/node" --disable-warning=ExperimentalWarning --disable-warning=MODULE_TYPELESS_PACKAGE_JSON \
    "$lab_source/clusterFile.ts" write "$file" "$site"
  sed -i "s#base_url: https://$gateway:8443#base_url: http://127.0.0.1:$port#" "$site/cluster.yaml"
  (cd "$repo" && npm run --silent image -- "$1" --role "$role" --file "$site/cluster.yaml" >&2)
}

# describe_archive FOLDER: how this machine reaches Debian's archive, for mkosi's apt.
describe_archive() {
  local apt=$1/mkosi.sandbox/etc/apt debian security
  debian=$(mirror_of Debian http://deb.debian.org/debian)
  security=$(mirror_of Debian-Security http://deb.debian.org/debian-security)
  mkdir -p "$apt/apt.conf.d" "$apt/sources.list.d"
  host_apt_options "$apt/apt.conf.d/99host"
  cat >"$apt/sources.list.d/mkosi.sources" <<END
Types: deb
URIs: $debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
}

# in_tools FOLDER COMMAND...: with the folder at /work. No mount and no process outlives it.
in_tools() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --propagation slave --pid --fork --kill-child bash -c '
    set -eu
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
    folder=$1 tools=$2
    shift 2
    exec systemd-nspawn --quiet --directory="$tools" --register=no --keep-unit --console=pipe --resolv-conf=copy-host --settings=no \
      --capability=all --system-call-filter=@known --bind="$folder:/work" --setenv=HOME=/root --chdir=/work "$@"' \
    bash "$1" "$tools" "${@:2}" </dev/null >&2
}

# fit_lab ROOT: what lab machines have in common with no real site; what an image starts goes on starting.
fit_lab() {
  local root=$1 systemd_cgroup=false restrict=false
  "$lab_source/image/customize.sh" "$root"
  # What keeps the lab's machines from a network of its own, and from names that nobody knows.
  chroot "$root" systemctl --quiet mask systemd-resolved.service systemd-networkd-wait-online.service
  chroot "$root" systemctl --quiet enable containerd.service groundwork-metrics.timer groundwork-console.service
  # As the prepare step finds lab machines to be.
  [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] || systemd_cgroup=true
  choom -n -1 -- true 2>/dev/null || restrict=true
  sed -i "s/SystemdCgroup = .*/SystemdCgroup = $systemd_cgroup/; s/restrict_oom_score_adj = .*/restrict_oom_score_adj = $restrict/" "$root/etc/containerd/config.toml"
}

build() {
  local target=$1 recipe=$2 server rc=0
  make_tools
  mkdir -p "$tools/var/cache/images/$role"
  describe_archive "$recipe"
  python3 -m http.server --bind 127.0.0.1 --directory "$lab/artifacts/mirror" $port >/dev/null 2>&1 &
  server=$!
  echo "building the image of a $role by mkosi (a few minutes)" >&2
  # What it has of packages is kept: only what the program does is done anew.
  in_tools "$recipe" mkosi --format directory --bootable=no --output "$role" --incremental=yes --cache-directory="/var/cache/images/$role" --force build || rc=$?
  kill $server
  [ $rc = 0 ] || die "mkosi could not build the image of a $role" "see above"
  fit_lab "$recipe/$role"
  rm -rf --one-file-system "$target.new"
  mv -T "$recipe/$role" "$target.new"
  mv -T "$target.new" "$target"
}

main() {
  local work key
  require_root
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  "$lab_source/artifacts/mirror.sh"
  "$lab_source/artifacts/images.sh" --print | awk '{ print "{\"" $1 "\": \"" $2 "\"}" }' | jq -s add >"$lab/artifacts/images.json"
  work=$(mktemp -d "$cache/build.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf --one-file-system '$work'" EXIT
  write_recipe "$work/recipe"
  key=$({ sha256sum <"${BASH_SOURCE[0]}"; find "$lab_source/image" -type f -exec sha256sum {} + | sort; sha256sum "$work/recipe"/*; } | sed "s#$work/##" | sha256sum | cut -c1-16)
  [ -d "$cache/$role-$key" ] || build "$cache/$role-$key" "$work/recipe"
  ln -sfn "$role-$key" "$cache/$role"
  rootfs_of "image-$role"
}

main
