#!/usr/bin/env bash
# Makes the container images the lab runs, without a container engine: lab/artifacts/images.sh [--print]
#
# Each becomes an OCI layout in the cache, the same to the byte for the same inputs. With --print, writes a line
# `repository:tag digest folder` for every image. With POLICIES in the environment there is kube-network-policies', too, whose
# program takes minutes to build.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/layout.sh"

# What the product asks for by default.
pause_version=3.10.1

# The functions below fill a root file system, $1, and print the image's `config` object.

make_pause() {
  local kubernetes
  # Upstream's own source, which the module ships; fetched again if Go's module cache has lost it.
  kubernetes=$(cd "$(module_of kubernetes)" && GOWORK=off GOFLAGS='' go mod download -json k8s.io/kubernetes | jq -r .Dir)
  gcc -Os -s -static -DVERSION="v$pause_version" -o "$1/pause" "$kubernetes/build/pause/linux/pause.c"
  echo '{ "User": "65535:65535", "Entrypoint": ["/pause"] }'
}

make_coredns() {
  install -m 755 "$programs_folder/coredns" "$1/coredns"
  # Upstream's image runs as nobody, too: port 53 is opened by the file's capability.
  setcap cap_net_bind_service=+ep "$1/coredns"
  echo '{ "User": "65532:65532", "WorkingDir": "/", "Entrypoint": ["/coredns"], "ExposedPorts": { "53/tcp": {}, "53/udp": {} } }'
}

make_policies() {
  install -D -m 755 "$policies_folder/kube-network-policies" "$1/bin/netpol"
  echo '{ "Cmd": ["/bin/netpol"] }'
}

# Taken out of Debian's package, not installed from it: the package would push out the machine's own busybox.
make_busybox() {
  local package=$1.package binary
  mkdir "$package"
  (cd "$package" && apt-get -qq -o APT::Sandbox::User=root download busybox-static >&2) ||
    die "apt cannot fetch the package busybox-static" "apt-get update"
  dpkg-deb -x "$package"/*.deb "$package/files"
  # Debian 13 moved it.
  binary=$package/files/bin/busybox
  [ -e "$binary" ] || binary=$package/files/usr/bin/busybox
  fill_busybox "$1" "$binary"
}

main() {
  local images=() programs_folder policies_folder kubernetes coredns policies
  begin_images
  programs_folder=$("$artifacts_source/build.sh" --print)
  kubernetes=$(pinned kubernetes k8s.io/kubernetes)
  coredns=$(pinned coredns github.com/coredns/coredns)
  recipe coredns
  image pause "pause:$pause_version" "$kubernetes"
  image coredns "coredns/coredns:$coredns" "$(built_folder coredns)"
  image busybox library/busybox:1 ''
  if [ -n "${POLICIES-}" ]; then
    policies_folder=$("$artifacts_source/build.sh" --print kube-network-policies)
    policies=$(pinned kube-network-policies sigs.k8s.io/kube-network-policies)
    image policies "networking/kube-network-policies:$policies" "$policies_folder"
  fi
  print_images "$@"
}

main "$@"
