#!/usr/bin/env bash
# control-plane: API server, controller manager and scheduler run with the files they have now. Restarted one after the
# other and only what changed; the next master's turn comes when this one answers.
#
# Needs also: READS (see files_of), and install_files.
# shellcheck source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

PKI=/etc/kubernetes/pki

# answers PORT PATH: the local component answers over TLS, verified against the cluster's CA.
answers() { curl --silent --noproxy '*' --fail --max-time 5 --cacert $PKI/ca.crt "https://127.0.0.1:$1$2"; }

require_claim
exclusively control-plane
record /var/log/kubernetes
install -d -m 0700 /var/log/kubernetes
undo_on_failure
install_files
enable_units kube-apiserver.service kube-controller-manager.service kube-scheduler.service groundwork-approve.{service,timer}
run_service kube-apiserver.service
run_service kube-controller-manager.service
run_service kube-scheduler.service

wait_for 120 "the API server was not ready within 120 s" kube-apiserver.service answers 6443 /readyz
wait_for 60 "the controller manager did not answer within 60 s" kube-controller-manager.service answers 10257 /healthz
wait_for 60 "the scheduler did not answer within 60 s" kube-scheduler.service answers 10259 /healthz
# Has no process to be older than its file: reading the units again is enough for it.
if ! systemctl is-active --quiet groundwork-approve.timer; then
  systemctl start groundwork-approve.timer
  changed "armed groundwork-approve.timer"
fi
finish
