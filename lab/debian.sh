# shellcheck shell=bash
# How this machine reaches Debian's archive.

# mirror_of LABEL DEFAULT: the mirror this machine's own apt uses for Debian's archive LABEL.
mirror_of() {
  local found
  # shellcheck disable=SC2016 # the placeholders are apt's, not the shell's
  found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    awk -v label="$1" '$1 == label && $2 ~ /^https?:/ { print $2; exit }')
  echo "${found:-$2}"
}

# host_apt_options FILE: what this machine's apt needs to reach its mirror (proxies, date checks), in FILE.
host_apt_options() {
  apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries|ForceIPv[46])\b' >"$1" || true
}

# bootstrap SUITE FOLDER OPTION...: a minimal root file system, by mmdebstrap; without manuals and translations.
bootstrap() {
  local suite=$1 folder=$2 options debian security keyring=() sources
  shift 2
  options=$(mktemp)
  host_apt_options "$options"
  debian=$(mirror_of Debian http://deb.debian.org/debian)
  security=$(mirror_of Debian-Security http://deb.debian.org/debian-security)
  [ ! -d /usr/share/keyrings ] || keyring=(--keyring=/usr/share/keyrings)
  sources=("deb $debian $suite main")
  # The oldest and the newest are in the archive without these.
  case $suite in bookworm | trixie) sources+=("deb $debian $suite-updates main" "deb $security $suite-security main") ;; esac
  mmdebstrap --quiet --mode=root --variant=minbase "${keyring[@]}" \
    --aptopt="$options" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' "$@" \
    "$suite" "$folder" "${sources[@]}" >&2
  rm "$options"
}
