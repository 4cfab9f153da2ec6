#!/usr/bin/env bash
# Makes the container images the lab runs, without a container engine: lab/artifacts/images.sh [--print]
#
# Each becomes an OCI layout in the cache, the same to the byte for the same inputs. With --print, writes a line
# `repository:tag digest folder` for every image.
set -euo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/recipes.sh"

# What the product asks for by default.
pause_version=3.10.1

# add_blob FOLDER FILE: moves the file into the layout under its digest, which it prints.
add_blob() {
  local sum
  sum=$(sha256sum <"$2" | cut -d' ' -f1)
  mv "$2" "$1/blobs/sha256/$sum"
  echo "$sum"
}

# write_layout ROOT LAYOUT CONFIG: an image of one layer, ROOT, with the given `config` object (JSON).
write_layout() {
  local root=$1 layout=$2 tar=$2.tar file=$2.json diff layer layer_size config config_size manifest manifest_size
  mkdir -p "$layout/blobs/sha256"
  # A file's capabilities travel in an extended attribute. All that differs between two runs is left out.
  tar -C "$root" --format=pax --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    --xattrs --xattrs-include=security.capability -cf "$tar" .
  diff=$(sha256sum <"$tar" | cut -d' ' -f1)
  gzip -n -1 "$tar"
  layer_size=$(stat -c %s "$tar.gz")
  layer=$(add_blob "$layout" "$tar.gz")

  jq -cn --arg arch "$arch" --arg diff "sha256:$diff" --argjson config "$3" '{
    created: "1970-01-01T00:00:00Z", architecture: $arch, os: "linux", config: $config,
    rootfs: { type: "layers", diff_ids: [$diff] }
  }' >"$file"
  config_size=$(stat -c %s "$file")
  config=$(add_blob "$layout" "$file")

  jq -cn --arg config "sha256:$config" --argjson config_size "$config_size" \
    --arg layer "sha256:$layer" --argjson layer_size "$layer_size" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size }]
  }' >"$file"
  manifest_size=$(stat -c %s "$file")
  manifest=$(add_blob "$layout" "$file")

  jq -cn --arg digest "sha256:$manifest" --argjson size "$manifest_size" '{
    schemaVersion: 2,
    manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size }]
  }' >"$layout/index.json"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
}

# The functions below fill a root file system, $1, and print the image's `config` object.

make_pause() {
  local kubernetes
  # Upstream's own source, which the module ships; fetched again if Go's module cache has lost it.
  kubernetes=$(cd "$artifacts_source/kubernetes" && GOWORK=off GOFLAGS='' go mod download -json k8s.io/kubernetes | jq -r .Dir)
  gcc -Os -s -static -DVERSION="v$pause_version" -o "$1/pause" "$kubernetes/build/pause/linux/pause.c"
  echo '{ "User": "65535:65535", "Entrypoint": ["/pause"] }'
}

make_coredns() {
  install -m 755 "$programs_folder/coredns" "$1/coredns"
  # Upstream's image runs as nobody, too: port 53 is opened by the file's capability.
  setcap cap_net_bind_service=+ep "$1/coredns"
  echo '{ "User": "65532:65532", "WorkingDir": "/", "Entrypoint": ["/coredns"], "ExposedPorts": { "53/tcp": {}, "53/udp": {} } }'
}

# Taken out of Debian's package, not installed from it: the package would push out the machine's own busybox.
make_busybox() {
  local package=$1.package binary applet
  mkdir "$package"
  (cd "$package" && apt-get -qq -o APT::Sandbox::User=root download busybox-static >&2) ||
    die "apt cannot fetch the package busybox-static" "apt-get update"
  dpkg-deb -x "$package"/*.deb "$package/files"
  mkdir -p "$1"/{bin,etc,root,tmp,var/www}
  chmod 1777 "$1/tmp"
  # Debian 13 moved it.
  binary=$package/files/bin/busybox
  [ -e "$binary" ] || binary=$package/files/usr/bin/busybox
  install -m 755 "$binary" "$1/bin/busybox"
  for applet in $("$1/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  echo "root:x:0:0:root:/root:/bin/sh" >"$1/etc/passwd"
  echo "root:x:0:" >"$1/etc/group"
  echo '{ "Cmd": ["sh"], "Env": ["PATH=/bin"] }'
}

# image NAME REFERENCE INPUTS: makes the image unless the cache has it, and prints its line.
image() {
  local name=$1 target work config
  target=$cache/images/$1-$(key_of "$arch $2 $3" "${BASH_SOURCE[0]}")
  if [ ! -d "$target" ]; then
    echo "making the image $2" >&2
    work=$(mktemp -d "$cache/images/.build.XXXXXX")
    mkdir -m 755 "$work/root"
    config=$("make_$name" "$work/root")
    write_layout "$work/root" "$work/layout" "$config"
    mv -T "$work/layout" "$target"
    rm -rf "$work"
  fi
  images+=("$2 $(jq -r '.manifests[0].digest' "$target/index.json") $target")
}

main() {
  local images=() kubernetes coredns
  mkdir -p "$cache/images"
  exec 9>"$cache/images/.lock"
  flock 9
  rm -rf "$cache"/images/.build.*
  programs_folder=$("$artifacts_source/build.sh" --print)
  kubernetes=$(pinned kubernetes k8s.io/kubernetes)
  coredns=$(pinned coredns github.com/coredns/coredns)
  recipe coredns
  image pause "pause:$pause_version" "$kubernetes"
  image coredns "coredns/coredns:$coredns" "$(built_folder coredns)"
  image busybox library/busybox:1 ''
  case ${1:-} in
    '') ;;
    --print) printf '%s\n' "${images[@]}" ;;
    *) die "unknown option '$1'" "--print or nothing" ;;
  esac
}

main "$@"
