#!/usr/bin/env bash
# ceph-packages: Ceph's packages are of the repository and in the version that the file names, and nothing else comes from there. Starts
# nothing and restarts nothing: daemons that started before the packages came restart in their turn, by the note that is written here.
#
# Needs also: FSID, CEPH_VERSION (upstream's, or a package's in full), REPOSITORY (URL), SUITE (empty: the codename of the machine's system), COMPONENT,
# CEPH_PACKAGES (space separated), PROXY (words NAME=VALUE, may be empty), and install_files, which brings the key.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=../lib/ceph-lib.sh
. "$(dirname "$0")/../lib/ceph-lib.sh"
# shellcheck source=../lib/packages-lib.sh
. "$(dirname "$0")/../lib/packages-lib.sh"

# Nobody is there to be asked; files that were changed here stay; and no hook of apt restarts what runs.
export DPKG_FORCE=confdef,confold UCF_FORCE_CONFFOLD=1 APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l

source_of() {
  printf 'Types: deb\nURIs: %s\nSuites: %s\n' "$REPOSITORY" "$SUITE"
  case $SUITE in */) ;; *) printf 'Components: %s\n' "$COMPONENT" ;; esac
  printf 'Signed-By: %s\n' "$CEPH_KEY"
}

# Which versions are CEPH_VERSION, as apt's preferences and grep take it: a package's in full, or upstream's in any revision. What a distribution
# has packed anew (18.2.7+ds-1) goes before upstream's, and is none.
pattern() {
  local escaped
  # shellcheck disable=SC2153 # from the program
  escaped=${CEPH_VERSION//./\\.}
  escaped=${escaped//+/[+]}
  case $CEPH_VERSION in *-*) echo "^$escaped\$" ;; *) echo "^$escaped-" ;; esac
}

# pins: Ceph's packages in this version go before all others, but never back from a newer one (which takes more than 1000). What else the
# repository has is not taken, where its host serves nothing else to this machine.
pins() {
  printf 'Package: src:ceph\nPin: version /%s/\nPin-Priority: 990\n' "$(pattern)"
  [ -n "$SHARED" ] || printf '\nPackage: *\nPin: origin "%s"\nPin-Priority: -1\n' "$HOST"
}

# refresh: what the repository has, asked for alone, before apt knows of it otherwise: one whose key is another's would stop
# whoever asks for packages on this machine.
refresh() {
  source_of >"$RUN/groundwork-ceph.sources"
  packages -o "Dir::Etc::sourcelist=$RUN/groundwork-ceph.sources" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any update && return
  case $(cat "$RUN/apt.log") in
    *NO_PUBKEY* | *'Missing key'* | *'not signed'* | *BADSIG* | *EXPKEYSIG* | *'signatures were invalid'* | *'signatures couldn'*)
      die "the repository $REPOSITORY is not signed by the key of cluster.ceph.packages.key_file: $(words_of_apt)" "give the key that its publisher signs with, having compared its fingerprint; nothing was installed" ;;
    *) die "the repository $REPOSITORY (suite $SUITE) does not answer as one: $(words_of_apt)" "check cluster.ceph.packages.repository, suite and component, and that the machine reaches it${PROXY:+ by cluster.proxy}; nothing was installed" ;;
  esac
}
words_of_apt() { { grep -m3 -E '^(E:|W:|dpkg: error)' "$RUN/apt.log" || tail -n 1 "$RUN/apt.log"; } | tr '\n' ' '; }

# shared_host: whether another source of this machine has the repository's host.
shared_host() {
  apt-get indextargets "Created-By: Packages" 2>/dev/null | awk -v site="$HOST" -v ours="$CEPH_SOURCE" '
    $1 == "Repo-URI:" { uri = $2 }
    $1 == "Sourcesentry:" && index($2, ours) != 1 && (index(uri, "//" site "/") || index(uri, "//" site ":")) { other = 1 }
    END { exit !other }'
}

# installed: name and version of each package of Ceph's that is here; -: it was not installed to its end.
installed() {
  # shellcheck disable=SC2016 # dpkg-query expands it
  { dpkg-query --showformat='${source:Package} ${db:Status-Abbrev} ${Package} ${Version}\n' --show 2>/dev/null || true; } | sed -nE 's/^ceph ii +([^ ]+ [^ ]+)$/\1/p; s/^ceph i[^i ][^ ]* +([^ ]+) [^ ]+$/\1 -/p'
}

# candidates PACKAGE...: name and version of what apt would install of each.
candidates() { apt-cache policy "$@" | awk '/^[^ ]+:$/ { name = substr($1, 1, length($1) - 1); sub(/:.*/, "", name) } $1 == "Candidate:" { print name, $2 }'; }

is_wanted() { grep -qE "$(pattern)" <<<"$1"; }

# versions_of PACKAGE: those that the repository has, between commas.
versions_of() { apt-cache madison "$1" | awk -F ' *\\| *' -v ours="$REPOSITORY" 'index($3, ours) == 1 { print $2 }' | paste -sd, | grep . || echo none; }

# judge: the repository has what is needed in this version, and nothing of Ceph's that is here is newer. What else of it is here may be a package
# of the distribution's own making.
judge() {
  local name version is
  while read -r name version; do
    is=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$PRESENT")
    if [ "${is:--}" != - ] && ! is_wanted "$is" && dpkg --compare-versions "$is" gt "$CEPH_VERSION"; then
      die "$name is here in version $is, and the file asks for $CEPH_VERSION: an older Ceph does not read what a newer one has stored" "set cluster.ceph.packages.version to ${is%%-*} or later; nothing was installed"
    fi
    if ! is_wanted "$version"; then
      [[ " $CEPH_PACKAGES " == *" $name "* ]] || continue
      die "the repository $REPOSITORY (suite $SUITE) has no $name in version $CEPH_VERSION, but $(versions_of "$name")" "set cluster.ceph.packages.version to one that it has, or name another suite; nothing was installed"
    fi
    [ "$is" = "$version" ] || LACKING+=("$name")
    NEW=$version
  done < <(candidates "${WANTED[@]}")
  wait $!
}

# note_new: what comes to the machine and was not there goes with it.
note_new() {
  { apt-get -q -s --no-install-recommends install "${LACKING[@]}" 2>/dev/null || true; } | sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1 \2/p' |
    while read -r name version; do
      [ "$version" != "$NEW" ] || grep -qxF "$name" "$STATE/packages" 2>/dev/null || echo "$name" >>"$STATE/packages"
    done
}

bring() {
  hold_services
  note_new
  if ! { packages update && packages install --no-install-recommends --no-remove "${LACKING[@]}"; }; then
    release_services
    ! grep -q 'remove is disabled' "$RUN/apt.log" ||
      die "apt would remove $(sed -n '/will be REMOVED/,/^[^ ]/ { s/^ \+//p }' "$RUN/apt.log" | paste -sd ' ') to install ${LACKING[*]}" "remove them yourself where nobody needs them; nothing was installed"
    die "apt could not install ${LACKING[*]}: $(words_of_apt)" "mend what it says ('apt-get install ${LACKING[*]}' there shows all of it), then run 'pulumi up' again, which goes on here; no daemon was restarted"
  fi
  release_services
  changed "installed Ceph $NEW: ${LACKING[*]}"
}

require_claim
exclusively prepare
# A run that was killed may have left what keeps services of packages from starting.
! grep -qs groundwork "$POLICY" || rm -f "$POLICY"
[ -n "$SUITE" ] || SUITE=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
HOST=${REPOSITORY#*://} HOST=${HOST%%/*} HOST=${HOST%:*} SHARED=''
LACKING=() NEW=''
install_files
refresh
! shared_host || SHARED=1
pins | file "$CEPH_PIN" 0644 root:root
source_of | file "$CEPH_SOURCE" 0644 root:root
PRESENT=$(installed)
# shellcheck disable=SC2086 # a list
mapfile -t WANTED < <({ printf '%s\n' $CEPH_PACKAGES; cut -d' ' -f1 <<<"$PRESENT"; } | sed '/^$/d' | sort -u)
judge
[ ${#LACKING[@]} -eq 0 ] || bring
file "$CEPH_INSTALLED" 0600 root:root <<<"$NEW"
finish
