#!/usr/bin/env bash
# control-plane: API server, controller manager, scheduler and admission run with the files they have now. Restarted one after the
# other and only what changed; the next master's turn comes when this one answers.
#
# Needs also: READS (see files_of), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

PKI=/etc/kubernetes/pki

# answers PORT PATH: the local component answers over TLS, verified against the cluster's CA.
answers() { curl --silent --noproxy '*' --fail --max-time 5 --cacert $PKI/ca.crt "https://127.0.0.1:$1$2"; }

# remove_timer: the release before looked at requests by a timer. What it put there goes, and is forgotten, so that reset takes
# off nothing that is another's by then.
remove_timer() {
  local former=(/etc/systemd/system/groundwork-approve.{timer,service} /usr/local/lib/groundwork/{approve,judge-csr})
  grep -qxF "${former[0]}" "$STATE/files" || return 0
  systemctl disable --quiet --now groundwork-approve.timer 2>/dev/null || true
  rm -f "${former[@]}"
  systemctl daemon-reload
  printf '%s\n' "${former[@]}" | grep -vxF -f - "$STATE/files" >"$STATE/.files.new"
  mv "$STATE/.files.new" "$STATE/files"
  changed "removed groundwork-approve.timer, in whose place groundwork-admission.service runs"
}

require_claim
exclusively control-plane
record /var/log/kubernetes
install -d -m 0700 /var/log/kubernetes
undo_on_failure
install_files
enable_units kube-apiserver.service kube-controller-manager.service kube-scheduler.service groundwork-admission.service
run_service kube-apiserver.service
run_service kube-controller-manager.service
run_service kube-scheduler.service
run_service groundwork-admission.service

wait_for 120 "the API server was not ready within 120 s" kube-apiserver.service answers 6443 /readyz
wait_for 60 "the controller manager did not answer within 60 s" kube-controller-manager.service answers 10257 /healthz
wait_for 60 "the scheduler did not answer within 60 s" kube-scheduler.service answers 10259 /healthz
wait_for 60 "the admission of nodes did not start within 60 s" groundwork-admission.service systemctl is-active --quiet groundwork-admission.service
remove_timer
finish
