#!/usr/bin/env bash
# Makes the images that Kubernetes' own end-to-end tests run: lab/artifacts/conformance.sh [--print]
#
# They stand under the names that `e2e.test --list-images` tells. Upstream's are of Alpine; these are of Debian and have
# the same programs. Prints as images.sh does.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/layout.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../debian.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../apt.sh"

suite=trixie

# The functions below fill a root file system, $1, and print the image's `config` object.

# Of upstream's source, which Debian keeps beside its own changes: with those, its shell drops variables with a dash in
# their name and its wget takes no -T.
make_busybox() {
  local work=$1.busybox apart apt
  apt_in "$work" "$work/sources"
  apt=(apt-get -qq "${apart[@]}")
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror_of Debian http://deb.debian.org/debian) $suite main" >"$work/sources"
  (cd "$work" && "${apt[@]}" update && "${apt[@]}" source --download-only busybox && tar -xjf busybox_*.orig.tar.bz2 --strip-components=1) >&2 ||
    die "apt cannot fetch the source of busybox" "see above"
  # Headers of Linux 6.8 and later lack what its tc asks for.
  if ! (cd "$work" && make defconfig &&
    sed -i 's/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/; s/^CONFIG_TC=y/# CONFIG_TC is not set/' .config &&
    make oldconfig </dev/null && make -j"$(nproc)" busybox) >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    die "cannot build busybox" "make's words stand above"
  fi
  fill_busybox "$1" "$work/busybox"
}

# Also what the images `alike` need: nginx as upstream's image has it, a page, and a program that becomes root.
make_agnhost() {
  local applet
  # shellcheck disable=SC2016 # expanded by mmdebstrap's shell
  bootstrap "$suite" "$1" --include=bind9-dnsutils,curl,iperf,iproute2,netcat-openbsd,nginx \
    --customize-hook='chroot "$1" useradd --uid 1000 --user-group --create-home user-defined-in-image' \
    --customize-hook='chroot "$1" groupadd --gid 50000 --users user-defined-in-image group-defined-in-image'
  rm -rf "${1:?}"/{dev,etc/apt,var/cache,var/lib/apt}/*
  rm -f "$1"/etc/{hostname,resolv.conf}
  ln -sf bash "$1/usr/bin/sh"
  # As in Alpine, busybox stands in for what is not there.
  tar -xzf "$(layer_of "${images[-1]##* }")" -C "$1/usr" ./bin/busybox
  for applet in $("$1/usr/bin/busybox" --list); do
    [ -n "$(find "$1/usr/bin" "$1/usr/sbin" -name "$applet")" ] || ln -s busybox "$1/usr/bin/$applet"
  done
  install -m 755 "$programs_folder/agnhost" "$1/agnhost"
  ln -s agnhost "$1/agnhost-2"
  mkdir "$1/uploads"
  install -m 644 "$upstream"/agnhost/porter/localhost.{crt,key} "$upstream"/nautilus/html/{data.json,nautilus.jpg} "$1/"
  install -m 4755 "$programs_folder/nnp" "$1/usr/local/bin/nnp"
  printf 'server {\n  listen 80;\n  root /usr/share/nginx/html;\n}\n' >"$1/etc/nginx/sites-enabled/default"
  echo "$agnhost"
}

make_sample() {
  install -m 755 "$programs_folder/kube-sample-apiserver" "$1/"
  mkdir -m 1777 "$1/tmp"
  echo '{ "Entrypoint": ["/kube-sample-apiserver"] }'
}

make_etcd() {
  mkdir -p "$1/usr/local/bin"
  install -m 755 "$etcd/etcd" "$1/usr/local/bin/"
  echo '{ "Env": ["PATH=/usr/local/bin"] }'
}

# tags NAME: the versions that the tests ask for, the newest last.
tags() { sed -n "s,^registry.k8s.io/$1:,,p" <<<"$wanted"; }
newest() { tags "$1" | tail -n 1; }

# also NAME CONFIG: images with the files of the one made last, one for every version of NAME.
also() {
  local version
  for version in $(tags "$tests/$1"); do
    [[ "${images[*]}" == *"$tests/$1:$version "* ]] || alike "$tests/$1:$version" "$2"
  done
}

main() {
  local images pause programs_folder wanted upstream etcd agnhost tests=e2e-test-images
  pause=$("$artifacts_source/images.sh" --print | grep '^pause:')
  programs_folder=$("$artifacts_source/build.sh" --print conformance)
  etcd=$("$artifacts_source/build.sh" --print etcd)
  wanted=$("$programs_folder/e2e.test" --list-images | sort -V)
  upstream=$(cd "$artifacts_source/conformance" && GOWORK=off GOFLAGS='' go mod download -json k8s.io/kubernetes | jq -r .Dir)/test/images
  agnhost='{ "Entrypoint": ["/agnhost"], "Cmd": ["pause"] }'
  begin_images
  images=("$pause")
  alike "pause:$(newest pause)" '{ "User": "65535:65535", "Entrypoint": ["/pause"] }'
  image sample "$tests/sample-apiserver:$(newest $tests/sample-apiserver)" "$programs_folder"
  image etcd "etcd:$(newest etcd)" "$etcd"
  image busybox "$tests/busybox:$(newest $tests/busybox)" "$suite"
  image agnhost "$tests/agnhost:$(newest $tests/agnhost)" "$suite $programs_folder"
  also agnhost "$agnhost"
  also kitten '{ "Entrypoint": ["/agnhost"], "Cmd": ["test-webserver"] }'
  also nautilus '{ "Entrypoint": ["/agnhost"], "Cmd": ["test-webserver"] }'
  also nginx '{ "Cmd": ["nginx", "-g", "daemon off;"] }'
  also nonewprivs '{ "Cmd": ["/usr/local/bin/nnp"] }'
  also nonroot '{ "User": "1234" }'
  also glibc-dns-testing '{}'
  print_images "$@"
}

main "$@"
