# shellcheck shell=bash
# What a machine gets that needs to be nobody's: packages, and programs by SHA-256. Needs lib.sh, programs-lib.sh, packages-lib.sh, and what
# prepare.sh says of NTP_SERVERS, PACKAGES, ARTIFACTS, PROXY and registry_logins.

# shellcheck disable=SC2034 # some steps use it
CONTAINERD=/etc/containerd/config.toml
# Downloads that the machine's image brought, by their SHA-256. Not where the cluster keeps its own, which go with it.
IMAGE=/usr/local/lib/groundwork/image

install_packages() {
  local package installed missing=()
  # Two programs that set the clock do not go together.
  [ -z "$NTP_SERVERS" ] || command -v chronyd >/dev/null || PACKAGES+=" systemd-timesyncd"
  # shellcheck disable=SC2016,SC2086 # dpkg-query expands it; a list
  installed=$(dpkg-query --showformat='${Package} ${db:Status-Abbrev}\n' --show $PACKAGES 2>/dev/null || true)
  for package in $PACKAGES; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package ii "$'\n'* ]] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  hold_services
  printf '%s\n' "${missing[@]}" >>"$STATE/packages"
  if ! { packages update && packages install --no-install-recommends --no-remove "${missing[@]}"; }; then
    release_services
    ! grep -q 'remove is disabled' "$RUN/apt.log" ||
      die "apt would remove $(sed -n '/will be REMOVED/,/^[^ ]/ { s/^ \+//p }' "$RUN/apt.log" | paste -sd ' ') to install ${missing[*]}" "remove them yourself where nobody needs them, or take another machine; nothing was installed"
    die "apt could not install ${missing[*]}: $(grep -m3 -E '^(E|dpkg: error):?' "$RUN/apt.log" | tr '\n' ' ')" "check the machine's package sources; the whole output is in $RUN/apt.log"
  fi
  release_services
  changed "installed ${missing[*]}"
}

# sha256_of FILE: by openssl, which uses what the processor has for it: Debian's sha256sum takes four times as long.
sha256_of() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }

# has SHA256 URL: whether the store has that file, or the image. After a power cut the name may be there without the data.
has() {
  [ -e "$STORE/$1" ] || { [ -e "$IMAGE/$1" ] && ln -sfn "$IMAGE/$1" "$STORE/$1"; } || return 1
  [ "$(sha256_of "$STORE/$1")" != "$1" ] || return 0
  rm -rf "${STORE:?}/$1" "$STORE/$1.d"
  changed "threw away what was left of $2"
  return 1
}

# download SHA256 URL ...: the files, each under its own hash in the store. One curl for all: it reads the authorities once
# and keeps its connections. It prints the number of each URL it is done with, be it that it failed there.
download() {
  local i numbers came got urls=() sums=() gets=()
  while [ $# -gt 0 ]; do
    sums+=("$1") urls+=("$2") gets+=(--output "$STORE/.part.$1" "$2")
    shift 2
  done
  rm -f "$STORE"/.part.* # of a run that was killed
  came=${#urls[@]}
  numbers=$(outward curl --fail --fail-early --silent --show-error --location --proto '=http,https' --retry 3 --connect-timeout 10 \
    --write-out '%{urlnum}\n' "${gets[@]}" 2>"$RUN/curl.err") || came=$(tail -n 1 <<<"${numbers:-0}")
  for ((i = 0; i < came; i++)); do
    got=$(sha256_of "$STORE/.part.${sums[i]}")
    if [ "$got" != "${sums[i]}" ]; then
      rm -f "$STORE"/.part.*
      die "${urls[i]} is not what was asked for: its SHA-256 is $got, the file says ${sums[i]}" "repair the mirror, or cluster.artifacts.sha256 if the file there is right; nothing was installed"
    fi
    mv "$STORE/.part.${sums[i]}" "$STORE/${sums[i]}"
    sync "$STORE/${sums[i]}" & # goes on while others are verified; the step waits for all of them
  done
  if [ "$came" -lt ${#urls[@]} ]; then
    rm -f "$STORE"/.part.*
    die "could not download ${urls[came]}: $(cat "$RUN/curl.err")" \
      "check that the machine reaches it${PROXY:+ by cluster.proxy} (or name a mirror in cluster.artifacts.base_url) and has room for it: $(room "$STORE")"
  fi
}

# place SOURCE PATH: SOURCE is installed at PATH as a program. It is a link, or where the two are on different file systems a copy.
place() {
  if ! { [ "$1" -ef "$2" ] || cmp -s "$1" "$2"; }; then
    record "$2"
    ln -fL "$1" "$2.new" 2>/dev/null || cp "$1" "$2.new"
    chmod 0755 "$2.new"
    # Services compare this time with their own start; an archive, or a version that was here before, has an older one.
    [ ! -e "$2" ] || touch "$2.new"
    mv -f "$2.new" "$2"
    changed "installed $2"
  fi
}

# as_unpacked ARCHIVE MEMBER...: what was unpacked before is still as it is in the archive, whose hash is known: members have none.
as_unpacked() {
  local archive=$1 member same=1
  shift
  [ -d "$archive.d" ] || return 1
  for member in "$@"; do
    tar -xzOf "$archive" "$member" | cmp -s - "$archive.d/$member" || { same='' && changed "$member was not as its archive has it"; }
  done
  [ -n "$same" ]
}

# unpack ARCHIVE INSTALLS: the members that are to be installed.
unpack() {
  local install members=()
  for install in $2; do members+=("${install#*=}"); done
  ! as_unpacked "$1" "${members[@]}" || return 0
  rm -rf "$1.part"
  install -d -m 0755 "$1.part"
  tar -xzf "$1" -C "$1.part" --no-same-owner "${members[@]}"
  find "$1.part" -type f -exec sync {} +
  rm -rf "$1.d"
  mv "$1.part" "$1.d"
}

# require_idle SHA256 SOURCE PATH: no program of which versions lie beside each other is replaced under a service that runs it, unless it is no longer
# what an earlier run put there: then the same comes back.
require_idle() {
  local unit=${3##*/}.service
  case $3 in */groundwork/*-*/*) ;; *) return 0 ;; esac
  ! grep -qxF "$1 $3" "$STORE/.placed" 2>/dev/null || return 0
  [ -e "$3" ] && ! [ "$2" -ef "$3" ] && ! cmp -s "$2" "$3" && systemctl is-active --quiet "$unit" || return 0
  die "$3 runs here, and the file asks for another of the same version" \
    "set its checksum in cluster.artifacts.sha256 to that of what runs, or set another version, and run 'pulumi up' again; no program was replaced"
}

install_artifacts() {
  local sha256 url installs install sums=() sources=() paths=() i missing=() placed=''
  [ -n "$ARTIFACTS" ] || return 0
  install -d -m 0755 /var/lib/groundwork "$STORE"
  # Every download is verified before the first program is put in place, once where several URLs lead to the same.
  while read -r sha256 url _; do
    has "$sha256" "$url" || missing+=("$sha256" "$url")
  done < <(awk '!seen[$1]++' <<<"$ARTIFACTS")
  [ ${#missing[@]} -eq 0 ] || download "${missing[@]}"
  while read -r sha256 url installs; do
    if [[ $installs == *=* ]]; then unpack "$STORE/$sha256" "$installs"; fi
    for install in $installs; do
      sums+=("$sha256") paths+=("${install%%=*}")
      case $install in
        *=*) sources+=("$STORE/$sha256.d/${install#*=}") ;;
        *) sources+=("$STORE/$sha256") ;;
      esac
    done
  done <<<"$ARTIFACTS"
  for i in "${!paths[@]}"; do require_idle "${sums[i]}" "${sources[i]}" "${paths[i]}"; done
  for i in "${!paths[@]}"; do
    place "${sources[i]}" "${paths[i]}"
    placed+="${sums[i]} ${paths[i]}"$'\n'
  done
  [ "$placed" != "$(cat "$STORE/.placed" 2>/dev/null)"$'\n' ] || return 0
  printf %s "$placed" >"$STORE/.placed.new"
  mv "$STORE/.placed.new" "$STORE/.placed"
}

# configure_containerd SYSTEMD_CGROUP RESTRICT_OOM_SCORE_ADJ: its drop-ins replace whole plugin sections, so that what depends on
# the machine is filled in here.
configure_containerd() {
  {
    sed "s/@systemd_cgroup@/$1/; s/@restrict_oom_score_adj@/$2/" /var/lib/groundwork/containerd.toml
    ! declare -F registry_logins >/dev/null || registry_logins
  } | file "$CONTAINERD" 0600 root:root
}

make_etcd_user() {
  ! getent passwd etcd >/dev/null || return 0
  useradd --system --home-dir /var/lib/etcd --no-create-home --shell /usr/sbin/nologin etcd
  echo etcd >>"$STATE/users"
  changed "made user etcd"
}
