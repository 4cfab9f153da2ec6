# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables are lib.sh's
# A lab machine's disk: what it writes over the shared root file system, and what must not lie on an overlay.

# Folders of /var/lib on the real file system: containerd cannot stack its overlays on an overlay, the kubelet
# cannot measure one, and the databases want fsync to mean it.
real_folders=(containerd kubelet etcd ceph osd)

# rootfs_of SYSTEM: the root file system that machines of it have: Debian's as lab/image/build.sh makes it, or what lab/nodeImage.sh
# has made before.
rootfs_of() {
  local made=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/nodeImages/${1#image-}
  case $1 in
    image-*) realpath --canonicalize-existing "$made" 2>/dev/null || die "there is no image of a ${1#image-}" "lab/nodeImage.sh ${1#image-} FILE makes one" ;;
    *) "$lab_source/image/build.sh" "$1" ;;
  esac
}

# make_host_key NODE: the SSH identity of the installation; survives reboots, not reinstallation.
make_host_key() {
  local key=$lab/nodes/$1/ssh_host_ed25519_key
  mkdir -p "$lab/nodes/$1"
  [ -e "$key" ] || ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$key"
}

# write_known_hosts: pins every machine's key, under its name and its address.
write_known_hosts() {
  local name address new
  mkdir -p "$lab/ssh"
  new=$(mktemp "$lab/ssh/known_hosts.XXXXXX")
  while read -r name address; do
    [ ! -e "$lab/nodes/$name/ssh_host_ed25519_key.pub" ] ||
      printf '%s,%s %s\n' "$name" "$address" "$(cut -d' ' -f1,2 "$lab/nodes/$name/ssh_host_ed25519_key.pub")"
  done <"$lab/machines" >"$new"
  mv "$new" "$lab/ssh/known_hosts"
}

# trust_lab_ca NODE: the lab's CA among the system's, as update-ca-certificates would do it. At every power-on,
# for the CA may be younger than the disk.
trust_lab_ca() {
  local ca=$lab/pki/ca.crt disk=$lab/nodes/$1/disk
  local certs=$disk/upper/etc/ssl/certs own=$disk/upper/usr/local/share/ca-certificates/lab.crt
  if [ ! -e "$ca" ]; then
    echo "${0##*/}: $ca is missing: the machine will not trust the lab's mirror and registry" >&2
    return
  fi
  ! cmp --quiet "$ca" "$own" || return 0
  install -d -m 755 "${own%/*}" "$certs"
  ln -sfn /usr/local/share/ca-certificates/lab.crt "$certs/lab.pem"
  ln -sfn lab.pem "$certs/$(openssl x509 -noout -hash -in "$ca").0"
  cat "$disk/rootfs/etc/ssl/certs/ca-certificates.crt" "$ca" >"$certs/ca-certificates.crt"
  install -m 644 "$ca" "$own"
}

# unplug_disks NODE: its block devices are the host's again.
unplug_disks() {
  local file
  for file in "$lab/nodes/$1/disk"/*.img; do
    [ ! -e "$file" ] || losetup --noheadings --output NAME --associated "$file" | xargs -r losetup --detach
  done
}

# mac_of ADDRESS: belongs to the machine, not to its installation, so it is derived from the address.
mac_of() {
  local bytes
  IFS=. read -ra bytes <<<"$1"
  printf '02:00:%02x:%02x:%02x:%02x\n' "${bytes[@]}"
}

# make_disk NODE ROOTFS: a machine as fresh as after its installation; nothing when it has a disk already.
make_disk() {
  local node=$1 rootfs=$2 disk=$lab/nodes/$1/disk address upper
  [ ! -e "$disk/rootfs" ] || return 0
  rm -rf --one-file-system "$disk"
  upper=$disk/upper
  address=$(address_of "$node")
  install -d -m 755 "$upper/etc/ssh" "$upper/etc/lab" "$disk/work" "$disk/root" "${real_folders[@]/#/$disk/}"
  install -d -m 700 "$upper/root" "$upper/root/.ssh"
  install -m 600 "$lab/ssh/id_ed25519.pub" "$upper/root/.ssh/authorized_keys"
  install -m 600 "$lab/nodes/$node/ssh_host_ed25519_key" "$upper/etc/ssh/"
  install -m 644 "$lab/nodes/$node/ssh_host_ed25519_key.pub" "$upper/etc/ssh/"
  # An identifier from the start: with an empty one systemd would run its first-boot presets.
  tr -d - </proc/sys/kernel/random/uuid >"$upper/etc/machine-id"
  echo "$node" >"$upper/etc/hostname"
  { echo "127.0.0.1 localhost"; awk '{ print $2, $1 }' "$lab/machines"; } >"$upper/etc/hosts"
  cat >"$upper/etc/lab/network" <<EOF
ADDRESS=$address/24
MAC=$(mac_of "$address")
GATEWAY=$gateway
EOF
  # Last: its presence says that the disk is complete. A machine stays on the image it was installed from.
  ln -s "$rootfs" "$disk/rootfs"
}
