#!/usr/bin/env bash
# Runs the tests and counts them: test/run.sh {check|all|faults}...
#   check   what needs no machines
#   all     that, and the end-to-end tests in a lab of its own
#   faults  the long ones: what goes wrong in a data centre, with clients at work
# With MINUTES in the environment, what would not end within as many is left out, and named.
# The last line is 'N passed, N failed'; a check that is not a mocha test counts as one.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

passed=0 failed=0
began=$SECONDS
bin=node_modules/.bin
cache=node_modules/.cache/groundwork
log=$(mktemp)
failures=$(mktemp) # a line for each, told again at the end: whoever sees only a log's end sees them
trap 'rm -f "$log" "$failures"' EXIT

title() { printf '\n=== %s (at %d s)\n' "$1" $((SECONDS - began)); }

# single NAME COMMAND...: one check that passes or fails as a whole.
single() {
  local name=$1
  shift
  title "$name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name" | tee -a "$failures"
  fi
}

mocha() { "$bin/node" "$bin/mocha" --color --exit "$@"; }

# suite NAME FILES...: a mocha suite.
suite() {
  local name=$1
  title "$name"
  shift
  mocha "$@" 2>&1 | tee "$log"
  tally "$name"
}

# tally NAME: counts what mocha wrote into the log; a suite that died without counting has failed, and so has one without a test.
tally() {
  local ok bad
  ok=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) passing.*/\1/p' "$log" | tail -1)
  bad=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) failing.*/\1/p' "$log" | tail -1)
  [ "${ok:-0}" -gt 0 ] || grep -q '[1-9][0-9]* pending' "$log" || bad=${bad:-1}
  passed=$((passed + ${ok:-0}))
  failed=$((failed + ${bad:-0}))
  [ "${bad:-0}" -eq 0 ] || reasons "$1" >>"$failures"
}

# reasons NAME: of each failure in mocha's log its place among the titles and the first lines of what was wrong.
reasons() {
  echo "FAILED: $1"
  sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
    / failing/ { listed = 1; next }
    !listed || /^ +at / || !NF { next }
    /^  [0-9]+\) / { left = 9 }
    left-- > 0 { print substr($0, 1, 300) }'
}

# tracked PATTERN...: files of the repository, NUL-terminated; those that are not committed yet, too.
tracked() { git ls-files -z --cached --others --exclude-standard -- "$@" | xargs -0 stat --printf '%n\0' 2>/dev/null; }
# What stands under test/golden is told of in parts, and is no program.
shell_scripts() { tracked ':!test/golden' | xargs -0 grep -lIEZ '^#!.*\b(ba)?sh\b|^# shellcheck shell='; }

# remembered NAME COMMAND...: COMMAND, unless it has passed before with the same files, which are read from standard input.
remembered() {
  local name=$1 sum
  shift
  sum=$({ printf '%s\n' "$@" && xargs -0 sha256sum; } | sha256sum)
  [ "$sum" != "$(cat "$cache/$name.passed" 2>/dev/null)" ] || return 0
  "$@" && echo "$sum" >"$cache/$name.passed"
}

types() {
  tracked '*.ts' tsconfig.json package-lock.json |
    remembered types "$bin/tsc" --noEmit -p . --incremental --tsBuildInfoFile "$cache/types"
}

format() {
  local files
  mapfile -t -d '' files < <(tracked '*.ts')
  tracked '*.ts' '.prettier*' package-lock.json |
    remembered format "$bin/prettier" --check --log-level warn --cache --cache-location "$cache/prettier" "${files[@]}"
}

shell() {
  local scripts
  mapfile -t -d '' scripts < <(shell_scripts)
  printf '%s\0' "$(command -v shellcheck)" "${scripts[@]}" | remembered shellcheck shellcheck -x -P SCRIPTDIR "${scripts[@]}"
}

# The tests that need no machine, the slowest first. A file named twice would run twice: each process loads it anew.
checks() {
  { ls test/graph/stability.test.ts test/unit/step*.test.ts; find test/{graph,unit,plugins,policies} -name '*.test.ts' | sort; } |
    grep -vxF -e test/plugins/engine.test.ts -e test/plugins/library.test.ts | awk '!seen[$0]++'
}

# The tests run in two processes of their own; their words come when the rest is done. What a tool found out about
# unchanged files it keeps between runs.
check() {
  local tests files
  local -x NODE_COMPILE_CACHE=$PWD/$cache/compiled
  mkdir -p "$cache"
  mapfile -t files < <(checks)
  # Recordings of the program make much that is short-lived: with V8's small nursery a third of the time is its collection.
  NODE_OPTIONS=--max-semi-space-size=64 mocha --parallel --jobs 2 "${files[@]}" >"$log" 2>&1 &
  tests=$!
  single "types" types
  single "lint" "$bin/eslint" --max-warnings 0 --cache --cache-strategy content --cache-location "$cache/lint" .
  single "format" format
  single "shellcheck" shell
  title "unit, graph, plugin and policy tests"
  wait "$tests"
  cat "$log"
  tally "unit, graph, plugin and policy tests"
}

lab() {
  SYSTEMS="trixie worker-02=bookworm" bare "three masters and two workers, of Debian 13 and 12"
  suite "bad input" test/e2e/badInput.test.ts
  single "make lab: Kubernetes and Ceph on them" lab/up.sh
  suite "Debian 12 beside Debian 13" test/e2e/systems.test.ts
  suite "the lab's plugins under Pulumi's engine" test/plugins/engine.test.ts
  suite "Groundwork in another program" test/plugins/library.test.ts
  suite "the cluster" test/e2e/cluster.test.ts
  suite "what there is to scrape" test/e2e/metrics.test.ts
  suite "what a pod sees" test/e2e/pods.test.ts
  suite "every step's script, twice" test/e2e/scripts.test.ts
  suite "certificates of kubelets" test/e2e/certificates.test.ts
  suite "policies" test/e2e/policies.test.ts
  suite "a program of somebody else's" test/e2e/component.test.ts
  suite "Ceph" test/e2e/ceph.test.ts
  suite "the user of Ceph's daemons" test/e2e/cephUser.test.ts
  suite "destroying it" test/e2e/destroy.test.ts
  single "the lab is removed" lab/down.sh
}

# fits MINUTES WHAT: whether so long a part may still begin.
fits() {
  [ $((SECONDS - began + $1 * 60)) -gt $((${MINUTES:-1000000} * 60)) ] || return 0
  title "left out: $2"
  echo "it may take $1 minutes, and $MINUTES are allowed in all; run: make test-faults"
  return 1
}

faults() {
  ! fits 2 "pages in a browser" || browser
  ! fits 38 "nodes of Kubernetes that fail, are lost, and go" || nodes
  ! fits 11 "an operator who is killed at every step" || killed
  ! fits 8 "a password for sudo, and two clusters in one program" || library
  ! fits 6 "a site with one door" || supply
  ! fits 5 "machines that had another life" || leftovers
  ! fits 18 "nodes that come and go, reboots, and the status of the cluster" || whole
  ! fits 22 "machines and disks of Ceph that fail, are lost, and go" || storage
  ! fits 14 "Ceph's packages from elsewhere" || packages
  ! fits 8 "Debian 12 alone, combined machines, and a bastion" || systems
  ! fits 5 "a node that comes by a ticket" || ticket
  ! fits 7 "a cluster that is born while a master dies" || birth
  ! fits 15 "machines that are maintained" || maintained
  ! fits 22 "keys and authorities that rotate" || rotated
  ! fits 16 "one address for the API, and modes of kube-proxy" || vip
  ! fits 8 "packets between nodes, and a network plugin of the operator's" || networks
  ! fits 15 "a firewall of the nodes" || firewall
  ! fits 20 "snapshots of etcd, and the way back to one" || snapshots
  ! fits 19 "volumes of pods, of which keys rotate, and after a restore; Ceph on the wire, and its S3" || volumes
  ! fits 10 "a machine that comes up with another address" || identity
  ! fits 15 "machines that nobody dials" || calls
  ! fits 25 "machines that are made of an image" || images
  ! fits 20 "a machine with a distribution's kernel" || virtual
  ! fits 20 "NetworkPolicy beside flannel" || networkPolicies
  ! fits 30 "Kubernetes' conformance tests" || conformance
  ! fits 40 "the other minor versions of Kubernetes" || minors
  ! fits 40 "upgrades of Kubernetes" || upgrades
  ! fits 15 "other versions of etcd and flannel" || versions
  ! fits 12 "containerd and runc in versions of the file" || runtimes
}

browser() {
  if lab/requirements.sh chromium fonts-dejavu-core; then
    suite "pages in a browser" test/browser/*.test.ts
  else
    title "left out: pages in a browser"
    echo "this machine has no package of Chromium that can be installed; see above"
  fi
}

# bare WHAT [FILE]: the machines of a cluster file, by default of the lab's own, with nothing on them.
bare() {
  single "an earlier lab is cleared away" lab/down.sh
  single "make nodes: $1" env NODES_ONLY=1 lab/up.sh "${@:2}"
}

kubernetes=test/e2e/clusters/kubernetes.yaml
combined=test/e2e/clusters/combined.yaml
pair=test/e2e/clusters/pair.yaml

nodes() {
  bare "three masters and two workers" $kubernetes
  suite "operators who want the same machine" test/e2e/faults/locks.test.ts
  suite "a first file, and its cluster" test/e2e/faults/init.test.ts
  single "make lab: Kubernetes on them" lab/up.sh $kubernetes
  suite "a client at work" test/e2e/faults/masters.test.ts
  suite "settings that change" test/e2e/faults/roll.test.ts
  suite "settings of the control plane" test/e2e/faults/settings.test.ts
  suite "certificates that are renewed" test/e2e/faults/renewal.test.ts
  suite "two faults at once" test/e2e/faults/together.test.ts
  suite "machines that are lost" test/e2e/faults/lost.test.ts
  suite "changes and faults by chance" test/e2e/faults/random.test.ts
  suite "machines that go in any order, and one that is dead" test/e2e/faults/order.test.ts
}

vip() {
  bare "three masters and two workers" $kubernetes
  suite "one address for the API" test/e2e/vip.test.ts
  bare "a master and a worker" $pair
  single "make lab: Kubernetes on them" lab/up.sh $pair
  suite "kube-proxy, which gets another mode" test/e2e/kubeProxy.test.ts
}

networks() {
  bare "a master and a worker" $pair
  suite "a way that takes smaller packets than cards say" test/e2e/pathMtu.test.ts
  bare "a master and a worker, again" $pair
  suite "a network plugin of the operator's" test/e2e/network.test.ts
  bare "a master and a worker, again" $pair
  suite "Calico as the network plugin, by a stand-in" test/e2e/calico.test.ts
}

firewall() {
  bare "two masters, two workers and one that stores, with a firewall" test/e2e/clusters/firewall.yaml
  suite "a firewall of the nodes" test/e2e/firewall.test.ts
}

ticket() {
  bare "a master, a worker, and a machine that is not managed" test/e2e/clusters/ticket.yaml
  suite "a node that comes by a ticket" test/e2e/ticket.test.ts
}

birth() {
  bare "three masters and two workers" $kubernetes
  suite "a cluster that is born while a master dies" test/e2e/faults/birth.test.ts
}

maintained() {
  bare "three masters and two workers, with outdated packages" $kubernetes
  suite "machines that are maintained" test/e2e/maintenance.test.ts
  bare "machines for storage alone, with outdated packages" test/e2e/clusters/storage.yaml
  suite "machines of Ceph that are maintained" test/e2e/maintenanceCeph.test.ts
}

rotated() {
  bare "three masters and two workers" $kubernetes
  single "make lab: Kubernetes on them" lab/up.sh $kubernetes
  suite "keys that rotate" test/e2e/rotation.test.ts
  suite "authorities that are followed by others" test/e2e/authorities.test.ts
}

snapshots() {
  bare "a master and a worker" $pair
  suite "snapshots of etcd, and the way back to one" test/e2e/snapshot.test.ts
}

volumes() {
  bare "a master and a worker, with Ceph" test/e2e/clusters/volumes.yaml
  suite "keys of Ceph that rotate" test/e2e/cephRotation.test.ts
  suite "the authority of Ceph's dashboards, which another follows" test/e2e/cephDashboards.test.ts
  suite "volumes after a restore of etcd" test/e2e/cephRestore.test.ts
  suite "what Ceph says over the network" test/e2e/cephConnections.test.ts
  suite "snapshots of etcd in Ceph's S3" test/e2e/s3.test.ts
}

leftovers() {
  bare "a master and a worker" test/e2e/clusters/pair.yaml
  suite "machines that had another life" test/e2e/leftovers.test.ts
}

identity() {
  bare "a master and a worker" $pair
  suite "a machine that comes up with another address" test/e2e/identity.test.ts
}

calls() {
  bare "a master, and a worker that nobody dials" test/e2e/clusters/call.yaml
  suite "a machine that nobody dials" test/e2e/call.test.ts
  bare "five masters that nobody dials" test/e2e/clusters/callers.yaml
  suite "masters that nobody dials" test/e2e/callMasters.test.ts
}

# Images are built as users build them, which takes Debian's archive.
images() {
  local role file=test/e2e/clusters/images.yaml
  for role in worker master; do single "mkosi builds the image of a $role" lab/nodeImage.sh $role $file; done
  SYSTEMS="trixie master-01=image-master worker-01=image-worker" bare "a master and a worker of images, and a bare worker" $file
  suite "machines that are made of an image" test/e2e/images.test.ts
  SYSTEMS="image-worker master-01=image-master" bare "a master and two workers of images, which call" test/e2e/clusters/firstBoot.yaml
  suite "a master, then two workers, each by itself" test/e2e/firstBoot.test.ts
}

library() {
  bare "a master and a worker" $pair
  suite "a password for sudo, and a jump host" test/e2e/sudo.test.ts
  suite "two clusters in one program" test/e2e/library.test.ts
  suite "settings of nodes and groups" test/e2e/nodeSettings.test.ts
}

supply() {
  bare "a master and a worker" test/e2e/clusters/pair.yaml
  suite "a site with one door" test/e2e/supply.test.ts
}

killed() {
  bare "a master and a worker" $pair
  suite "services that do not start" test/e2e/faults/services.test.ts
  bare "a master and a worker, again" $pair
  suite "an operator who is killed at every step" test/e2e/faults/kills.test.ts
  suite "a cluster that the former release made" test/e2e/faults/takeover.test.ts
  FORMER=193c2e6 suite "a cluster that an older release made" test/e2e/faults/takeover.test.ts
}

whole() {
  single "an earlier lab is cleared away" lab/down.sh
  single "make lab: Kubernetes and Ceph" lab/up.sh
  suite "the status of the cluster" test/e2e/status.test.ts
  suite "nodes that come and go" test/e2e/lifecycle.test.ts
  suite "machines that reboot" test/e2e/faults/reboots.test.ts
}

storage() {
  bare "machines for storage alone" test/e2e/clusters/storage.yaml
  suite "Ceph whose operator is killed" test/e2e/cephKilled.test.ts
  suite "disks that Ceph is to take" test/e2e/cephDevices.test.ts
  suite "machines of Ceph that come and go" test/e2e/cephNodes.test.ts
  suite "destroying it" test/e2e/destroy.test.ts
}

packages() {
  bare "machines for storage alone, again" test/e2e/clusters/storage.yaml
  suite "packages of Ceph that are not the distribution's" test/e2e/cephPackages.test.ts
}

systems() {
  SYSTEMS=bookworm bare "three machines of Debian 12 that are everything at once" $combined
  single "make lab: Kubernetes and Ceph on them" lab/up.sh $combined
  suite "Debian 12 alone, with Ceph" test/e2e/systems.test.ts
  suite "destroying it" test/e2e/destroy.test.ts
  SYSTEMS="trixie worker-01=bookworm" bare "a master and a worker of two systems, and a bastion" test/e2e/clusters/bastion.yaml
  suite "a user with sudo, through a bastion" test/e2e/bastion.test.ts
}

virtual() {
  if lab/requirements.sh qemu-system-x86; then
    SYSTEMS="trixie worker-01=trixie-virtual" bare "a master, and a worker that is a virtual machine" test/e2e/clusters/virtual.yaml
    suite "a machine with a distribution's kernel" test/e2e/virtual.test.ts
  else
    title "left out: a machine with a distribution's kernel"
    echo "this machine has no package of QEMU that can be installed; see above"
  fi
}

# Of a kernel of its own, too: this machine's may lack nft's queue.
networkPolicies() {
  if lab/requirements.sh qemu-system-x86; then
    POLICIES=1 SYSTEMS="trixie worker-01=trixie-virtual" bare "a master, and a worker that is a virtual machine" test/e2e/clusters/policies.yaml
    suite "NetworkPolicy beside flannel" test/e2e/networkPolicy.test.ts
  else
    title "left out: NetworkPolicy beside flannel"
    echo "this machine has no package of QEMU that can be installed; see above"
  fi
}

# The other minor versions of Kubernetes that config/versions.ts names, in the last versions that the Go module is served in.
minors() {
  local -x KUBERNETES
  for KUBERNETES in v1.34.4 v1.35.4; do
    bare "a master and a worker, with Kubernetes $KUBERNETES" $pair
    single "make lab: Kubernetes $KUBERNETES on them" lab/up.sh $pair
    suite "Kubernetes $KUBERNETES" test/e2e/systems.test.ts test/e2e/scripts.test.ts
  done
}

# From the minor version before, which is built as for `minors`, to the lab's own, and to a patch, which is the lab's own under
# another name.
upgrades() {
  UPGRADES="v1.35.4 v1.36.4=v1.36.3" bare "three masters and two workers, and a mirror with three versions of Kubernetes" $kubernetes
  suite "upgrades of Kubernetes" test/e2e/upgrade.test.ts
}

# Of etcd a patch, which is the lab's own under another name, and the next minor version, which is built; of flannel a patch.
versions() {
  UPGRADES="etcd-v3.6.17=v3.6.16 etcd-v3.7.3 flannel-v0.28.5=v0.28.4" bare "three masters and two workers, and a mirror with other versions of etcd and flannel" $kubernetes
  suite "other versions of etcd and flannel" test/e2e/versions.test.ts
}

# Beside Debian's, two patches of each, which are built.
runtimes() {
  UPGRADES="containerd-v2.3.6 containerd-v2.3.7 runc-v1.5.2 runc-v1.5.3" bare "a master and a worker, and a mirror with versions of containerd and runc" $pair
  suite "containerd and runc in versions of the file" test/e2e/runtime.test.ts
}

conformance() {
  single "an earlier lab is cleared away" lab/down.sh
  single "make lab: Kubernetes" lab/up.sh $kubernetes
  single "Kubernetes' conformance tests" lab/conformance.sh
}

title "packages and modules"
lab/requirements.sh || { echo "the set-up failed"; printf '0 passed, 1 failed\n'; exit 1; }
for what in "${@:-all}"; do
  case $what in
    check) check ;;
    all)
      check
      lab
      ;;
    faults)
      faults
      single "the lab is removed" lab/down.sh
      ;;
    *) single "'$what' is one of check, all and faults" false ;;
  esac
done
[ "$failed" -eq 0 ] || { title "what failed"; cat "$failures"; }
printf '\nin %d s\n%d passed, %d failed\n' $((SECONDS - began)) "$passed" "$failed"
[ "$failed" -eq 0 ]
