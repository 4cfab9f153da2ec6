# shellcheck shell=bash
# Container images as OCI layouts in the cache, made without a container engine; the same to the byte for the same inputs.

. "$(dirname "${BASH_SOURCE[0]}")/recipes.sh"

# add_blob FOLDER FILE: moves the file into the layout under its digest, which it prints.
add_blob() {
  local sum
  sum=$(sha256sum <"$2" | cut -d' ' -f1)
  mv "$2" "$1/blobs/sha256/$sum"
  echo "$sum"
}

# add_layer LAYOUT ROOT: the folder as a layer; prints the layer's JSON, with the digest of what is compressed in it.
add_layer() {
  local layout=$1 root=$2 tar=$1.tar diff size
  # A file's capabilities travel in an extended attribute. All that differs between two runs is left out.
  tar -C "$root" --format=pax --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
    --xattrs --xattrs-include=security.capability -cf "$tar" .
  diff=$(sha256sum <"$tar" | cut -d' ' -f1)
  gzip -n -1 "$tar"
  size=$(stat -c %s "$tar.gz")
  jq -cn --arg diff "sha256:$diff" --arg digest "sha256:$(add_blob "$layout" "$tar.gz")" --argjson size "$size" \
    '{ $diff, $digest, $size }'
}

# blob LAYOUT DIGEST: the file with that digest.
blob() { echo "$1/blobs/sha256/${2#sha256:}"; }

# manifest_of LAYOUT: the file of its manifest.
manifest_of() { blob "$1" "$(jq -r '.manifests[0].digest' "$1/index.json")"; }

# layer_of LAYOUT: the file of its layer.
layer_of() { blob "$1" "$(jq -r '.layers[0].digest' "$(manifest_of "$1")")"; }

# same_layer LAYOUT IMAGE: takes over the layer of an IMAGE made before; prints its JSON as `add_layer` does.
same_layer() {
  local manifest
  manifest=$(manifest_of "$2")
  ln "$(layer_of "$2")" "$1/blobs/sha256/"
  jq -c --slurpfile config "$(blob "$2" "$(jq -r .config.digest "$manifest")")" \
    '.layers[0] | { diff: $config[0].rootfs.diff_ids[0], digest, size }' "$manifest"
}

# write_layout LAYOUT LAYER CONFIG: an image of one layer, as `add_layer` prints it, with the given `config` object (JSON).
write_layout() {
  local layout=$1 file=$1.json config config_size manifest manifest_size
  jq -cn --arg arch "$arch" --argjson layer "$2" --argjson config "$3" '{
    created: "1970-01-01T00:00:00Z", architecture: $arch, os: "linux", config: $config,
    rootfs: { type: "layers", diff_ids: [$layer.diff] }
  }' >"$file"
  config_size=$(stat -c %s "$file")
  config=$(add_blob "$layout" "$file")

  jq -cn --arg config "sha256:$config" --argjson config_size "$config_size" --argjson layer "$2" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer.digest, size: $layer.size }]
  }' >"$file"
  manifest_size=$(stat -c %s "$file")
  manifest=$(add_blob "$layout" "$file")

  jq -cn --arg digest "sha256:$manifest" --argjson size "$manifest_size" '{
    schemaVersion: 2,
    manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size }]
  }' >"$layout/index.json"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
}

# begin_images: nobody else makes images until this process ends.
begin_images() {
  mkdir -p "$cache/images"
  exec 9>"$cache/images/.lock"
  flock 9
  rm -rf "$cache"/images/.build.*
}

# image NAME REFERENCE INPUTS: makes the image unless the cache has it, and adds its line to `images`. The function
# `make_NAME` fills a root file system and prints the image's `config` object.
image() {
  local name=$1 work target config
  target=$cache/images/$1-$(key_of "$arch $2 $3" "${BASH_SOURCE[@]}")
  if [ ! -d "$target" ]; then
    echo "making the image $2" >&2
    work=$(mktemp -d "$cache/images/.build.XXXXXX")
    mkdir -m 755 "$work/root"
    mkdir -p "$work/layout/blobs/sha256"
    config=$("make_$name" "$work/root")
    write_layout "$work/layout" "$(add_layer "$work/layout" "$work/root")" "$config"
    mv -T "$work/layout" "$target"
    rm -rf "$work"
  fi
  add_image "$2" "$target"
}

# fill_busybox ROOT PROGRAM: a root file system of busybox alone; prints the image's `config` object.
fill_busybox() {
  local applet
  mkdir -p "$1"/{bin,etc,root,tmp,var/www}
  chmod 1777 "$1/tmp"
  install -m 755 "$2" "$1/bin/busybox"
  for applet in $("$1/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  echo "root:x:0:0:root:/root:/bin/sh" >"$1/etc/passwd"
  echo "root:x:0:" >"$1/etc/group"
  echo '{ "Cmd": ["sh"], "Env": ["PATH=/bin"] }'
}

# alike REFERENCE CONFIG: an image with the files of the one made last, and another `config` object. It is named in it: of
# two that were the same to the byte, a node would know one name only.
alike() {
  local of=${images[-1]##* } target work config
  config=$(jq -c --arg reference "$1" '.Labels.reference = $reference' <<<"$2")
  target=$cache/images/alike-$(key_of "$1 $2 $of" "${BASH_SOURCE[@]}")
  if [ ! -d "$target" ]; then
    work=$(mktemp -d "$cache/images/.build.XXXXXX")
    mkdir -p "$work/layout/blobs/sha256"
    write_layout "$work/layout" "$(same_layer "$work/layout" "$of")" "$config"
    mv -T "$work/layout" "$target"
    rm -rf "$work"
  fi
  add_image "$1" "$target"
}

add_image() { images+=("$1 $(jq -r '.manifests[0].digest' "$2/index.json") $2"); }

# print_images [--print]: a line `repository:tag digest folder` for every image, where that is asked for.
print_images() {
  case ${1:-} in
    '') ;;
    --print) printf '%s\n' "${images[@]}" ;;
    *) die "unknown option '$1'" "--print or nothing" ;;
  esac
}
