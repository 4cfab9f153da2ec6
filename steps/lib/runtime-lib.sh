# shellcheck shell=bash
# What steps know of containerd and runc in versions that the file asks for: programs beside the distribution's, which a drop-in of
# containerd's unit names. Needs lib.sh, and CONTAINERD_VERSION (its version; empty: the distribution's).

RUNTIME=/etc/systemd/system/containerd.service.d/groundwork-version.conf
# shellcheck disable=SC2034 # some steps use it
OF_DISTRIBUTION='# The distribution'"'"'s'

# running_containerd: the version that answers, such as 2.3.7, or 1.7.24 of Debian's 1.7.24~ds1. What ctr says beside is of no use:
# that its own version is another, and each time what is deprecated.
running_containerd() { ctr version 2>/dev/null | sed -n '/^Server:/,$ s/^ *Version: *v\{0,1\}\([0-9.]*\).*/\1/p'; }

# runtime_answers: in its version, and to the kubelet.
runtime_answers() {
  local runs
  runs=$(running_containerd) && [ -n "$runs" ] || return 1
  [ -z "$CONTAINERD_VERSION" ] || [ "$runs" = "$CONTAINERD_VERSION" ] || return 1
  ctr plugins list | awk '$1 == "io.containerd.grpc.v1" && $2 == "cri" && $NF == "ok" { ok = 1 } END { exit !ok }'
}

# judge_runtime: ends the step where upstream knows no way for the containers here from the containerd that runs to the one that is
# to come. Nothing is switched yet.
judge_runtime() {
  local runs wanted=$CONTAINERD_VERSION containers older whose=''
  # The distribution's own comes and goes with its packages.
  [ -n "$CONTAINERD_VERSION" ] || grep -qs '^ExecStart=/' "$RUNTIME" || return 0
  [ -n "$wanted" ] || { whose=", the distribution's,"; wanted=$(/usr/bin/containerd --version | sed -E 's/^[^ ]+ [^ ]+ v?([0-9.]+).*/\1/') || true; }
  runs=$(running_containerd) || true
  if [ -z "$runs" ] || [ -z "$wanted" ]; then
    die "containerd does not say which version it is (it runs ${runs:-?}; to come: ${wanted:-?})" "see 'ctr version'; then run 'pulumi up' again"
  fi
  case ${runs%.*}-${wanted%.*} in
    "${wanted%.*}-${wanted%.*}" | 1.7-2.3 | 2.2-2.3) return 0 ;;
  esac
  containers=$(ctr --namespace k8s.io containers list --quiet 2>/dev/null) || die "containerd does not say which containers it has" "see 'ctr --namespace k8s.io containers list'; then run 'pulumi up' again"
  [ -n "$containers" ] || return 0
  older=$(printf '%s\n' "$runs" "$wanted" | sort -V | head -n 1)
  [ "$older" = "$wanted" ] || die "there is no way for the containers here from containerd $runs to $wanted: upstream takes them there from 1.7 and from 2.2" \
    "take the machine out of the file, and in again when it has left: it comes back without them; nothing was switched"
  die "containerd $wanted$whose cannot go on with the containers that $runs has here" \
    "set cluster.versions.containerd to a version of ${runs%.*}; or take the machine out of the file, and in again when it has left: it comes back without them; nothing was switched"
}
