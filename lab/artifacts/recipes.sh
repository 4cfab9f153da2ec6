# shellcheck shell=bash
# What is built from which module, and where the result is kept.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

artifacts_source=$lab_source/artifacts
# Shared by all clones of one user; safe to delete, at the price of building anew.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork

case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64) arch=arm64 ;;
  *) die "no artifacts for this machine's architecture, $(uname -m)" "use an x86_64 or an aarch64 machine" ;;
esac

# What every lab needs: each is a folder here with the Go module that pins its versions. containerd and runc are in Debian, too, and
# kube-network-policies is asked for by images.sh where somebody wants it.
modules=(pulumi kubernetes etcd flannel coredns)

# The names the one Kubernetes program is called by.
kubernetes_components=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

export artifacts_source cache arch modules kubernetes_components

# module_of FOLDER: where its module is. KUBERNETES, ETCD, CONTAINERD and RUNC in the environment, such as v1.35.4, stand for other
# versions than those that are pinned here: a module is made of what that version's own requires.
module_of() {
  local made=$cache/modules/kubernetes-${KUBERNETES-} work own
  case $1 in
    etcd) other_module "$1" "${ETCD-}" go.etcd.io/etcd/{server,etcdctl,etcdutl}/v3 && return ;;
    containerd) other_module "$1" "${CONTAINERD-}" github.com/containerd/containerd/v2/cmd/{containerd,ctr,containerd-shim-runc-v2} && return ;;
    runc) other_module "$1" "${RUNC-}" github.com/opencontainers/runc && return ;;
  esac
  if [ "$1" != kubernetes ] || [ -z "${KUBERNETES-}" ]; then
    echo "$artifacts_source/$1"
    return
  fi
  if [ ! -d "$made" ]; then
    mkdir -p "$cache/modules"
    work=$(mktemp -d "$cache/modules/.build.XXXXXX")
    own=$(cd "$work" && GOWORK=off GOFLAGS='' go mod download -json "k8s.io/kubernetes@$KUBERNETES" | jq -r .GoMod) ||
      die "there is no k8s.io/kubernetes $KUBERNETES" "go list -m -versions k8s.io/kubernetes"
    cp "$artifacts_source/kubernetes/main.go" "$work/"
    {
      echo "module groundwork/lab/artifacts/kubernetes"
      grep -E '^(go|godebug) ' "$own"
      echo "require k8s.io/kubernetes $KUBERNETES"
      sed -nE "s,^\s*(k8s.io/\S+) => \./staging/.*,replace \1 => \1 v0.${KUBERNETES#v1.},p" "$own"
    } >"$work/go.mod"
    (cd "$work" && GOWORK=off GOFLAGS=-mod=mod go list -deps . >/dev/null) || die "go cannot resolve what k8s.io/kubernetes $KUBERNETES requires" "see above"
    mv -T "$work" "$made"
  fi
  echo "$made"
}

# other_module FOLDER VERSION PACKAGE...: prints where it is, when FOLDER's module, with each PACKAGE in VERSION, is there; fails
# without VERSION.
other_module() {
  local folder=$cache/modules/$1-$2 work packages=("${@:3}")
  [ -n "$2" ] || return 1
  if [ ! -d "$folder" ]; then
    mkdir -p "$cache/modules"
    work=$(mktemp -d "$cache/modules/.build.XXXXXX")
    cp "$artifacts_source/$1/tools.go" "$work/"
    (
      cd "$work" && export GOWORK=off GOFLAGS=-mod=mod && go mod init "groundwork/lab/artifacts/$1" && go get "${packages[@]/%/@$2}"
    ) >&2 || die "there is no $1 $2" "go list -m -versions $3"
    mv -T "$work" "$folder"
  fi
  echo "$folder"
}

# pinned FOLDER MODULE: the version of MODULE that FOLDER/go.mod requires, e.g. v1.36.3.
pinned() {
  awk -v module="$2" '$1 == "require" { $0 = substr($0, 9) } $1 == module { print $2; found = 1; exit } END { exit !found }' \
    "$(module_of "$1")/go.mod" || die "lab/artifacts/$1/go.mod does not require $2" "restore the file from git"
}

# recipe FOLDER: sets, for one module, `programs` (name=package ...), `cgo`, `tags` and `linker_flags`.
recipe() {
  local version minor
  cgo=0 tags='' linker_flags='-s -w'
  case $1 in
    pulumi)
      version=$(pinned pulumi github.com/pulumi/pulumi/pkg/v3)
      programs=(pulumi=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi)
      linker_flags+=" -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version"
      ;;
    kubernetes | conformance)
      version=$(pinned "$1" k8s.io/kubernetes)
      minor=${version#v*.}
      programs=(kubernetes=.)
      [ "$1" = kubernetes ] || programs=(
        ginkgo=github.com/onsi/ginkgo/v2/ginkgo e2e.test=k8s.io/kubernetes/test/e2e
        agnhost=k8s.io/kubernetes/test/images/agnhost nnp=k8s.io/kubernetes/test/images/nonewprivs
        kube-sample-apiserver=k8s.io/sample-apiserver
      )
      linker_flags+=" -X k8s.io/component-base/version.gitVersion=$version"
      linker_flags+=" -X k8s.io/component-base/version.gitMajor=1"
      linker_flags+=" -X k8s.io/component-base/version.gitMinor=${minor%.*}"
      ;;
    etcd)
      # The version is a constant in etcd's source; only upstream's own script knows the commit.
      programs=(etcd=go.etcd.io/etcd/server/v3 etcdctl=go.etcd.io/etcd/etcdctl/v3 etcdutl=go.etcd.io/etcd/etcdutl/v3)
      ;;
    containerd)
      version=$(pinned containerd github.com/containerd/containerd/v2)
      programs=(
        containerd=github.com/containerd/containerd/v2/cmd/containerd ctr=github.com/containerd/containerd/v2/cmd/ctr
        containerd-shim-runc-v2=github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
      )
      linker_flags+=" -X github.com/containerd/containerd/v2/version.Version=$version"
      ;;
    runc)
      # The filter of system calls that pods have is libseccomp's.
      cgo=1 tags=seccomp,netgo,osusergo
      programs=(runc=github.com/opencontainers/runc)
      linker_flags+=" -extldflags -static"
      ;;
    flannel)
      # Its udp back end is written in C. Static, so that it runs whatever C library the lab's machines have; and
      # then Go's own resolver, for glibc's would load that library's plug-ins after all.
      cgo=1 tags=netgo,osusergo
      version=$(pinned flannel github.com/flannel-io/flannel)
      programs=(flanneld=github.com/flannel-io/flannel)
      linker_flags+=" -X github.com/flannel-io/flannel/pkg/version.Version=$version -extldflags -static"
      ;;
    coredns)
      programs=(coredns=github.com/coredns/coredns)
      ;;
    kube-network-policies)
      programs=(kube-network-policies=sigs.k8s.io/kube-network-policies/cmd/kube-network-policies/standard)
      ;;
  esac
}

# key_of TEXT FILE...: 12 digits that change with the text or any file.
key_of() {
  local text=$1
  shift
  { echo "$text"; cat "$@"; } | sha256sum | cut -c1-12
}

# built_folder FOLDER: where the programs of the module are kept once built, by the recipe set last.
built_folder() {
  local source
  source=$(module_of "$1")
  echo "$cache/artifacts/$1-$(key_of "$arch $cgo $tags $linker_flags ${programs[*]}" "$source"/go.{mod,sum} "$source"/*.go)"
}
