#!/usr/bin/env bash
# Lays out the programs as their upstreams publish them: lab/artifacts/mirror.sh
#
# .lab/artifacts/mirror then holds `<upstream host>/<upstream path>`, and .lab/artifacts/sha256.json every file's
# checksum by that path. UPGRADES in the environment, a list such as `v1.35.4 v1.36.4=v1.36.3 etcd-v3.7.3 containerd-v2.3.7`, names
# versions of Kubernetes, etcd and flannel beside those of the lab, and of containerd and runc, which it has of Debian: built of
# their own module, or another's programs that only call themselves so.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/recipes.sh"

# place MIRROR PROGRAM PATH: serves a program under an upstream's path. Hard links: nothing is copied.
place() {
  mkdir -p "$1/${3%/*}"
  ln "$programs_folder/$2" "$1/$3"
}

# renamed FILE OF VERSION TARGET: a program of the version OF that calls itself VERSION.
renamed() {
  [ ${#3} -eq ${#2} ] || die "$3 is not as long as $2" "a program has room for as many letters"
  LC_ALL=C sed "s/${2//./\\.}/$3/g" "$1" >"$4"
  chmod 755 "$4"
}

# other_version MIRROR VERSION[=VERSION]: the programs of a further version of Kubernetes.
other_version() {
  local version=${2%=*} of=${2#*=} component program
  program=$programs_folder/kubelet
  [ "$of" = "$(pinned kubernetes k8s.io/kubernetes)" ] || program=$(KUBERNETES=$of "$artifacts_source/build.sh" --print kubernetes)/kubernetes
  if [ "$version" != "$of" ]; then
    renamed "$program" "$of" "$version" "$1.kubernetes"
    program=$1.kubernetes
  fi
  for component in "${kubernetes_components[@]}"; do
    mkdir -p "$1/dl.k8s.io/release/$version/bin/linux/$arch"
    ln "$program" "$1/dl.k8s.io/release/$version/bin/linux/$arch/$component"
  done
  rm -f "$1.kubernetes"
}

# other_etcd MIRROR VERSION[=VERSION]: a further version of etcd.
other_etcd() {
  local version=${2%=*} of=${2#*=} from=$programs_folder program
  [ "$of" = "$(pinned etcd go.etcd.io/etcd/server/v3)" ] || from=$(ETCD=$of "$artifacts_source/build.sh" --print etcd)
  if [ "$version" != "$of" ]; then
    mkdir "$1.etcd"
    for program in etcd etcdctl etcdutl; do renamed "$from/$program" "${of#v}" "${version#v}" "$1.etcd/$program"; done
    from=$1.etcd
  fi
  etcd_archive "$1" "$version" "$from"
  rm -rf "$1.etcd"
}

# other_flannel MIRROR VERSION=VERSION: the lab's flannel under another version.
other_flannel() {
  local folder=$1/github.com/flannel-io/flannel/releases/download/${2%=*}
  mkdir -p "$folder"
  renamed "$programs_folder/flanneld" "${2#*=v}" "$(sed 's/^v//; s/=.*//' <<<"$2")" "$folder/flanneld-$arch"
}

# other_containerd MIRROR VERSION: the archive that its releases consist of.
other_containerd() {
  local programs folder=$1/github.com/containerd/containerd/releases/download/$2
  programs=$(CONTAINERD=$2 "$artifacts_source/build.sh" --print containerd)
  mkdir -p "$folder"
  tar -C "$programs" --transform="s,^,bin/," --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --format=gnu -cf - containerd containerd-shim-runc-v2 ctr | gzip -n -1 >"$folder/containerd-${2#v}-linux-$arch.tar.gz"
}

# other_runc MIRROR VERSION
other_runc() {
  local programs folder=$1/github.com/opencontainers/runc/releases/download/$2
  "$lab_source/requirements.sh" libseccomp-dev pkg-config
  programs=$(RUNC=$2 "$artifacts_source/build.sh" --print runc)
  mkdir -p "$folder"
  ln "$programs/runc" "$folder/runc.$arch"
}

# etcd_archive MIRROR VERSION PROGRAMS: the archive that etcd's releases consist of.
etcd_archive() {
  local version=$2 name folder
  name=etcd-$version-linux-$arch
  folder=$1/github.com/etcd-io/etcd/releases/download/$version
  mkdir -p "$folder"
  tar -C "$3" --transform="s,^,$name/," --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --format=gnu -cf - etcd etcdctl etcdutl | gzip -n -1 >"$folder/$name.tar.gz"
}

# calico_manifest MIRROR VERSION: the lab's stand-in for Calico's, which is in no registry of programs.
calico_manifest() {
  local folder=$1/raw.githubusercontent.com/projectcalico/calico/$2/manifests
  mkdir -p "$folder"
  sed "s/@VERSION@/$2/g" "$calico" >"$folder/calico.yaml"
}

# lay_out TARGET: appears complete or not at all.
lay_out() {
  local work version component
  work=$(mktemp -d "$cache/mirror/.build.XXXXXX")
  version=$(pinned kubernetes k8s.io/kubernetes)
  for component in "${kubernetes_components[@]}"; do
    place "$work/files" "$component" "dl.k8s.io/release/$version/bin/linux/$arch/$component"
  done
  version=$(pinned flannel github.com/flannel-io/flannel)
  place "$work/files" flanneld "github.com/flannel-io/flannel/releases/download/$version/flanneld-$arch"
  etcd_archive "$work/files" "$(pinned etcd go.etcd.io/etcd/server/v3)" "$programs_folder"
  for version in v3.32.0 v3.32.1; do calico_manifest "$work/files" "$version"; done
  for version in ${UPGRADES-}; do
    case $version in
      etcd-*) other_etcd "$work/files" "${version#etcd-}" ;;
      containerd-*) other_containerd "$work/files" "${version#containerd-}" ;;
      runc-*) other_runc "$work/files" "${version#runc-}" ;;
      flannel-*) other_flannel "$work/files" "${version#flannel-}" ;;
      *) other_version "$work/files" "$version" ;;
    esac
  done
  (cd "$work/files" && find . -type f -printf '%P\0' | sort -z | xargs -0 -P "$(nproc)" -n 1 sha256sum) |
    jq -Rn '[inputs | capture("^(?<value>[0-9a-f]{64})  (?<key>.+)$")] | sort_by(.key) | from_entries' >"$work/sha256.json"
  mv -T "$work" "$1"
}

main() {
  local target calico=$artifacts_source/calico/stand-in.yaml
  mkdir -p "$cache/mirror" "$lab/artifacts"
  exec 9>"$cache/mirror/.lock"
  flock 9
  rm -rf "$cache"/mirror/.build.*
  programs_folder=$("$artifacts_source/build.sh" --print)
  target=$cache/mirror/$(key_of "$arch $programs_folder ${UPGRADES-}" "${BASH_SOURCE[0]}" "$calico")
  [ -d "$target" ] || lay_out "$target"
  ln -sfn "$target/files" "$lab/artifacts/mirror"
  cmp --quiet "$target/sha256.json" "$lab/artifacts/sha256.json" || install -m 644 "$target/sha256.json" "$lab/artifacts/sha256.json"
}

main
